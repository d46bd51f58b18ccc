package dev.bevel.kernels;

import static dev.bevel.kernels.TensorViewTest.refused;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Interval pooling through the binding, against its definition in double loops. */
class BevPoolTest {
  private static final int CELLS = 40;
  private static final int ROWS = 23;

  /** Random points in intervals of one cell each; some cells stay empty. */
  private static final class Points {
    final double[] depth;
    final double[] feature;
    final int[] ranksDepth;
    final int[] ranksFeature;
    final int[] ranksBev;
    final int[] starts;
    final int[] lengths;

    Points(long seed, int channels, int intervals) {
      Random random = new Random(seed);
      starts = new int[intervals];
      lengths = new int[intervals];
      int count = 0;
      for (int i = 0; i < intervals; i++) {
        starts[i] = count;
        lengths[i] = 1 + random.nextInt(12);
        count += lengths[i];
      }
      depth = random.doubles(count + 10, -1, 1).toArray();
      feature = random.doubles((long) ROWS * channels, -1, 1).toArray();
      ranksDepth = random.ints(0, depth.length).distinct().limit(count).toArray();
      ranksFeature = random.ints(count, 0, ROWS).toArray();
      ranksBev = new int[count];
      int[] cells = random.ints(0, CELLS).distinct().limit(intervals).toArray();
      for (int i = 0; i < intervals; i++) {
        for (int p = starts[i]; p < starts[i] + lengths[i]; p++) {
          ranksBev[p] = cells[i];
        }
      }
    }

    BevPoolIntervals in(Arena arena, boolean weighted) {
      return new BevPoolIntervals(
          weighted ? TensorView.copyOf(arena, ranksDepth, ranksDepth.length) : null,
          TensorView.copyOf(arena, ranksFeature, ranksFeature.length),
          TensorView.copyOf(arena, ranksBev, ranksBev.length),
          TensorView.copyOf(arena, starts, starts.length),
          TensorView.copyOf(arena, lengths, lengths.length));
    }

