package dev.bevel.javacpp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.javacpp.abi.BevelAbi;
import dev.bevel.javacpp.abi.bevel_deform_conv_backward_params;
import dev.bevel.javacpp.abi.bevel_deform_conv_forward_params;
import dev.bevel.javacpp.abi.bevel_deform_conv_settings;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.DeformConv;
import dev.bevel.kernels.DeformConvGradients;
import dev.bevel.kernels.DeformConvInputs;
import dev.bevel.kernels.DeformConvSettings;
import dev.bevel.kernels.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Deformable convolution through JavaCPP and through Panama: the same bits. */
class DeformConvBindingTest {
  private static final DeformConvSettings SETTINGS = new DeformConvSettings(2, 1, 1, 0, 1, 2, 2, 2);

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
  void bothPasses() {
    TensorView input = random(1, 2, 4, 6, 7);
    TensorView weight = random(2, 6, 2, 3, 2);
    TensorView offset = random(3, 2, 24, 3, 5);
    TensorView mask = random(4, 2, 12, 3, 5);
    TensorView bias = random(5, 6);
    DeformConvInputs inputs = new DeformConvInputs(input, offset, mask, weight, SETTINGS);
    TensorView out = zeros(2, 6, 3, 5);
    DeformConv.forward(inputs.withBias(bias), out);
    bevel_deform_conv_forward_params forward = new bevel_deform_conv_forward_params();
    TensorView outAgain = zeros(2, 6, 3, 5);
    forward
        .struct_size(forward.sizeof())
        .input(Pointers.descriptor(input))
        .offset(Pointers.descriptor(offset))
        .mask(Pointers.descriptor(mask))
        .weight(Pointers.descriptor(weight))
        .bias(Pointers.descriptor(bias))
        .out(Pointers.descriptor(outAgain));
    set(forward.settings());
    long[] bytes = new long[1];
    ok(BevelAbi.bevel_deform_conv_forward_workspace(forward, bytes));
    forward.workspace(Pointers.descriptor(workspace(bytes[0])));
    ok(BevelAbi.bevel_deform_conv_forward(forward, null));
    same(out, outAgain);

    TensorView gradInput = zeros(2, 4, 6, 7);
    TensorView gradOffset = zeros(2, 24, 3, 5);
    DeformConv.backward(
        inputs, out, DeformConvGradients.none().withInput(gradInput).withOffset(gradOffset));
    bevel_deform_conv_backward_params backward = new bevel_deform_conv_backward_params();
    TensorView gradInputAgain = zeros(2, 4, 6, 7);
    TensorView gradOffsetAgain = zeros(2, 24, 3, 5);
    backward
        .struct_size(backward.sizeof())
        .grad_out(Pointers.descriptor(out))
        .input(Pointers.descriptor(input))
        .offset(Pointers.descriptor(offset))
        .mask(Pointers.descriptor(mask))
        .weight(Pointers.descriptor(weight))
        .grad_input(Pointers.descriptor(gradInputAgain))
        .grad_offset(Pointers.descriptor(gradOffsetAgain))
        .determinism(BevelAbi.BEVEL_STRICT);
    set(backward.settings());
    ok(BevelAbi.bevel_deform_conv_backward_workspace(backward, bytes));
    backward.workspace(Pointers.descriptor(workspace(bytes[0])));
    ok(BevelAbi.bevel_deform_conv_backward(backward, null));
    same(gradInput, gradInputAgain);
    same(gradOffset, gradOffsetAgain);
  }

  @Test
  void failuresAreAStatusAndASentence() {
    bevel_deform_conv_forward_params params = new bevel_deform_conv_forward_params();
    params.struct_size(params.sizeof());
    assertThat(BevelAbi.bevel_deform_conv_forward(params, null))
        .isEqualTo(BevelAbi.BEVEL_INVALID_ARGUMENT);
    assertThat(BevelAbi.bevel_last_error().getString())
        .isEqualTo("deform_conv_forward: input must be given, got NULL");
  }

  private static void set(bevel_deform_conv_settings settings) {
    settings
        .stride(0, SETTINGS.strideY())
        .stride(1, SETTINGS.strideX())
        .padding(0, SETTINGS.paddingY())
        .padding(1, SETTINGS.paddingX())
        .dilation(0, SETTINGS.dilationY())
        .dilation(1, SETTINGS.dilationX())
        .groups(SETTINGS.groups())
        .deform_groups(SETTINGS.deformGroups());
  }

  private TensorView workspace(long bytes) {
    return TensorView.allocate(arena, DType.UINT8, bytes);
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
