package dev.bevel.bench.liftsplat;

import dev.bevel.bench.CameraRig;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.DepthKind;
import dev.bevel.kernels.Layout;
import dev.bevel.kernels.LiftSplat;
import dev.bevel.kernels.LiftSplatGeometry;
import dev.bevel.kernels.LiftSplatGradients;
import dev.bevel.kernels.LiftSplatInputs;
import dev.bevel.kernels.LiftSplatPlan;
import dev.bevel.kernels.TensorView;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * One lift-splat with random inputs, the same for all variants: a plan, tensors for inputs and
 * results, and calls of Bevel's operator on them.
 *
 * <p>Context values are multiples of 2⁻⁶ in ±[2⁻⁶, 1] and so the same in fp32 and bf16; depth
 * logits are uniform in [−3, 3), probabilities their softmax; gradients of the map are uniform in
 * ±[2⁻⁶, 1].
 */
public final class LiftSplatProblem implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final LiftSplatShape shape;
  private final int cameras;
  private final LiftSplatGeometry geometry;
  private final LiftSplatPlan plan;
  private final int[] cells;

  private final float[] probabilityValues;
  private final float[] contextValues;
  private final float[] gradOutValues;

  private final TensorView logits;
  private final TensorView probabilities;
  private final FeatureMaps context;
  private final FeatureMaps gradOut;
  private final FeatureMaps out;
  private final FeatureMaps gradContext;
  private final TensorView gradDepth;

  /**
   * @param shape sizes
   * @param rig its cameras
   * @param seed of the inputs
   */
  public LiftSplatProblem(LiftSplatShape shape, CameraRig rig, long seed) {
    this.shape = shape;
    this.cameras = rig.cameras().size();
    this.geometry = shape.geometry(rig);
    this.plan = LiftSplatPlan.build(geometry);
    try {
      TensorView cellTensor = TensorView.allocate(arena, DType.INT32, plan.depthShape());
      LiftSplat.cells(geometry, cellTensor);
      cells = cellTensor.toIntArray();

      RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
      float[] logitValues = new float[cells.length];
      for (int i = 0; i < logitValues.length; i++) {
        logitValues[i] = (float) random.nextDouble(-3, 3);
      }
      probabilityValues = softmaxOverDepth(logitValues);
      contextValues = new float[cameras * shape.height() * shape.width() * shape.channels()];
      for (int i = 0; i < contextValues.length; i++) {
        contextValues[i] = sign(random) * random.nextInt(1, 65) / 64f;
      }
      gradOutValues = new float[shape.cells() * shape.channels()];
      for (int i = 0; i < gradOutValues.length; i++) {
        gradOutValues[i] = sign(random) * (float) random.nextDouble(1 / 64.0, 1);
      }

      logits = TensorView.copyOf(arena, logitValues, plan.depthShape());
      probabilities = TensorView.copyOf(arena, probabilityValues, plan.depthShape());
      gradDepth = TensorView.allocate(arena, DType.FLOAT32, plan.depthShape());
      int pixels = shape.height() * shape.width();
      long[] contextFirst = plan.contextShape(shape.channels(), Layout.CHANNELS_FIRST);
      long[] contextLast = plan.contextShape(shape.channels(), Layout.CHANNELS_LAST);
      long[] outFirst = plan.outShape(shape.channels(), Layout.CHANNELS_FIRST);
      long[] outLast = plan.outShape(shape.channels(), Layout.CHANNELS_LAST);
      context =
          new FeatureMaps(arena, cameras, pixels, shape.channels(), contextFirst, contextLast);
      gradContext =
          new FeatureMaps(arena, cameras, pixels, shape.channels(), contextFirst, contextLast);
      gradOut = new FeatureMaps(arena, 1, shape.cells(), shape.channels(), outFirst, outLast);
      out = new FeatureMaps(arena, 1, shape.cells(), shape.channels(), outFirst, outLast);
      context.fill(contextValues);
      gradOut.fill(gradOutValues);
    } catch (RuntimeException failure) {
      close();
      throw failure;
    }
  }

  private static float sign(RandomGenerator random) {
    return random.nextBoolean() ? 1 : -1;
  }

  private float[] softmaxOverDepth(float[] values) {
    float[] result = new float[values.length];
    int pixels = shape.height() * shape.width();
    for (int n = 0; n < cameras; n++) {
      for (int pixel = 0; pixel < pixels; pixel++) {
        int first = n * shape.pointsPerCamera() + pixel;
        double sum = 0;
        for (int d = 0; d < shape.depthBins(); d++) {
          sum += Math.exp(values[first + d * pixels]);
        }
        for (int d = 0; d < shape.depthBins(); d++) {
          result[first + d * pixels] = (float) (Math.exp(values[first + d * pixels]) / sum);
        }
      }
    }
    return result;
  }

  /** Sizes. */
  public LiftSplatShape shape() {
    return shape;
  }

  /** The lift. */
  public LiftSplatGeometry geometry() {
    return geometry;
  }

  /** Its plan. */
  public LiftSplatPlan plan() {
    return plan;
  }

  /** N. */
  int cameras() {
    return cameras;
  }

  /** Cell of every frustum point, [N, D, H, W], −1 for dropped. */
  int[] cells() {
    return cells;
  }

  /** [N, D, H, W]. */
  float[] probabilityValues() {
    return probabilityValues;
  }

  /** [N, H, W, C]. */
  float[] contextValues() {
    return contextValues;
  }

  /** [cells, C]. */
  float[] gradOutValues() {
    return gradOutValues;
  }

  /** Inputs for peers: [1, N, D, H, W]. */
  TensorView probabilities() {
    return probabilities;
  }

  /** Features in several layouts. */
  FeatureMaps context() {
    return context;
  }

  /** Gradient of the map. */
  FeatureMaps gradOut() {
    return gradOut;
  }

  /** The map, written by forward. */
  FeatureMaps out() {
    return out;
  }

  /** Written by backward. */
  FeatureMaps gradContext() {
    return gradContext;
  }

  /** Written by backward: [1, N, D, H, W]. */
  TensorView gradDepth() {
    return gradDepth;
  }

  /** Fills all results with NaN, so that what a variant does not write shows. */
  void poisonResults() {
    for (FeatureMaps maps : List.of(out, gradContext)) {
      maps.poison();
    }
    gradDepth.segment().fill((byte) 0xFF);
  }

  /** Bytes that forward must move: depth, context and map, once each. */
  public long forwardBytes(DType mapType) {
    return probabilities.byteSize()
        + (long) mapType.byteSize() * (contextValues.length + gradOutValues.length);
  }

  /**
   * Bytes that backward must move: the map's gradient, probabilities, context and both gradients.
   */
  public long backwardBytes() {
    return gradOut.last().byteSize() + 2 * (probabilities.byteSize() + context.last().byteSize());
  }

  /** Forward from probabilities, channels last. */
  public Runnable forward() {
    return forward(probabilities, DepthKind.PROBABILITIES, Layout.CHANNELS_LAST);
  }

  /** Forward from logits, softmax included, channels last. */
  public Runnable forwardFromLogits() {
    return forward(logits, DepthKind.LOGITS, Layout.CHANNELS_LAST);
  }

  /** Forward from probabilities, channels first. */
  public Runnable forwardChannelsFirst() {
    return forward(probabilities, DepthKind.PROBABILITIES, Layout.CHANNELS_FIRST);
  }

  /** Forward from probabilities with context and map in bf16, channels last. */
  public Runnable forwardBfloat16() {
    LiftSplatInputs inputs =
        inputs(probabilities, context.bfloat16(), DepthKind.PROBABILITIES, Layout.CHANNELS_LAST);
    TensorView map = out.bfloat16();
    return () -> LiftSplat.forward(inputs, map);
  }

  /** Backward to probabilities and context, channels last. */
  public Runnable backward() {
    return backward(DepthKind.PROBABILITIES, Layout.CHANNELS_LAST);
  }

  /** Backward to logits and context, channels last. */
  public Runnable backwardToLogits() {
    return backward(DepthKind.LOGITS, Layout.CHANNELS_LAST);
  }

  /** Backward to probabilities and context, channels first. */
  public Runnable backwardChannelsFirst() {
    return backward(DepthKind.PROBABILITIES, Layout.CHANNELS_FIRST);
  }

  private Runnable forward(TensorView depth, DepthKind kind, Layout layout) {
    LiftSplatInputs inputs = inputs(depth, context.in(layout), kind, layout);
    TensorView map = out.in(layout);
    return () -> LiftSplat.forward(inputs, map);
  }

  private Runnable backward(DepthKind kind, Layout layout) {
    LiftSplatInputs inputs =
        inputs(probabilities, context.in(layout), kind, layout).withProbabilities(probabilities);
    TensorView gradient = gradOut.in(layout);
    LiftSplatGradients gradients =
        LiftSplatGradients.none().withDepth(gradDepth).withContext(gradContext.in(layout));
    return () -> LiftSplat.backward(inputs, gradient, gradients);
  }

  private LiftSplatInputs inputs(
      TensorView depth, TensorView features, DepthKind kind, Layout layout) {
    return new LiftSplatInputs(plan, depth, features)
        .withDepthKind(kind)
        .withContextLayout(layout)
        .withOutLayout(layout);
  }

  @Override
  public void close() {
    plan.close();
    arena.close();
  }
}
