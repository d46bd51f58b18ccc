package dev.bevel.javacpp;

import static dev.bevel.kernels.BevGrid.Axis.range;
import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.javacpp.abi.BevelAbi;
import dev.bevel.javacpp.abi.DLTensor;
import dev.bevel.javacpp.abi.bevel_lift_splat_backward_params;
import dev.bevel.javacpp.abi.bevel_lift_splat_forward_params;
import dev.bevel.javacpp.abi.bevel_lift_splat_geometry;
import dev.bevel.javacpp.abi.bevel_lift_splat_plan_info;
import dev.bevel.javacpp.abi.bevel_lift_splat_plan_params;
import dev.bevel.kernels.BevGrid;
import dev.bevel.kernels.Bevel;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.Layout;
import dev.bevel.kernels.LiftSplat;
import dev.bevel.kernels.LiftSplatGeometry;
import dev.bevel.kernels.LiftSplatGradients;
import dev.bevel.kernels.LiftSplatInputs;
import dev.bevel.kernels.LiftSplatOutputs;
import dev.bevel.kernels.LiftSplatPlan;
import dev.bevel.kernels.TensorView;
import java.lang.foreign.Arena;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.junit.jupiter.api.Test;

/** The same headers through JavaCPP's generator: one library, the same bits as through Panama. */
class JavaCppBindingTest {
  private static final int CHANNELS = 24;
  private static final double[] INTRINSICS = {557, 0, 352, 0, 557, 128, 0, 0, 1};
  private static final double[] CAMERA_TO_BEV = {
    0, 0, 1, 1.5, -1, 0, 0, 0, 0, -1, 0, 1.6, 0, 0, 0, 1
  };

  private static LiftSplatGeometry geometry() {
    return LiftSplatGeometry.builder()
        .grid(BevGrid.of(range(-51.2, 51.2, 0.8), range(-51.2, 51.2, 0.8), range(-5, 3, 8)))
        .depth(59, 1, 1)
        .imageSize(256, 704)
        .featureSize(16, 44)
        .intrinsics(INTRINSICS)
        .cameraToBev(CAMERA_TO_BEV)
        .build();
  }

