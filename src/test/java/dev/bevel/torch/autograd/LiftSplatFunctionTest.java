package dev.bevel.torch.autograd;

import static dev.bevel.testing.TensorAssert.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.kernels.BevGrid;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.DepthKind;
import dev.bevel.kernels.Layout;
import dev.bevel.kernels.LiftSplatGeometry;
import dev.bevel.kernels.LiftSplatPlan;
import dev.bevel.kernels.PoolingMethod;
import dev.bevel.kernels.TensorView;
import dev.bevel.testing.GradientCheck;
import dev.bevel.testing.OneThreadScope;
import dev.bevel.testing.Seed;
import java.lang.foreign.Arena;
import java.util.Random;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Lift-splat against the same thing composed of LibTorch's operators (softmax, outer product,
 * index_add over cells) and against finite differences, on random small geometries.
 */
@ExtendWith(OneThreadScope.class)
class LiftSplatFunctionTest {
  private static final Random RANDOM = Seed.random(LiftSplatFunctionTest.class);
  private static final LiftSplatOptions DEFAULT = LiftSplatOptions.DEFAULT;

  private final Arena arena = Arena.ofConfined();

  @AfterEach
  void closeArena() {
    arena.close();
  }

  @ParameterizedTest
  @EnumSource(
      value = PoolingMethod.class,
      names = {"COLUMNS", "INTERVALS"})
  void gradientsAgreeWithFiniteDifferences(PoolingMethod method) {
    try (Case small = new Case(2, 2, 4, 3, 3, 3, 4, 2, method)) {
      var both = new LiftSplatFunction(small.plan, DEFAULT.withReturnProbabilities(true));
      GradientCheck.check(
          in -> {
            var result = both.lift(in[0], in[1]);
            return new Tensor[] {result.map(), present(result.probabilities())};
          },
          RANDOM,
          1e-7,
          small.depth(),
          small.context(3));
      var given = new LiftSplatFunction(small.plan, DEFAULT.withDepthKind(DepthKind.PROBABILITIES));
      GradientCheck.check(
          in -> new Tensor[] {given.lift(in[0], in[1]).map()},
          RANDOM,
          1e-7,
          small.depth(),
          small.context(3));
    }
  }

  @Test
  void gradientsWithAPriorAgreeWithFiniteDifferences() {
    try (Case small = new Case(1, 2, 5, 2, 3, 4, 4, 1, PoolingMethod.AUTO)) {
      Tensor prior = softmax(small.depth()).detach();
      Tensor weight = torch.sigmoid(random(1, 2, 2, 3)).detach();
      for (DepthKind kind : DepthKind.values()) {
        var function = new LiftSplatFunction(small.plan, DEFAULT.withDepthKind(kind));
        GradientCheck.check(
            in -> new Tensor[] {function.lift(in[0], in[1], prior, weight).map()},
            RANDOM,
            1e-7,
            small.depth(),
            small.context(2));
      }
    }
  }