    double weight(int point, boolean weighted) {
      return weighted ? depth[ranksDepth[point]] : 1;
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void forwardAndBackwardInDoublePrecision(boolean weighted) {
    for (int channels : new int[] {1, 7, 64}) {
      Points p = new Points(channels, channels, 30);
      double[] gradOut = new Random(5).doubles((long) CELLS * channels, -1, 1).toArray();
      double[] out = new double[CELLS * channels];
      double[] gradDepth = new double[p.depth.length];
      double[] gradFeature = new double[p.feature.length];
      for (int i = 0; i < p.ranksBev.length; i++) {
        for (int c = 0; c < channels; c++) {
          int cell = p.ranksBev[i] * channels + c;
          int row = p.ranksFeature[i] * channels + c;
          out[cell] += p.weight(i, weighted) * p.feature[row];
          gradDepth[p.ranksDepth[i]] += gradOut[cell] * p.feature[row];
          gradFeature[row] += gradOut[cell] * p.weight(i, weighted);
        }
      }
      try (Arena arena = Arena.ofConfined()) {
        BevPoolIntervals intervals = p.in(arena, weighted);
        TensorView depth = weighted ? TensorView.copyOf(arena, p.depth, p.depth.length) : null;
        TensorView feature = TensorView.copyOf(arena, p.feature, ROWS, channels);
        TensorView pooled = TensorView.allocate(arena, DType.FLOAT64, CELLS, channels);
        pooled.segment().fill((byte) 0x5a);
        BevPoolInputs inputs = new BevPoolInputs(feature, intervals).withDepth(depth);
        BevPool.forward(inputs, pooled);
        TensorValues.assertClose(pooled.toDoubleArray(), out, 1e-13);

        TensorView depthGradient =
            weighted ? TensorView.allocate(arena, DType.FLOAT64, p.depth.length) : null;
        TensorView featureGradient = TensorView.allocate(arena, DType.FLOAT64, ROWS, channels);
        featureGradient.segment().fill((byte) 0x5a);
        BevPool.backward(
            inputs,
            TensorView.copyOf(arena, gradOut, CELLS, channels),
            BevPoolGradients.none().withDepth(depthGradient).withFeature(featureGradient));
        TensorValues.assertClose(featureGradient.toDoubleArray(), gradFeature, 1e-13);
        if (depthGradient != null) {
          TensorValues.assertClose(depthGradient.toDoubleArray(), gradDepth, 1e-13);
        }
      }
    }
  }

  @Test
  void noIntervalsGiveZeros() {
    try (Arena arena = Arena.ofConfined()) {
      Points none = new Points(1, 4, 0);
      TensorView out = TensorView.allocate(arena, DType.FLOAT32, CELLS, 4);
      out.segment().fill((byte) 0x5a);
      TensorView feature = TensorView.copyOf(arena, TensorValues.floats(none.feature), ROWS, 4);
      BevPool.forward(new BevPoolInputs(feature, none.in(arena, false)), out);
      assertThat(out.toFloatArray()).containsOnly(0f);
    }
  }

  @Test
  void ranksOutOfBoundsAreNamedAndNothingIsWritten() {
    try (Arena arena = Arena.ofConfined()) {
      TensorView feature = TensorView.allocate(arena, DType.FLOAT32, ROWS, 4);
      TensorView out = TensorView.allocate(arena, DType.FLOAT32, CELLS, 4);
      out.segment().fill((byte) 0x5a);
      float[] poisoned = out.toFloatArray();
      for (String wrong : new String[] {"ranks_feature", "ranks_bev", "ranks_depth", "interval"}) {
        Points p = new Points(3, 4, 6);
        int[] array =
            switch (wrong) {
              case "ranks_feature" -> p.ranksFeature;
              case "ranks_bev" -> p.ranksBev;
              case "ranks_depth" -> p.ranksDepth;
              default -> p.lengths;
            };
        array[array.length - 1] = Integer.MAX_VALUE;
        refused(
            () ->
                BevPool.forward(
                    new BevPoolInputs(feature, p.in(arena, true))
                        .withDepth(TensorView.allocate(arena, DType.FLOAT32, p.depth.length)),
                    out),
            wrong.equals("interval") ? "interval 5 must lie within" : "ranks of point ");
      }
      assertThat(out.toFloatArray()).isEqualTo(poisoned);
    }
  }

  /** Points that were not sorted by cell: the second sum would have taken the first one's place. */
  @Test
  void twoIntervalsOfOneCellAreRefused() {
    try (Arena arena = Arena.ofConfined()) {
      BevPoolIntervals unsorted =
          new BevPoolIntervals(
              null,
              TensorView.copyOf(arena, new int[] {0, 1}, 2),
              TensorView.copyOf(arena, new int[] {1, 1}, 2),
              TensorView.copyOf(arena, new int[] {0, 1}, 2),
              TensorView.copyOf(arena, new int[] {1, 1}, 2));
      BevPoolInputs inputs =
          new BevPoolInputs(TensorView.copyOf(arena, new float[] {5, 7}, 2, 1), unsorted);
      TensorView out = TensorView.allocate(arena, DType.FLOAT32, 2, 1);
      refused(
          () -> BevPool.forward(inputs, out),
          "bev_pool_forward: ranksBev must be sorted so that a cell has one interval");
      assertThat(out.toFloatArray()).containsOnly(0f);
    }
  }

  @Test
  void shapesAndTypesAreChecked() {
    Points p = new Points(4, 4, 6);
    try (Arena arena = Arena.ofConfined()) {
      TensorView feature = TensorView.allocate(arena, DType.FLOAT32, ROWS, 4);
      TensorView depth = TensorView.allocate(arena, DType.FLOAT32, p.depth.length);
      TensorView out = TensorView.allocate(arena, DType.FLOAT32, CELLS, 4);
      TensorView narrow = TensorView.allocate(arena, DType.FLOAT32, CELLS, 3);
      TensorView whole = TensorView.allocate(arena, DType.INT32, CELLS, 4);
      BevPoolInputs weighted = new BevPoolInputs(feature, p.in(arena, true)).withDepth(depth);
      refused(
          () -> BevPool.forward(weighted, narrow), "bev_pool_forward: out must have 4 channels");
      refused(() -> BevPool.forward(weighted, whole), "int32");
      refused(
          () -> BevPool.forward(weighted.withDepth(null), out),
          "bev_pool_forward: depth and ranksDepth must be given together");
      refused(
          () ->
              BevPool.forward(new BevPoolInputs(feature, p.in(arena, false)).withDepth(depth), out),
          "bev_pool_forward: depth and ranksDepth must be given together");
    }
  }
}
