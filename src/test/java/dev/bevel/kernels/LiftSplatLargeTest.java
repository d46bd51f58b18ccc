package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.kernels.BevGrid.Axis;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Tensors whose elements or bytes do not count in 32 bits, on the CPU: every number that comes out
 * is compared with the definition at the places where offsets would wrap, and at random ones. Needs
 * up to 14 GiB of memory and some minutes: runs with {@code -Dbevel.test.long=true}.
 */
class LiftSplatLargeTest {
  private static final long INT_ELEMENTS = 1L << 31;
  private static final double BFLOAT16_ROUNDING = 0x1p-8;

  private final Random random = new Random(20260101);

  @BeforeEach
  void onlyWhenAskedFor() {
    Assumptions.assumeTrue(
        Boolean.getBoolean("bevel.test.long"),
        "skipped: needs 14 GiB of memory, give -Dbevel.test.long=true");
  }

  /**
   * A context of 65 · 16 · 2²¹ elements. Image column w has cell w to itself, so the map holds, for
   * each column, the sum over its rows and bins.
   */
  @ParameterizedTest
  @EnumSource(Layout.class)
  void aContextOfMoreElementsThanAnIntCounts(Layout layout) {
    int channels = 65;
    int bins = 2;
    int height = 16;
    int width = 1 << 21;
    long pixels = (long) height * width;
    try (Arena arena = Arena.ofShared()) {
      LiftSplatPlan plan =
          ownCellForEachColumn(arena, bins, height, width, new Axis(0, 1, 2048), 1024);
      try (plan) {
        TensorView context = LargeTensors.bfloat16(arena, 1, plan.contextShape(channels, layout));
        assertThat(context.elementCount()).isGreaterThan(INT_ELEMENTS);
        TensorView depth = LargeTensors.float32(arena, 2, plan.depthShape());
        TensorView out =
            LargeTensors.float32(arena, 3, plan.outShape(channels, Layout.CHANNELS_FIRST));
        LiftSplat.forward(
            new LiftSplatInputs(plan, depth, context)
                .withDepthKind(DepthKind.PROBABILITIES)
                .withContextLayout(layout),
            out);

        for (int sample = 0; sample < 3000; sample++) {
          int w = edgeOrRandom(sample, width);
          int c = edgeOrRandom(sample / 3, channels);
          double expected = 0;
          for (int h = 0; h < height; h++) {
            long pixel = (long) h * width + w;
            expected +=
                (LargeTensors.value(2, pixel) + LargeTensors.value(2, pixels + pixel))
                    * LargeTensors.value(1, index(layout, c, pixel, channels, pixels));
          }
          assertThat(floatAt(out, (long) c * width + w))
              .as("channel %d, column %d", c, w)
              .isCloseTo((float) expected, within(1e-4f));
        }

        // The gradient of the map is what the map held before: its hash of series 3.
        LargeTensors.fill(out, 3);
        TensorView gradContext = LargeTensors.uninitialized(arena, DType.BFLOAT16, context.shape());
        TensorView gradDepth = LargeTensors.uninitialized(arena, DType.FLOAT32, depth.shape());
        LiftSplat.backward(
            new LiftSplatInputs(plan, depth, context)
                .withDepthKind(DepthKind.PROBABILITIES)
                .withContextLayout(layout),
            out,
            LiftSplatGradients.none().withDepth(gradDepth).withContext(gradContext));
        for (int sample = 0; sample < 3000; sample++) {
          int w = edgeOrRandom(sample, width);
          int c = edgeOrRandom(sample / 3, channels);
          int h = edgeOrRandom(sample / 7, height);
          long pixel = (long) h * width + w;
          double weight = LargeTensors.value(2, pixel) + LargeTensors.value(2, pixels + pixel);
          double expected = weight * LargeTensors.value(3, (long) c * width + w);
          assertThat(bfloat16At(gradContext, index(layout, c, pixel, channels, pixels)))
              .as("gradient of context, channel %d, row %d, column %d", c, h, w)
              .isCloseTo(expected, within(BFLOAT16_ROUNDING * Math.abs(expected) + 1e-6));
          double expectedDepth = 0;
          for (int k = 0; k < channels; k++) {
            expectedDepth +=
                LargeTensors.value(3, (long) k * width + w)
                    * LargeTensors.value(1, index(layout, k, pixel, channels, pixels));
          }
          int d = sample % bins;
          assertThat(floatAt(gradDepth, d * pixels + pixel))
              .as("gradient of depth, bin %d, row %d, column %d", d, h, w)
              .isCloseTo((float) expectedDepth, within(1e-4f));
        }
      }
    }
  }

