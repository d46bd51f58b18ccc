package dev.bevel.javacpp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.javacpp.abi.BevelAbi;
import dev.bevel.javacpp.abi.bevel_deform_attn_backward_params;
import dev.bevel.javacpp.abi.bevel_deform_attn_forward_params;
import dev.bevel.javacpp.abi.bevel_msda_backward_params;
import dev.bevel.javacpp.abi.bevel_msda_forward_params;
import dev.bevel.javacpp.abi.bevel_value_levels;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.DeformAttn;
import dev.bevel.kernels.DeformAttnGradients;
import dev.bevel.kernels.DeformAttnInputs;
import dev.bevel.kernels.MapCombination;
import dev.bevel.kernels.Msda;
import dev.bevel.kernels.MsdaGradients;
import dev.bevel.kernels.MsdaInputs;
import dev.bevel.kernels.ReferenceKind;
import dev.bevel.kernels.TensorView;
import dev.bevel.kernels.ValueLevels;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Deformable attention through JavaCPP and through Panama: the same bits. */
class DeformAttnBindingTest {
  private static final ValueLevels LEVELS = ValueLevels.of(5, 7, 3, 4);
  private static final long ROWS = 47;

  private final Arena arena = Arena.ofConfined();
  private PointerScope scope;

  @BeforeEach
  void openScope() {
    scope = new PointerScope();
  }

  @AfterEach
  void closeScope() {
    scope.close();
    arena.close();
  }

  @Test
  void fieldsForm() {
    TensorView value = random(1, 2, ROWS, 3, 8);
    TensorView locations = random(2, 2, 5, 3, 2, 4, 2);
    TensorView weights = random(3, 2, 5, 3, 2, 4);
    MsdaInputs inputs = new MsdaInputs(value, LEVELS, locations, weights);
    TensorView out = zeros(2, 5, 24);
    Msda.forward(inputs, out);
    bevel_msda_forward_params forward = new bevel_msda_forward_params();
    TensorView outAgain = zeros(2, 5, 24);
    forward
        .struct_size(forward.sizeof())
        .value(Pointers.descriptor(value))
        .locations(Pointers.descriptor(locations))
        .weights(Pointers.descriptor(weights))
        .out(Pointers.descriptor(outAgain));
    describe(forward.levels());
    ok(BevelAbi.bevel_msda_forward(forward, null));
    same(out, outAgain);

    TensorView grad = zeros(2, ROWS, 3, 8);
    Msda.backward(inputs, out, MsdaGradients.none().withValue(grad));
    bevel_msda_backward_params backward = new bevel_msda_backward_params();
    TensorView gradAgain = zeros(2, ROWS, 3, 8);
    backward
        .struct_size(backward.sizeof())
        .grad_out(Pointers.descriptor(out))
        .value(Pointers.descriptor(value))
        .locations(Pointers.descriptor(locations))
        .weights(Pointers.descriptor(weights))
        .grad_value(Pointers.descriptor(gradAgain));
    describe(backward.levels());
    long[] bytes = new long[1];
    ok(BevelAbi.bevel_msda_backward_workspace(backward, bytes));
    backward.workspace(Pointers.descriptor(TensorView.allocate(arena, DType.UINT8, bytes[0])));
    ok(BevelAbi.bevel_msda_backward(backward, null));
    same(grad, gradAgain);
  }

  @Test
  void fusedForm() {
    TensorView value = random(1, 2, 3, ROWS, 2, 8);
    TensorView reference = random(2, 2, 3, 5, 2, 2);
    TensorView offsets = random(3, 2, 1, 5, 2, 2, 4, 2);
    TensorView logits = random(4, 2, 1, 5, 2, 2, 4);
    DeformAttnInputs inputs =
        new DeformAttnInputs(value, LEVELS, reference, offsets, logits)
            .withReferenceKind(ReferenceKind.OF_POINT)
            .withCombination(MapCombination.SEPARATE);
    TensorView out = zeros(2, 3, 5, 16);
    DeformAttn.forward(inputs, out);
    bevel_deform_attn_forward_params forward = new bevel_deform_attn_forward_params();
    TensorView outAgain = zeros(2, 3, 5, 16);
    forward
        .struct_size(forward.sizeof())
        .reference_kind(BevelAbi.BEVEL_REFERENCE_OF_POINT)
        .combination(BevelAbi.BEVEL_MAPS_SEPARATE)
        .value(Pointers.descriptor(value))
        .reference(Pointers.descriptor(reference))
        .offsets(Pointers.descriptor(offsets))
        .logits(Pointers.descriptor(logits))
        .out(Pointers.descriptor(outAgain));
    describe(forward.levels());
    ok(BevelAbi.bevel_deform_attn_forward(forward, null));
    same(out, outAgain);

    TensorView grad = zeros(2, 3, 5, 2, 2);
    DeformAttn.backward(inputs, out, DeformAttnGradients.none().withReference(grad));
    bevel_deform_attn_backward_params backward = new bevel_deform_attn_backward_params();
    TensorView gradAgain = zeros(2, 3, 5, 2, 2);
    backward
        .struct_size(backward.sizeof())
        .grad_out(Pointers.descriptor(out))
        .reference_kind(BevelAbi.BEVEL_REFERENCE_OF_POINT)
        .combination(BevelAbi.BEVEL_MAPS_SEPARATE)
        .value(Pointers.descriptor(value))
        .reference(Pointers.descriptor(reference))
        .offsets(Pointers.descriptor(offsets))
        .logits(Pointers.descriptor(logits))
        .grad_reference(Pointers.descriptor(gradAgain))
        .determinism(BevelAbi.BEVEL_STRICT);
    describe(backward.levels());
    long[] bytes = new long[1];
    ok(BevelAbi.bevel_deform_attn_backward_workspace(backward, bytes));
    backward.workspace(Pointers.descriptor(TensorView.allocate(arena, DType.UINT8, bytes[0])));
    ok(BevelAbi.bevel_deform_attn_backward(backward, null));
    same(grad, gradAgain);
  }

  @Test
  void failuresAreAStatusAndASentence() {
    bevel_msda_forward_params params = new bevel_msda_forward_params();
    params.struct_size(params.sizeof());
    assertThat(BevelAbi.bevel_msda_forward(params, null))
        .isEqualTo(BevelAbi.BEVEL_INVALID_ARGUMENT);
    assertThat(BevelAbi.bevel_last_error().getString())
        .isEqualTo("msda_forward: value must be given, got NULL");
  }

  private static void describe(bevel_value_levels levels) {
    levels.levels(LEVELS.count());
    for (int i = 0; i < LEVELS.count(); i++) {
      ValueLevels.Level level = LEVELS.levels().get(i);
      levels.height(i, level.height()).width(i, level.width()).start(i, level.start());
    }
  }

  private TensorView zeros(long... shape) {
    return TensorView.allocate(arena, DType.FLOAT32, shape);
  }

  private TensorView random(long seed, long... shape) {
    TensorView view = zeros(shape);
    Random random = new Random(seed);
    for (long i = 0; i < view.elementCount(); i++) {
      view.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, random.nextFloat());
    }
    return view;
  }

  private static void same(TensorView panama, TensorView javacpp) {
    assertThat(panama.toFloatArray()).isNotEqualTo(new float[(int) panama.elementCount()]);
    assertThat(javacpp.toFloatArray()).isEqualTo(panama.toFloatArray());
  }

  private static void ok(int status) {
    assertThat(status)
        .as(() -> BevelAbi.bevel_last_error().getString())
        .isEqualTo(BevelAbi.BEVEL_OK);
  }
}