  /**
   * BEVDepth's training: a detection loss on the map plus binary cross entropy on the
   * probabilities.
   */
  @Test
  void depthSupervisionAddsToTheGradient() {
    try (Case small = new Case(2, 3, 8, 4, 5, 6, 5, 1, PoolingMethod.AUTO)) {
      Tensor target = softmax(small.depth()).detach();
      Tensor logits = small.depth();
      Tensor context = small.context(4);
      var function = new LiftSplatFunction(small.plan, DEFAULT.withReturnProbabilities(true));
      var result = function.lift(logits, context);
      Tensor map = result.map();
      Tensor weights = torch.randn_like(map);
      Autograd.backward(bevDepthLoss(map, present(result.probabilities()), weights, target));

      Tensor expectedLogits = copyOfLeaf(logits);
      Tensor expectedContext = copyOfLeaf(context);
      Tensor p = softmax(expectedLogits);
      Autograd.backward(bevDepthLoss(small.compose(p, expectedContext), p, weights, target));
      assertClose(logits.grad(), expectedLogits.grad(), 1e-11);
      assertClose(context.grad(), expectedContext.grad(), 1e-11);

      Tensor onlyDepth = copyOfLeaf(logits);
      Tensor probabilities = present(function.lift(onlyDepth, context.detach()).probabilities());
      Autograd.backward(depthLoss(probabilities, target));
      Tensor expected = copyOfLeaf(logits);
      Autograd.backward(depthLoss(softmax(expected), target));
      assertClose(onlyDepth.grad(), expected.grad(), 1e-11);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7})
  void agreesWithTheCompositionOnRandomGeometries(int trial) {
    int cellsHigh = trial % 3 == 2 ? 3 : 1;
    try (Case random =
        new Case(
            1 + RANDOM.nextInt(2),
            1 + RANDOM.nextInt(3),
            1 + RANDOM.nextInt(12),
            1 + RANDOM.nextInt(6),
            1 + RANDOM.nextInt(7),
            1 + RANDOM.nextInt(8),
            1 + RANDOM.nextInt(8),
            cellsHigh,
            PoolingMethod.AUTO)) {
      Tensor depth = random.depth();
      Tensor context = random.context(1 + RANDOM.nextInt(20));
      Layout layout =
          cellsHigh == 1 && trial % 2 == 0 ? Layout.CHANNELS_LAST : Layout.CHANNELS_FIRST;
      var function = new LiftSplatFunction(random.plan, DEFAULT.withOutLayout(layout));
      Tensor map = function.lift(depth, context).map();
      Tensor weights = torch.randn_like(map);
      Autograd.backward(map.mul(weights).sum());

      Tensor expectedDepth = copyOfLeaf(depth);
      Tensor expectedContext = copyOfLeaf(context);
      Tensor expected = random.compose(softmax(expectedDepth), expectedContext);
      Autograd.backward(expected.mul(weights).sum());
      assertClose(map, expected, 1e-12);
      assertClose(depth.grad(), expectedDepth.grad(), 1e-11);
      assertClose(context.grad(), expectedContext.grad(), 1e-11);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"Float", "BFloat16", "Half"})
  void lowPrecisionContextAndMap(ScalarType dtype) {
    double unit = dtype == ScalarType.Float ? 1e-6 : dtype == ScalarType.Half ? 1e-3 : 8e-3;
    try (Case small = new Case(1, 2, 9, 4, 6, 5, 5, 1, PoolingMethod.AUTO)) {
      Tensor depth = small.depth().to(ScalarType.Float).detach().requires_grad_(true);
      Tensor context = small.context(8).to(dtype).detach().requires_grad_(true);
      var function = new LiftSplatFunction(small.plan, DEFAULT);
      Tensor map = function.lift(depth, context).map();
      assertThat(map.scalar_type().intern()).isEqualTo(dtype);
      Tensor weights = torch.randn_like(map);
      Autograd.backward(map.mul(weights).to(ScalarType.Float).sum());

      Tensor expectedDepth = copyOfLeaf(depth.to(ScalarType.Double));
      Tensor expectedContext = copyOfLeaf(context.to(ScalarType.Double));
      Tensor expected = small.compose(softmax(expectedDepth), expectedContext);
      Autograd.backward(expected.mul(weights.to(ScalarType.Double)).sum());
      assertThat(depth.grad().scalar_type().intern()).isEqualTo(ScalarType.Float);
      assertThat(context.grad().scalar_type().intern()).isEqualTo(dtype);
      assertClose(map, expected, 4 * unit);
      assertClose(depth.grad(), expectedDepth.grad(), 16 * unit);
      assertClose(context.grad(), expectedContext.grad(), 4 * unit);

      Tensor wide =
          new LiftSplatFunction(small.plan, DEFAULT.withOutDtype(ScalarType.Float))
              .lift(depth, context)
              .map();
      assertThat(wide.scalar_type().intern()).isEqualTo(ScalarType.Float);
      assertClose(wide, expected, 1e-5);
    }
  }

  @Test
  void halfPrecisionDepthIsCastAndGetsItsGradientBack() {
    try (Case small = new Case(1, 2, 4, 2, 3, 4, 4, 1, PoolingMethod.AUTO)) {
      Tensor depth = small.depth().to(ScalarType.BFloat16).detach().requires_grad_(true);
      Tensor context = small.context(3).to(ScalarType.BFloat16).detach();
      Tensor map = new LiftSplatFunction(small.plan, DEFAULT).lift(depth, context).map();
      Autograd.backward(map.sum());
      assertThat(depth.grad().scalar_type().intern()).isEqualTo(ScalarType.BFloat16);
    }
  }