  /** A map of 129 · 4096 · 4096 elements, of which a camera's 1024 points reach 256 cells. */
  @ParameterizedTest
  @CsvSource({
    "CHANNELS_FIRST, COLUMNS",
    "CHANNELS_LAST, COLUMNS",
    // Channels first, intervals pool into a copy of the map in float32: more than 14 GiB.
    "CHANNELS_LAST, INTERVALS"
  })
  void aMapOfMoreElementsThanAnIntCounts(Layout layout, PoolingMethod method) {
    int channels = 129;
    int bins = 4;
    int height = 4;
    int width = 64;
    int cells = 4096 * 4096;
    int points = bins * height * width;
    try (Arena arena = Arena.ofShared()) {
      int[] cellOfPoint = new int[points];
      for (int i = 0; i < points; i++) {
        // The first and the last cell, and others all over the map; all bins of a pixel in one.
        int pixel = i % (height * width);
        cellOfPoint[i] = (int) ((cells - 1L) * pixel / (height * width - 1));
      }
      LiftSplatGeometry geometry =
          LiftSplatGeometry.builder()
              .depth(bins, 1, 1)
              .featureSize(height, width)
              .grid(BevGrid.of(new Axis(0, 1, 4096), new Axis(0, 1, 4096), new Axis(0, 1, 1)))
              .cells(TensorView.copyOf(arena, cellOfPoint, 1, 1, bins, height, width))
              .build();
      try (LiftSplatPlan plan = LiftSplatPlan.build(geometry, method)) {
        TensorView context =
            LargeTensors.bfloat16(arena, 1, plan.contextShape(channels, Layout.CHANNELS_LAST));
        TensorView depth = LargeTensors.float32(arena, 2, plan.depthShape());
        TensorView out = LargeTensors.bfloat16(arena, 3, plan.outShape(channels, layout));
        assertThat(out.elementCount()).isGreaterThan(INT_ELEMENTS);
        LiftSplat.forward(
            new LiftSplatInputs(plan, depth, context)
                .withDepthKind(DepthKind.PROBABILITIES)
                .withContextLayout(Layout.CHANNELS_LAST)
                .withOutLayout(layout),
            out);

        int pixels = height * width;
        long nonZero = 0;
        for (int pixel = 0; pixel < pixels; pixel++) {
          double weight = 0;
          for (int d = 0; d < bins; d++) {
            weight += LargeTensors.value(2, (long) d * pixels + pixel);
          }
          for (int c = 0; c < channels; c++) {
            double expected = weight * LargeTensors.value(1, (long) pixel * channels + c);
            long at = index(layout, c, cellOfPoint[pixel], channels, cells);
            nonZero += out.segment().getAtIndex(ValueLayout.JAVA_SHORT, at) != 0 ? 1 : 0;
            assertThat(bfloat16At(out, at))
                .as("cell %d, channel %d", cellOfPoint[pixel], c)
                .isCloseTo(expected, within(BFLOAT16_ROUNDING * Math.abs(expected) + 1e-6));
          }
        }
        assertThat(LargeTensors.countNonZero(out))
            .as("all other cells are zero")
            .isEqualTo(nonZero);

        LargeTensors.fill(out, 3);
        TensorView gradContext = LargeTensors.uninitialized(arena, DType.BFLOAT16, context.shape());
        TensorView gradDepth = LargeTensors.uninitialized(arena, DType.FLOAT32, depth.shape());
        LiftSplat.backward(
            new LiftSplatInputs(plan, depth, context)
                .withDepthKind(DepthKind.PROBABILITIES)
                .withContextLayout(Layout.CHANNELS_LAST)
                .withOutLayout(layout),
            out,
            LiftSplatGradients.none().withDepth(gradDepth).withContext(gradContext));
        for (int i = 0; i < points; i++) {
          int pixel = i % pixels;
          double expected = 0;
          for (int c = 0; c < channels; c++) {
            expected +=
                LargeTensors.value(1, (long) pixel * channels + c)
                    * LargeTensors.value(3, index(layout, c, cellOfPoint[pixel], channels, cells));
          }
          assertThat(floatAt(gradDepth, i))
              .as("gradient of depth, point %d", i)
              .isCloseTo((float) expected, within(1e-4f));
        }
        for (int pixel = 0; pixel < pixels; pixel++) {
          double weight = 0;
          for (int d = 0; d < bins; d++) {
            weight += LargeTensors.value(2, (long) d * pixels + pixel);
          }
          for (int c = 0; c < channels; c++) {
            double expected =
                weight
                    * LargeTensors.value(3, index(layout, c, cellOfPoint[pixel], channels, cells));
            assertThat(bfloat16At(gradContext, (long) pixel * channels + c))
                .as("gradient of context, pixel %d, channel %d", pixel, c)
                .isCloseTo(expected, within(BFLOAT16_ROUNDING * Math.abs(expected) + 1e-6));
          }
        }
      }
    }
  }

