package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.kernels.BevGrid.Axis;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Calibrations of which no map can come: an error, or a warning where they are legal. */
class BlindCamerasTest {
  private static final double[] K = {1, 0, 2, 0, 1, 2, 0, 0, 1};
  private static final double[] FORWARD = {0, 0, 1, 0, -1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 1};
  private static final double[] UP = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 100, 0, 0, 0, 1};
  private static final double[] IDENTITY = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};

  private static LiftSplatGeometry.Builder builder(double... cameraToBev) {
    Axis axis = Axis.range(-2, 2, 1);
    return LiftSplatGeometry.builder()
        .grid(BevGrid.of(axis, axis, Axis.range(-1, 1, 2)))
        .depth(2, 1, 1)
        .imageSize(4, 4)
        .featureSize(2, 2)
        .intrinsics(K)
        .cameraToBev(cameraToBev);
  }

  private interface Change {
    void make(LiftSplatGeometry.Builder builder, double[] matrix);
  }

  @Test
  void matricesOfNoCameraAreRefused() {
    List<String> names =
        List.of("intrinsics", "cameraToBev", "imageAugmentation", "bevAugmentation");
    List<Change> setters =
        List.of(
            LiftSplatGeometry.Builder::intrinsics,
            LiftSplatGeometry.Builder::cameraToBev,
            LiftSplatGeometry.Builder::imageAugmentation,
            LiftSplatGeometry.Builder::bevAugmentation);
    for (int i = 0; i < names.size(); i++) {
      double[] good = i == 0 ? K : IDENTITY;
      int size = i == 0 ? 3 : 4;
      for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
        double[] matrix = good.clone();
        matrix[size + 2] = bad;
        refused(setters.get(i), matrix, names.get(i) + "[0] holds " + bad + " in row 1, column 2");
      }
      String singular = names.get(i) + "[0] is singular: its first ";
      refused(setters.get(i), new double[good.length], singular);
      double[] flat = good.clone();
      flat[0] = 0;
      refused(setters.get(i), flat, singular);
      double[] tiny = good.clone();
      for (int j = 0; j < Math.min(tiny.length, 12); j++) { // of 4×4 not the last row
        tiny[j] *= 1e-30; // small, and as good as before
      }
      setters.get(i).make(builder(FORWARD), tiny);
    }
  }

  private static void refused(Change change, double[] matrix, String message) {
    LiftSplatGeometry.Builder asArray = builder(FORWARD);
    change.make(asArray, matrix);
    assertThatThrownBy(asArray::build)
        .isInstanceOf(BevelException.class)
        .hasMessageStartingWith("LiftSplatGeometry: " + message);
  }

  @Test
  void matricesGivenAsTensorsToo() {
    try (Arena arena = Arena.ofConfined()) {
      float[] nan = {1, 0, 2, 0, Float.NaN, 2, 0, 0, 1};
      LiftSplatGeometry.Builder builder =
          builder(FORWARD).intrinsics(TensorView.copyOf(arena, nan, 1, 1, 3, 3));
      assertThatThrownBy(builder::build)
          .isInstanceOf(BevelException.class)
          .hasMessage("LiftSplatGeometry: intrinsics[0] holds NaN in row 1, column 1");
    }
  }

  @Test
  void depthsThatDoNotGrowAreRefused() {
    double[][] starts = {{1, -0.5}, {1, 0}, {-1, 1}, {Double.NaN, 1}, {1, Double.NaN}, {1, 1e308}};
    for (double[] each : starts) {
      assertThatThrownBy(() -> builder(FORWARD).depth(59, each[0], each[1]))
          .isInstanceOf(BevelException.class)
          .hasMessage(
              "LiftSplatGeometry: depth must start at 0 or more and grow by a finite step, got"
                  + " start "
                  + each[0]
                  + " and step "
                  + each[1]);
    }
  }

  @Test
  void aRigThatSeesNothingIsToldOf() {
    assertThat(log(() -> LiftSplatPlan.build(builder(FORWARD).build()).close()))
        .doesNotContain("falls in the grid");
    String expected =
        "LiftSplatPlan: none of the cameras' points [1, 1, 2, 2, 2] falls in the grid";
    assertThat(log(() -> LiftSplatPlan.build(builder(UP).build()).close())).contains(expected);
    LiftSplatGeometry geometry = builder(UP).build();
    LiftSplatPlan.Size size = LiftSplatPlan.size(geometry, PoolingMethod.AUTO, 0, Device.Type.CPU);
    try (Arena arena = Arena.ofConfined()) {
      TensorView memory = TensorView.allocate(arena, DType.INT32, size.planElements());
      TensorView workspace = TensorView.allocate(arena, DType.UINT8, size.workspaceBytes());
      assertThat(
              log(
                  () ->
                      LiftSplatPlan.buildOn(memory, workspace, geometry, PoolingMethod.AUTO, 0, 0)
                          .close()))
          .contains(expected);
    }
  }

  private static String log(Runnable work) {
    PrintStream before = System.err;
    ByteArrayOutputStream captured = new ByteArrayOutputStream();
    System.setErr(new PrintStream(captured, true, StandardCharsets.UTF_8));
    try {
      work.run();
    } finally {
      System.setErr(before);
    }
    return captured.toString(StandardCharsets.UTF_8);
  }

  /** Not on the plan, which is right. */
  @Test
  void aDepthOfAnotherShapeIsBlamedItself() {
    try (Arena arena = Arena.ofConfined();
        LiftSplatPlan plan = LiftSplatPlan.build(builder(FORWARD).build())) {
      TensorView context = TensorView.allocate(arena, DType.FLOAT32, 1, 1, 3, 2, 2);
      TensorView out = TensorView.allocate(arena, DType.FLOAT32, 1, 1, 3, 4, 4);
      TensorView right = TensorView.allocate(arena, DType.FLOAT32, 1, 1, 2, 2, 2);
      LiftSplat.forward(plan, right, context, out);
      long[][] shapes = {
        {1, 1, 3, 2, 2}, {1, 1, 2, 4, 2}, {2, 1, 2, 2, 2}, {1, 2, 2, 2, 2}, {1, 2, 2, 2}, {}, {0}
      };
      for (long[] shape : shapes) {
        TensorView wrong = TensorView.allocate(arena, DType.FLOAT32, shape);
        String told = " must be [1, 1, 2, 2, 2] to match the plan, got " + List.of(box(shape));
        assertThatThrownBy(() -> LiftSplat.forward(plan, wrong, context, out))
            .isInstanceOf(BevelException.class)
            .hasMessage("lift_splat_forward: depth" + told);
        LiftSplatInputs inputs = new LiftSplatInputs(plan, right, context).withProbabilities(wrong);
        LiftSplatGradients gradients = LiftSplatGradients.none().withContext(context);
        assertThatThrownBy(() -> LiftSplat.backward(inputs, out, gradients))
            .isInstanceOf(BevelException.class)
            .hasMessage("lift_splat_backward: probabilities" + told);
      }
      TensorView wide = TensorView.allocate(arena, DType.FLOAT32, 1, 1, 3, 2, 5);
      assertThatThrownBy(() -> LiftSplat.forward(plan, right, wide, out))
          .hasMessageContaining("context must be [1, 1, any, 2, 2] to match depth");
    }
  }

  private static Long[] box(long[] values) {
    Long[] boxed = new Long[values.length];
    for (int i = 0; i < values.length; i++) {
      boxed[i] = values[i];
    }
    return boxed;
  }
}