  /**
   * One convolution yields depth and context; slices of its output are used in place, in either
   * memory order.
   */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void slicesOfOneTensor(boolean channelsLast) {
    try (Case small = new Case(2, 2, 5, 3, 4, 6, 6, 1, PoolingMethod.AUTO)) {
      int channels = 7;
      Tensor leaf = random(4, 5 + channels, 3, 4).detach().requires_grad_(true);
      var function = new LiftSplatFunction(small.plan, DEFAULT);
      GradientCheck.check(
          in -> {
            Tensor features =
                channelsLast ? in[0].permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2) : in[0];
            return new Tensor[] {
              function.lift(features.narrow(1, 0, 5), features.narrow(1, 5, channels)).map()
            };
          },
          RANDOM,
          1e-7,
          leaf);
    }
  }

  @Test
  void contextKeepsItsChannelsLastOrder() {
    try (Case small = new Case(1, 2, 3, 3, 4, 4, 4, 1, PoolingMethod.AUTO)) {
      Tensor context = random(1, 2, 3, 4, 6).permute(0, 1, 4, 2, 3).detach().requires_grad_(true);
      var function = new LiftSplatFunction(small.plan, DEFAULT.withOutLayout(Layout.CHANNELS_LAST));
      Tensor map = function.lift(small.depth(), context).map();
      assertThat(map.shape()).containsExactly(1, 6, 4, 4);
      assertThat(map.stride(1)).isEqualTo(1);
      Autograd.backward(map.mul(torch.randn_like(map)).sum());
      assertThat(context.grad().stride(2)).isEqualTo(1);
      Tensor expected = small.compose(softmax(small.lastDepth), context.detach());
      assertClose(map, expected, 1e-12);
    }
  }

  @Test
  void onlyWhatIsNeededIsDifferentiated() {
    try (Case small = new Case(1, 1, 4, 2, 3, 4, 4, 1, PoolingMethod.AUTO)) {
      var function = new LiftSplatFunction(small.plan, DEFAULT);
      GradientCheck.check(
          in -> new Tensor[] {function.lift(in[0], in[1]).map()},
          RANDOM,
          1e-7,
          small.depth(),
          small.context(2).detach());
      GradientCheck.check(
          in -> new Tensor[] {function.lift(in[0], in[1]).map()},
          RANDOM,
          1e-7,
          small.depth().detach(),
          small.context(2));
      Tensor map = function.lift(small.depth().detach(), small.context(2).detach()).map();
      assertThat(map.requires_grad()).isFalse();
    }
  }

  @Test
  void emptyBatchesAndPlansWithoutPoints() {
    try (Case none = new Case(0, 2, 4, 2, 3, 4, 4, 1, PoolingMethod.AUTO)) {
      Tensor context = none.context(2);
      Tensor map = new LiftSplatFunction(none.plan, DEFAULT).lift(none.depth(), context).map();
      assertThat(map.shape()).containsExactly(0, 2, 4, 4);
      Autograd.backward(map.sum());
      assertThat(context.grad().shape()).containsExactly(0, 2, 2, 2, 3);
    }
  }

  @Test
  void errorsNameTheArgument() {
    try (Case small = new Case(1, 2, 4, 2, 3, 4, 4, 1, PoolingMethod.AUTO)) {
      var function = new LiftSplatFunction(small.plan, DEFAULT);
      assertThatThrownBy(() -> function.lift(random(1, 2, 5, 2, 3), small.context(2)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage(
              "LiftSplatFunction: depth must be [1, 2, 4, 2, 3] or [2, 4, 2, 3] to match the plan,"
                  + " got [1, 2, 5, 2, 3]");
      assertThatThrownBy(() -> function.lift(small.depth(), random(2, 3)))
          .hasMessageContaining("context must be [B, N, C, H, W]");
      assertThatThrownBy(() -> function.lift(small.depth(), small.context(2), small.depth(), null))
          .hasMessageContaining("together");
      assertThatThrownBy(
              () ->
                  function.lift(small.depth(), small.context(2), small.depth(), random(1, 2, 2, 3)))
          .hasMessageContaining("no gradient flows to prior");
      assertThatThrownBy(
              () -> DEFAULT.withDepthKind(DepthKind.PROBABILITIES).withReturnProbabilities(true))
          .hasMessageContaining("returnProbabilities");
    }
    try (Case high = new Case(1, 1, 2, 2, 2, 2, 2, 2, PoolingMethod.AUTO)) {
      assertThatThrownBy(
              () -> new LiftSplatFunction(high.plan, DEFAULT.withOutLayout(Layout.CHANNELS_LAST)))
          .hasMessageContaining("one cell in height, got 2");
    }
  }

  @Test
  void aPlanClosedTooEarlyIsTheCause() {
    Tensor loss;
    try (Case small = new Case(1, 1, 4, 2, 3, 4, 4, 1, PoolingMethod.AUTO)) {
      loss =
          new LiftSplatFunction(small.plan, DEFAULT)
              .lift(small.depth(), small.context(2))
              .map()
              .sum();
    }
    assertThatThrownBy(() -> Autograd.backward(loss))
        .hasMessageContaining("LiftSplatFunction.backward")
        .cause()
        .hasMessageContaining("the plan is closed");
  }

  /**
   * A random assignment of frustum points to cells, about a sixth of them outside, and its plan.
   */
  private final class Case implements AutoCloseable {
    private final long[] depthShape;
    private final int cellsPerElement;
    private final long[] mapCells;
    private final int[] cells;
    private final LiftSplatPlan plan;
    private Tensor lastDepth;

    Case(
        int batch,
        int cameras,
        int bins,
        int height,
        int width,
        int rows,
        int columns,
        int cellsHigh,
        PoolingMethod method) {
      depthShape = new long[] {batch, cameras, bins, height, width};
      mapCells = new long[] {cellsHigh, rows, columns};
      cellsPerElement = cellsHigh * rows * columns;
      cells = new int[batch * cameras * bins * height * width];
      for (int i = 0; i < cells.length; i++) {
        cells[i] = RANDOM.nextInt(6) == 0 ? -1 : RANDOM.nextInt(cellsPerElement);
      }
      BevGrid grid =
          BevGrid.of(
              new BevGrid.Axis(0, 1, columns),
              new BevGrid.Axis(0, 1, rows),
              new BevGrid.Axis(0, 1, cellsHigh));
      plan =
          LiftSplatPlan.build(
              LiftSplatGeometry.builder()
                  .batch(batch)
                  .cameras(cameras)
                  .depth(bins, 1, 1)
                  .featureSize(height, width)
                  .imageSize(height, width)
                  .grid(grid)
                  .cells(
                      cells.length == 0
                          ? TensorView.allocate(arena, DType.INT32, depthShape)
                          : TensorView.copyOf(arena, cells, depthShape))
                  .build(),
              method);
      lastDepth = new Tensor();
    }

    Tensor depth() {
      lastDepth = random(depthShape).detach().requires_grad_(true);
      return lastDepth;
    }

    Tensor context(long channels) {
      return random(depthShape[0], depthShape[1], channels, depthShape[3], depthShape[4])
          .detach()
          .requires_grad_(true);
    }

    /**
     * The map from LibTorch's operators: outer product, index_add over cells; dropped points go to
     * a cell past the last.
     */
    Tensor compose(Tensor probabilities, Tensor context) {
      long batch = depthShape[0];
      long channels = context.size(2);
      long perElement = cells.length / batch;
      long[] index = new long[cells.length];
      long dropped = batch * cellsPerElement;
      for (int i = 0; i < index.length; i++) {
        index[i] = cells[i] < 0 ? dropped : i / perElement * cellsPerElement + cells[i];
      }
      Tensor frustum =
          probabilities
              .unsqueeze(5)
              .mul(context.permute(0, 1, 3, 4, 2).unsqueeze(2))
              .reshape(cells.length, channels);
      Tensor sums =
          torch
              .zeros(dropped + 1, channels)
              .to(ScalarType.Double)
              .index_add(0, Tensor.create(index), frustum)
              .narrow(0, 0, dropped);
      return sums.view(batch, mapCells[0], mapCells[1], mapCells[2], channels)
          .permute(0, 1, 4, 2, 3)
          .reshape(batch, mapCells[0] * channels, mapCells[1], mapCells[2]);
    }

    @Override
    public void close() {
      plan.close();
    }
  }

  private static Tensor bevDepthLoss(Tensor map, Tensor p, Tensor weights, Tensor target) {
    return map.mul(weights).sum().add(depthLoss(p, target).mul(new Scalar(3.0)));
  }

  private static Tensor depthLoss(Tensor p, Tensor target) {
    return torch.binary_cross_entropy(p, target);
  }

  private static Tensor softmax(Tensor logits) {
    return logits.softmax(2, new ScalarTypeOptional());
  }

  private static Tensor copyOfLeaf(Tensor leaf) {
    return leaf.detach().clone().requires_grad_(true);
  }

  private static Tensor random(long... shape) {
    long count = 1;
    for (long size : shape) {
      count *= size;
    }
    double[] values = RANDOM.doubles(count, -2, 2).toArray();
    return Tensor.create(values).view(shape);
  }

  private static Tensor present(@Nullable Tensor tensor) {
    return TestFunctions.present(tensor);
  }
}