  /** Depth of 2³⁰ − 1 points, the most there may be: 4 GiB, and as much for each gradient. */
  @Test
  void asManyPointsAsThereMayBe() {
    int bins = 2979;
    int height = 217;
    int width = 1661;
    long pixels = (long) height * width;
    int channels = 3;
    int band = 10; // bins to a cell
    int kept = 3 * band;
    double[] binLogit = new double[bins];
    for (int d = 0; d < bins; d++) {
      binLogit[d] = LargeTensors.value(4, d);
    }
    // Pixel (h, w) looks along (w, h, 1); the map's rows are bands of depth, those of the last
    // bins.
    LiftSplatGeometry geometry =
        LiftSplatGeometry.builder()
            .depth(bins, 1, 1)
            .featureSize(height, width)
            .imageSize(height, width)
            .intrinsics(new double[] {1, 0, 0, 0, 1, 0, 0, 0, 1})
            .cameraToBev(new double[] {1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1})
            .grid(
                BevGrid.of(
                        new Axis(-0.5, 1e7, 1),
                        new Axis(bins - kept + 0.5, band, 3),
                        new Axis(-0.5, 1e7, 1))
                    .withRounding(CellRounding.FLOOR))
            .build();
    try (Arena arena = Arena.ofShared()) {
      long maxPoints = kept * pixels;
      LiftSplatPlan.Size size =
          LiftSplatPlan.size(geometry, PoolingMethod.COLUMNS, maxPoints, Device.Type.CPU);
      TensorView memory = LargeTensors.uninitialized(arena, DType.INT32, size.planElements());
      LiftSplatPlan plan;
      try (Arena building = Arena.ofShared()) {
        TensorView workspace =
            LargeTensors.uninitialized(building, DType.UINT8, size.workspaceBytes());
        plan =
            LiftSplatPlan.buildOn(memory, workspace, geometry, PoolingMethod.COLUMNS, maxPoints, 0);
      }
      assertThat(plan.info().points()).isEqualTo(maxPoints);

      TensorView context =
          LargeTensors.float32(arena, 1, plan.contextShape(channels, Layout.CHANNELS_FIRST));
      TensorView out =
          LargeTensors.uninitialized(
              arena, DType.FLOAT32, plan.outShape(channels, Layout.CHANNELS_FIRST));
      TensorView probabilities =
          LargeTensors.uninitialized(arena, DType.FLOAT32, plan.depthShape());
      assertThat(probabilities.elementCount()).isEqualTo((1L << 30) - 1);
      try (Arena forward = Arena.ofShared()) {
        TensorView logits = LargeTensors.uninitialized(forward, DType.FLOAT32, plan.depthShape());
        // A pixel's own constant leaves its softmax alone, unless bins of other pixels are read.
        LargeTensors.fillFloat32(
            logits, i -> binLogit[(int) (i / pixels)] + 4 * LargeTensors.value(5, i % pixels));
        LiftSplat.forward(
            new LiftSplatInputs(plan, logits, context),
            LiftSplatOutputs.of(out).withProbabilities(probabilities));
      }
      double[] softmax = softmax(binLogit);
      for (int sample = 0; sample < 3000; sample++) {
        int d = edgeOrRandom(sample, bins);
        long pixel = edgeOrRandom(sample / 3, (int) pixels);
        assertThat((double) floatAt(probabilities, d * pixels + pixel))
            .as("probability of bin %d of pixel %d", d, pixel)
            .isCloseTo(softmax[d], within(1e-5 * softmax[d]));
      }
      double[] sums = new double[channels];
      double[] magnitudes = new double[channels];
      for (int c = 0; c < channels; c++) {
        for (long pixel = 0; pixel < pixels; pixel++) {
          sums[c] += LargeTensors.value(1, c * pixels + pixel);
          magnitudes[c] += Math.abs(LargeTensors.value(1, c * pixels + pixel));
        }
      }
      double[] gradOut = new double[3 * channels];
      for (int row = 0; row < 3; row++) {
        double weight = 0;
        for (int d = bins - kept + row * band; d < bins - kept + (row + 1) * band; d++) {
          weight += softmax[d];
        }
        for (int c = 0; c < channels; c++) {
          gradOut[c * 3 + row] = LargeTensors.value(3, c * 3 + row);
          assertThat((double) floatAt(out, c * 3 + row))
              .as("row %d, channel %d", row, c)
              .isCloseTo(weight * sums[c], within(1e-4 * weight * magnitudes[c]));
        }
      }

      LargeTensors.fill(out, 3);
      TensorView gradDepth = LargeTensors.uninitialized(arena, DType.FLOAT32, plan.depthShape());
      TensorView gradContext = LargeTensors.uninitialized(arena, DType.FLOAT32, context.shape());
      backward(plan, out, probabilities, context, gradDepth, gradContext);
      for (int sample = 0; sample < 3000; sample++) {
        long pixel = edgeOrRandom(sample / 3, (int) pixels);
        double[] gradient = new double[bins];
        double mean = 0;
        double[] expectedContext = new double[channels];
        for (int d = bins - kept; d < bins; d++) {
          int row = (d - (bins - kept)) / band;
          for (int c = 0; c < channels; c++) {
            gradient[d] += gradOut[c * 3 + row] * LargeTensors.value(1, c * pixels + pixel);
            expectedContext[c] += gradOut[c * 3 + row] * softmax[d];
          }
          mean += softmax[d] * gradient[d];
        }
        int d = edgeOrRandom(sample, bins);
        assertThat((double) floatAt(gradDepth, d * pixels + pixel))
            .as("gradient of the logit of bin %d of pixel %d", d, pixel)
            .isCloseTo(softmax[d] * (gradient[d] - mean), within(2e-5 * softmax[d] * channels));
        int c = sample % channels;
        assertThat((double) floatAt(gradContext, c * pixels + pixel))
            .as("gradient of channel %d of pixel %d", c, pixel)
            .isCloseTo(expectedContext[c], within(1e-6));
      }
    }
  }