  /** Tensors of one call of forward and one of backward. */
  private record Tensors(
      TensorView depth,
      TensorView context,
      TensorView out,
      TensorView probabilities,
      TensorView gradDepth,
      TensorView gradContext) {
    static Tensors of(Arena arena, LiftSplatPlan plan) {
      long[] depthShape = plan.depthShape();
      long[] contextShape = plan.contextShape(CHANNELS, Layout.CHANNELS_FIRST);
      return new Tensors(
          random(arena, 1, depthShape),
          random(arena, 2, contextShape),
          TensorView.allocate(arena, DType.FLOAT32, plan.outShape(CHANNELS, Layout.CHANNELS_FIRST)),
          TensorView.allocate(arena, DType.FLOAT32, depthShape),
          TensorView.allocate(arena, DType.FLOAT32, depthShape),
          TensorView.allocate(arena, DType.FLOAT32, contextShape));
    }

    private static TensorView random(Arena arena, long seed, long[] shape) {
      TensorView view = TensorView.allocate(arena, DType.FLOAT32, shape);
      Random random = new Random(seed);
      for (long i = 0; i < view.elementCount(); i++) {
        view.segment()
            .setAtIndex(java.lang.foreign.ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
      }
      return view;
    }
  }

  @Test
  void forwardAndBackwardGiveTheBitsOfPanama() {
    try (Arena arena = Arena.ofConfined();
        PointerScope scope = new PointerScope();
        LiftSplatPlan plan = LiftSplatPlan.build(geometry())) {
      Tensors panama = Tensors.of(arena, plan);
      LiftSplatInputs inputs = new LiftSplatInputs(plan, panama.depth, panama.context);
      LiftSplat.forward(
          inputs, LiftSplatOutputs.of(panama.out).withProbabilities(panama.probabilities));
      LiftSplat.backward(
          inputs.withProbabilities(panama.probabilities),
          panama.out,
          LiftSplatGradients.none().withDepth(panama.gradDepth).withContext(panama.gradContext));

      Tensors javacpp = Tensors.of(arena, plan);
      forward(arena, plan, javacpp);
      backward(arena, plan, javacpp);

      assertThat(scope).isNotNull();
      assertThat(panama.out.toFloatArray())
          .contains(0f)
          .isNotEqualTo(new float[(int) panama.out.elementCount()]);
      assertThat(javacpp.out.toFloatArray()).isEqualTo(panama.out.toFloatArray());
      assertThat(javacpp.probabilities.toFloatArray())
          .isEqualTo(panama.probabilities.toFloatArray());
      assertThat(javacpp.gradDepth.toFloatArray()).isEqualTo(panama.gradDepth.toFloatArray());
      assertThat(javacpp.gradContext.toFloatArray()).isEqualTo(panama.gradContext.toFloatArray());
    }
  }

  private static void forward(Arena arena, LiftSplatPlan plan, Tensors tensors) {
    bevel_lift_splat_forward_params params = new bevel_lift_splat_forward_params();
    params
        .struct_size(params.sizeof())
        .plan(Pointers.descriptor(plan.memory()))
        .depth(Pointers.descriptor(tensors.depth))
        .context(Pointers.descriptor(tensors.context))
        .out(Pointers.descriptor(tensors.out))
        .probabilities(Pointers.descriptor(tensors.probabilities));
    long[] bytes = new long[1];
    ok(BevelAbi.bevel_lift_splat_forward_workspace(params, bytes));
    params.workspace(Pointers.descriptor(TensorView.allocate(arena, DType.UINT8, bytes[0])));
    ok(BevelAbi.bevel_lift_splat_forward(params, null));
  }

  private static void backward(Arena arena, LiftSplatPlan plan, Tensors tensors) {
    bevel_lift_splat_backward_params params = new bevel_lift_splat_backward_params();
    params
        .struct_size(params.sizeof())
        .plan(Pointers.descriptor(plan.memory()))
        .grad_out(Pointers.descriptor(tensors.out))
        .probabilities(Pointers.descriptor(tensors.probabilities))
        .context(Pointers.descriptor(tensors.context))
        .grad_depth(Pointers.descriptor(tensors.gradDepth))
        .grad_context(Pointers.descriptor(tensors.gradContext));
    long[] bytes = new long[1];
    ok(BevelAbi.bevel_lift_splat_backward_workspace(params, bytes));
    params.workspace(Pointers.descriptor(TensorView.allocate(arena, DType.UINT8, bytes[0])));
    ok(BevelAbi.bevel_lift_splat_backward(params, null));
  }

  @Test
  void plansHaveTheSameCounts() {
    try (Arena arena = Arena.ofConfined();
        PointerScope scope = new PointerScope();
        LiftSplatPlan expected = LiftSplatPlan.build(geometry())) {
      bevel_lift_splat_plan_params params = new bevel_lift_splat_plan_params();
      params.struct_size(params.sizeof());
      describe(arena, params.geometry());
      long[] elements = new long[1];
      long[] bytes = new long[1];
      ok(BevelAbi.bevel_lift_splat_plan_size(params, BevelAbi.kDLCPU, elements, bytes));
      DLTensor plan = Pointers.descriptor(TensorView.allocate(arena, DType.INT32, elements[0]));
      params
          .plan(plan)
          .workspace(Pointers.descriptor(TensorView.allocate(arena, DType.UINT8, bytes[0])));
      ok(BevelAbi.bevel_lift_splat_plan_build(params, null));
      bevel_lift_splat_plan_info info = new bevel_lift_splat_plan_info();
      info.struct_size(info.sizeof());
      ok(BevelAbi.bevel_lift_splat_plan_read_info(plan, info, null));

      assertThat(scope).isNotNull();
      assertThat(elements[0] * 4).isEqualTo(expected.byteSize());
      assertThat(info.points()).isEqualTo(expected.info().points()).isPositive();
      assertThat(info.runs()).isEqualTo(expected.info().runs());
      assertThat(info.rows()).isEqualTo(expected.info().rows());
      assertThat(info.filled_cells()).isEqualTo(expected.info().filledCells());
    }
  }

  private static void describe(Arena arena, bevel_lift_splat_geometry geometry) {
    geometry
        .struct_size(geometry.sizeof())
        .batch(1)
        .cameras(1)
        .depth_bins(59)
        .height(16)
        .width(44)
        .image_height(256)
        .image_width(704)
        .depth_start(1)
        .depth_step(1)
        .intrinsics(Pointers.descriptor(TensorView.copyOf(arena, INTRINSICS, 1, 1, 3, 3)))
        .camera_to_bev(Pointers.descriptor(TensorView.copyOf(arena, CAMERA_TO_BEV, 1, 1, 4, 4)));
    double[] lower = {-51.2, -51.2, -5};
    double[] size = {0.8, 0.8, 8};
    int[] cells = {128, 128, 1};
    for (int i = 0; i < 3; i++) {
      geometry.grid().lower(i, lower[i]).cell_size(i, size[i]).cells(i, cells[i]);
    }
  }

  @Test
  void bothBindingsUseOneLibrary() {
    int threads = Bevel.threads();
    try {
      assertThat(BevelAbi.bevel_set_num_threads(threads + 3)).isEqualTo(BevelAbi.BEVEL_OK);
      assertThat(Bevel.threads()).isEqualTo(threads + 3);
    } finally {
      Bevel.setThreads(threads);
    }
    assertThat(BevelAbi.bevel_get_num_threads()).isEqualTo(threads);
  }

  @Test
  void failuresAreAStatusAndASentence() {
    try (PointerScope scope = new PointerScope()) {
      bevel_lift_splat_forward_params params = new bevel_lift_splat_forward_params();
      params.struct_size(params.sizeof());
      assertThat(BevelAbi.bevel_lift_splat_forward(params, null))
          .isEqualTo(BevelAbi.BEVEL_INVALID_ARGUMENT);
      assertThat(BevelAbi.bevel_last_error().getString())
          .startsWith("lift_splat_forward: ")
          .contains("plan");
      assertThat(scope).isNotNull();
    }
  }

  private static void ok(int status) {
    assertThat(status)
        .as(() -> BevelAbi.bevel_last_error().getString())
        .isEqualTo(BevelAbi.BEVEL_OK);
  }
}
