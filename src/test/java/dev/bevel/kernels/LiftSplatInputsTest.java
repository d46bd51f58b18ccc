package dev.bevel.kernels;

import static dev.bevel.kernels.TensorValues.assertClose;
import static dev.bevel.kernels.TensorValues.doubles;
import static dev.bevel.kernels.TensorValues.floats;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Forward over the ways to give its inputs, its settings, and values and sizes at the edge. */
class LiftSplatInputsTest {
  private static final LiftSplatScene SCENE =
      new LiftSplatScene(
          100, new int[] {2, 3, 7, 5, 9, 6}, LiftSplatScene.grid(3, CellRounding.TRUNC, RowAxis.Y));

  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void contextAndMapInSixteenBits(DType dtype) {
    short[] rounded = new short[SCENE.contextSize()];
    double[] context = SCENE.random(rounded.length, 2);
    for (int i = 0; i < rounded.length; i++) {
      rounded[i] = narrow((float) context[i], dtype);
      context[i] = widen(rounded[i], dtype);
    }
    double[] given = SCENE.random(SCENE.points(), 1);
    double[] expected = SCENE.forward(given, context, Layout.CHANNELS_FIRST, Layout.CHANNELS_FIRST);
    try (Arena arena = Arena.ofConfined();
        LiftSplatPlan plan = LiftSplatPlan.build(SCENE.withMatrices())) {
      TensorView features =
          TensorView.allocate(
              arena, dtype, plan.contextShape(SCENE.channels, Layout.CHANNELS_FIRST));
      MemorySegment.copy(rounded, 0, features.segment(), ValueLayout.JAVA_SHORT, 0, rounded.length);
      TensorView out =
          TensorView.allocate(arena, dtype, plan.outShape(SCENE.channels, Layout.CHANNELS_FIRST));
      LiftSplat.forward(
          new LiftSplatInputs(
                  plan, TensorView.copyOf(arena, floats(given), plan.depthShape()), features)
              .withDepthKind(DepthKind.PROBABILITIES),
          out);
      // Half a unit in the last place of the map's type, and the float32 sums before it.
      double bound = dtype == DType.FLOAT16 ? 0x1p-11 : 0x1p-8;
      for (int i = 0; i < expected.length; i++) {
        double actual = widen(out.segment().getAtIndex(ValueLayout.JAVA_SHORT, i), dtype);
        assertThat(actual)
            .as("element %d", i)
            .isCloseTo(expected[i], within(bound * Math.abs(expected[i]) + 1e-5));
      }
    }
  }

  private static short narrow(float value, DType dtype) {
    return dtype == DType.FLOAT16
        ? Float.floatToFloat16(value)
        : (short) (Float.floatToIntBits(value) >> 16);
  }

  private static double widen(short bits, DType dtype) {
    return dtype == DType.FLOAT16 ? Float.float16ToFloat(bits) : Float.intBitsToFloat(bits << 16);
  }

  @Test
  void cellsInPlaceOfMatricesGiveTheSameBits() {
    try (Arena arena = Arena.ofConfined();
        LiftSplatPlan fromMatrices = LiftSplatPlan.build(SCENE.withMatrices())) {
      TensorView cells = TensorView.allocate(arena, DType.INT32, fromMatrices.depthShape());
      LiftSplat.cells(SCENE.withMatrices(), cells);
      try (LiftSplatPlan fromCells = LiftSplatPlan.build(SCENE.geometry().cells(cells).build())) {
        assertThat(fromCells.info()).isEqualTo(fromMatrices.info());
        assertThat(SCENE.run(fromCells)).isEqualTo(SCENE.run(fromMatrices));
      }
    }
  }

  @Test
  void matricesOfEitherPrecisionInTensors() {
    float[] intrinsics = floats(SCENE.intrinsics);
    float[] cameraToBev = floats(SCENE.cameraToBev);
    LiftSplatGeometry.Builder builder =
        SCENE.geometry().imageSize(LiftSplatScene.IMAGE_HEIGHT, LiftSplatScene.IMAGE_WIDTH);
    try (Arena arena = Arena.ofConfined();
        LiftSplatPlan arrays =
            LiftSplatPlan.build(
                builder.intrinsics(doubles(intrinsics)).cameraToBev(doubles(cameraToBev)).build());
        LiftSplatPlan doubleTensors =
            LiftSplatPlan.build(
                builder
                    .intrinsics(TensorView.copyOf(arena, doubles(intrinsics), 2, 3, 3, 3))
                    .cameraToBev(TensorView.copyOf(arena, doubles(cameraToBev), 2, 3, 4, 4))
                    .build());
        LiftSplatPlan floatTensors =
            LiftSplatPlan.build(
                builder
                    .intrinsics(TensorView.copyOf(arena, intrinsics, 2, 3, 3, 3))
                    .cameraToBev(TensorView.copyOf(arena, cameraToBev, 2, 3, 4, 4))
                    .build())) {
      assertThat(arrays.info().points()).isPositive();
      assertThat(SCENE.run(doubleTensors)).isEqualTo(SCENE.run(arrays));
      assertThat(SCENE.run(floatTensors)).isEqualTo(SCENE.run(arrays));
    }
  }