  /** Batch elements and cameras more than 2³¹ elements apart; nobody touches what lies between. */
  @Test
  void stridesBeyondInt() {
    long cameraStride = INT_ELEMENTS / 2 + 4096;
    long batchStride = INT_ELEMENTS + 8192;
    LiftSplatScene scene =
        new LiftSplatScene(
            7, new int[] {2, 2, 5, 4, 6, 3}, LiftSplatScene.grid(1, CellRounding.TRUNC, RowAxis.Y));
    int image = scene.bins * scene.pixels();
    int features = scene.channels * scene.pixels();
    try (Arena arena = Arena.ofShared();
        LiftSplatPlan plan = LiftSplatPlan.build(scene.withMatrices())) {
      TensorView memory =
          LargeTensors.uninitialized(
              arena, DType.FLOAT32, batchStride + cameraStride + Math.max(image, features));
      float[] compactMap = scene.run(plan);

      TensorView depth =
          strided(memory, plan.depthShape(), batchStride, cameraStride, scene.pixels());
      scatter(depth, image, TensorValues.floats(scene.random(scene.points(), 1)));
      TensorView context =
          TensorView.copyOf(
              arena,
              TensorValues.floats(scene.random(scene.contextSize(), 2)),
              plan.contextShape(scene.channels, Layout.CHANNELS_FIRST));
      TensorView out =
          TensorView.allocate(
              arena, DType.FLOAT32, plan.outShape(scene.channels, Layout.CHANNELS_FIRST));
      LiftSplat.forward(plan, depth, context, out);
      assertThat(out.toFloatArray()).as("strided depth").isEqualTo(compactMap);

      TensorView stridedContext =
          strided(memory, context.shape(), batchStride, cameraStride, scene.pixels());
      scatter(stridedContext, features, context.toFloatArray());
      TensorView logits =
          TensorView.copyOf(
              arena, TensorValues.floats(scene.random(scene.points(), 1)), plan.depthShape());
      TensorView softmax = TensorView.allocate(arena, DType.FLOAT32, plan.depthShape());
      LiftSplat.forward(
          new LiftSplatInputs(plan, logits, stridedContext),
          LiftSplatOutputs.of(out).withProbabilities(softmax));
      assertThat(out.toFloatArray()).as("strided context").isEqualTo(compactMap);

      TensorView gradDepth = TensorView.allocate(arena, DType.FLOAT32, plan.depthShape());
      TensorView gradContext = TensorView.allocate(arena, DType.FLOAT32, context.shape());
      backward(plan, out, softmax, context, gradDepth, gradContext);
      TensorView stridedGradient =
          strided(
              LargeTensors.uninitialized(arena, DType.FLOAT32, memory.size(0)),
              context.shape(),
              batchStride,
              cameraStride,
              scene.pixels());
      TensorView sameGradDepth = TensorView.allocate(arena, DType.FLOAT32, plan.depthShape());
      backward(plan, out, softmax, stridedContext, sameGradDepth, stridedGradient);
      assertThat(sameGradDepth.toFloatArray()).isEqualTo(gradDepth.toFloatArray());
      assertThat(gather(stridedGradient, features)).isEqualTo(gradContext.toFloatArray());
    }
  }

  private static void backward(
      LiftSplatPlan plan,
      TensorView gradOut,
      TensorView softmax,
      TensorView context,
      TensorView gradDepth,
      TensorView gradContext) {
    LiftSplat.backward(
        new LiftSplatInputs(plan, softmax, context).withProbabilities(softmax),
        gradOut,
        LiftSplatGradients.none().withDepth(gradDepth).withContext(gradContext));
  }

  private static LiftSplatPlan ownCellForEachColumn(
      Arena arena, int bins, int height, int width, Axis x, int yCells) {
    TensorView cells = LargeTensors.uninitialized(arena, DType.INT32, 1, 1, bins, height, width);
    for (long i = 0; i < cells.elementCount(); i++) {
      cells.segment().setAtIndex(ValueLayout.JAVA_INT, i, (int) (i % width));
    }
    return LiftSplatPlan.build(
        LiftSplatGeometry.builder()
            .depth(bins, 1, 1)
            .featureSize(height, width)
            .grid(BevGrid.of(x, new Axis(0, 1, yCells), new Axis(0, 1, 1)))
            .cells(cells)
            .build(),
        PoolingMethod.COLUMNS);
  }

  private static TensorView strided(
      TensorView memory, long[] shape, long batchStride, long cameraStride, int pixels) {
    long[] strides = {batchStride, cameraStride, pixels, shape[4], 1};
    return TensorView.ofStrided(memory.segment(), DType.FLOAT32, shape, strides);
  }

  /** Puts compact values, image by image, at their places. */
  private static void scatter(TensorView view, int image, float[] values) {
    for (int i = 0; i < values.length; i++) {
      view.segment().setAtIndex(ValueLayout.JAVA_FLOAT, place(view, image, i), values[i]);
    }
  }

  /** What {@link #scatter} put there. */
  private static float[] gather(TensorView view, int image) {
    float[] values = new float[Math.toIntExact(view.elementCount())];
    for (int i = 0; i < values.length; i++) {
      values[i] = floatAt(view, place(view, image, i));
    }
    return values;
  }

  private static long place(TensorView view, int image, int index) {
    long cameras = view.size(1);
    return index / image / cameras * view.stride(0)
        + index / image % cameras * view.stride(1)
        + index % image;
  }

  private static double[] softmax(double[] logits) {
    double[] result = new double[logits.length];
    double sum = 0;
    for (int d = 0; d < logits.length; d++) {
      result[d] = Math.exp(logits[d]);
      sum += result[d];
    }
    for (int d = 0; d < logits.length; d++) {
      result[d] /= sum;
    }
    return result;
  }

  /** The first, the last, then any. */
  private int edgeOrRandom(int sample, int count) {
    return sample == 0 ? 0 : sample % 5 == 1 ? count - 1 : random.nextInt(count);
  }

  /** Place of a pixel's or cell's channel. */
  private static long index(Layout layout, int channel, long pixel, int channels, long pixels) {
    return layout == Layout.CHANNELS_FIRST ? channel * pixels + pixel : pixel * channels + channel;
  }

  private static float floatAt(TensorView view, long index) {
    return view.segment().getAtIndex(ValueLayout.JAVA_FLOAT, index);
  }

  private static double bfloat16At(TensorView view, long index) {
    return Float.intBitsToFloat(view.segment().getAtIndex(ValueLayout.JAVA_SHORT, index) << 16);
  }
}