  @Test
  void stridesOverBatchAndCameras() {
    double[] logits = SCENE.random(SCENE.points(), 1);
    int image = SCENE.bins * SCENE.pixels();
    long gap = 5;
    try (Arena arena = Arena.ofConfined();
        LiftSplatPlan plan = LiftSplatPlan.build(SCENE.withMatrices())) {
      long[] strides = {SCENE.cameras * (image + gap), image + gap, SCENE.pixels(), SCENE.width, 1};
      TensorView memory =
          TensorView.allocate(
              arena, DType.FLOAT32, (long) SCENE.batch * SCENE.cameras * (image + gap));
      for (int i = 0; i < logits.length; i++) {
        memory.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i + i / image * gap, (float) logits[i]);
      }
      TensorView strided =
          TensorView.ofStrided(memory.segment(), DType.FLOAT32, plan.depthShape(), strides);
      TensorView context =
          TensorView.copyOf(
              arena,
              floats(SCENE.random(SCENE.contextSize(), 2)),
              plan.contextShape(SCENE.channels, Layout.CHANNELS_FIRST));
      TensorView out =
          TensorView.allocate(
              arena, DType.FLOAT32, plan.outShape(SCENE.channels, Layout.CHANNELS_FIRST));
      LiftSplat.forward(plan, strided, context, out);
      assertThat(out.toFloatArray()).isEqualTo(SCENE.run(plan));
    }
  }

  @Test
  void theNumberOfThreadsAndTheInstructionSetAreSettings() {
    int threads = Bevel.threads();
    InstructionSet best = Bevel.instructionSet();
    try (LiftSplatPlan plan = LiftSplatPlan.build(SCENE.withMatrices())) {
      float[] expected = SCENE.run(plan);
      for (int count = 1; count <= 3; count++) {
        Bevel.setThreads(count);
        assertThat(Bevel.threads()).isEqualTo(count);
        assertThat(SCENE.run(plan)).as("%d threads", count).isEqualTo(expected);
      }
      Bevel.setInstructionSet(InstructionSet.PORTABLE);
      assertThat(Bevel.instructionSet()).isEqualTo(InstructionSet.PORTABLE);
      assertClose(doubles(SCENE.run(plan)), doubles(expected), 1e-5);
    } finally {
      Bevel.setThreads(threads);
      Bevel.setInstructionSet(best);
    }
  }

  @Test
  void notANumberReachesItsOwnCellsOnly() {
    double[] given = SCENE.random(SCENE.points(), 1);
    int[] cells = SCENE.referenceCells();
    int kept = firstIndex(cells, true);
    int dropped = firstIndex(cells, false);
    try (Arena arena = Arena.ofConfined();
        LiftSplatPlan plan = LiftSplatPlan.build(SCENE.withMatrices())) {
      TensorView out =
          TensorView.allocate(
              arena, DType.FLOAT64, plan.outShape(SCENE.channels, Layout.CHANNELS_LAST));
      given[kept] = Double.NaN;
      given[dropped] = Double.NaN;
      LiftSplat.forward(
          new LiftSplatInputs(
                  plan,
                  TensorView.copyOf(arena, given, plan.depthShape()),
                  TensorView.copyOf(
                      arena,
                      SCENE.random(SCENE.contextSize(), 2),
                      plan.contextShape(SCENE.channels, Layout.CHANNELS_FIRST)))
              .withDepthKind(DepthKind.PROBABILITIES)
              .withOutLayout(Layout.CHANNELS_LAST),
          out);
      double[] map = out.toDoubleArray();
      int first = SCENE.out(0, cells[kept], 0, Layout.CHANNELS_LAST);
      for (int i = 0; i < map.length; i++) {
        boolean struck = i >= first && i < first + SCENE.channels;
        assertThat(Double.isNaN(map[i])).as("element %d", i).isEqualTo(struck);
      }
    }
  }

  private static int firstIndex(int[] cells, boolean kept) {
    int i = 0;
    while (cells[i] >= 0 != kept) {
      i++;
    }
    return i;
  }

  @Test
  void noPointsOrNoCamerasGiveAnEmptyMap() {
    try (Arena arena = Arena.ofConfined()) {
      TensorView nowhere = TensorView.allocate(arena, DType.INT32, 2, 3, 7, 5, 9);
      nowhere.segment().fill((byte) -1);
      try (LiftSplatPlan plan = LiftSplatPlan.build(SCENE.geometry().cells(nowhere).build())) {
        assertThat(plan.info().points()).isZero();
        assertThat(SCENE.run(plan)).containsOnly(0f);
      }
      LiftSplatScene none = new LiftSplatScene(1, new int[] {1, 0, 7, 5, 9, 6}, SCENE.grid);
      try (LiftSplatPlan plan = LiftSplatPlan.build(none.withMatrices())) {
        assertThat(none.run(plan)).containsOnly(0f);
      }
    }
  }
}
