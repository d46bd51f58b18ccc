package dev.bevel.bench.multiview;

import dev.bevel.bench.BenchmarkOptions;
import dev.bevel.bench.BenchmarkReport;
import dev.bevel.bench.BenchmarkSession;
import dev.bevel.bench.CameraRig;
import dev.bevel.bench.OperatorBenchmark;
import dev.bevel.bench.OperatorComparison;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.Layout;
import dev.bevel.kernels.MultiViewSample;
import dev.bevel.kernels.MultiViewSampleGradients;
import dev.bevel.kernels.MultiViewSampleInputs;
import dev.bevel.kernels.PointRange;
import dev.bevel.kernels.TensorView;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Feature sampling in several cameras: DETR3D's 900 queries before six cameras with four levels of
 * 256 channels, and as many of Sparse4D's with 13 points and eight groups. LibTorch's composition
 * has the same features in the same memory order; forward with backward also writes the gradients
 * of all features, most of which are zero.
 */
public final class MultiViewBenchmark implements OperatorBenchmark {
  private static final List<MultiViewShape.Level> LEVELS =
      List.of(
          new MultiViewShape.Level(116, 200),
          new MultiViewShape.Level(58, 100),
          new MultiViewShape.Level(29, 50),
          new MultiViewShape.Level(15, 25));
  private static final PointRange RANGE = new PointRange(-51.2, -51.2, -5, 51.2, 51.2, 3);
  private static final MultiViewShape DETR3D =
      new MultiViewShape(1, 6, 900, 1, 256, 1, LEVELS, false, RANGE, 1600, 928);
  private static final MultiViewShape SPARSE4D =
      new MultiViewShape(1, 6, 900, 13, 256, 8, LEVELS, false, null, 1600, 928);

  /** Places are off by some 1e-4 pixels in float32, for entries of the matrices cancel out. */
  private static final double PLACES_BOUND = 3e-3;

  private static final double BFLOAT16_BOUND = 1.0 / 64;

  /**
   * A place so close to a pixel's border has the derivative of one side or the other. (Tests
   * compare these gradients in double, to 1e-9.)
   */
  private static final double PLACE_GRADIENT_BOUND = 0.1;

  private record Case(MultiViewShape shape, DType dtype, Layout layout) {}

  private static final Map<String, Case> CASES = new LinkedHashMap<>();

  static {
    CASES.put("detr3d", new Case(DETR3D, DType.FLOAT32, Layout.CHANNELS_LAST));
    CASES.put("detr3d-channels-first", new Case(DETR3D, DType.FLOAT32, Layout.CHANNELS_FIRST));
    CASES.put("detr3d-bf16", new Case(DETR3D, DType.BFLOAT16, Layout.CHANNELS_LAST));
    CASES.put("sparse4d", new Case(SPARSE4D, DType.FLOAT32, Layout.CHANNELS_LAST));
  }

  @Override
  public String operator() {
    return "multi-view-sample";
  }

  @Override
  public List<String> cases(BenchmarkOptions options) {
    return List.copyOf(CASES.keySet());
  }

  @Override
  public void run(String caseName, BenchmarkSession session) {
    Case chosen = Objects.requireNonNull(CASES.get(caseName), caseName);
    String dtype = chosen.dtype == DType.BFLOAT16 ? "bf16" : "fp32";
    try (OperatorComparison comparison = new OperatorComparison(operator(), caseName, dtype)) {
      new Comparison(chosen, comparison, session.options().seed()).add();
      comparison.run(session);
    }
  }

  /** The tensors of a case. Inputs: a level each, then the matrices, points and weights. */
  private static final class Comparison {
    private final MultiViewShape shape;
    private final DType dtype;
    private final boolean channelsLast;
    private final OperatorComparison comparison;
    private final double bound;
    private final MultiViewNumbers in;
    private final double[] gradOut;

    Comparison(Case chosen, OperatorComparison comparison, long seed) {
      shape = chosen.shape;
      dtype = chosen.dtype;
      channelsLast = chosen.layout == Layout.CHANNELS_LAST;
      this.comparison = comparison;
      bound = dtype == DType.BFLOAT16 ? BFLOAT16_BOUND : PLACES_BOUND;
      Random random = new Random(seed);
      in = MultiViewProblem.random(shape, CameraRig.sixCameras(), random);
      gradOut = random.doubles(MultiViewShape.count(shape.outShape()), -1, 1).toArray();
    }

    void add() {
      int levels = shape.levels().size();
      List<TensorView> features = new ArrayList<>();
      for (int level = 0; level < levels; level++) {
        features.add(comparison.input(dtype, in.features().get(level), featureShape(level)));
      }
      TensorView matrices =
          comparison.constant(DType.FLOAT32, in.lidarToImage(), shape.matrixShape());
      TensorView points = comparison.input(DType.FLOAT32, in.places(), shape.placeShape());
      TensorView weights = comparison.input(DType.FLOAT32, in.weights(), shape.weightShape());
      TensorView gradient = comparison.gradOut(dtype, gradOut, shape.outShape());
      MultiViewSampleInputs inMetres =
          MultiViewSampleInputs.projected(
                  features,
                  channelsLast ? Layout.CHANNELS_LAST : Layout.CHANNELS_FIRST,
                  matrices,
                  points,
                  weights)
              .withImageSize(shape.imageWidth(), shape.imageHeight());
      MultiViewSampleInputs inputs =
          shape.range() == null ? inMetres : inMetres.withPointRange(shape.range());
      double[] expectedOut =
          comparison.reference(exact -> MultiViewSample.forward(inputs, exact), shape.outShape());
      TensorView out = comparison.result(dtype, expectedOut, bound, shape.outShape());
      List<long[]> shapes = new ArrayList<>();
      for (int level = 0; level < levels; level++) {
        shapes.add(featureShape(level));
      }
      shapes.add(shape.placeShape());
      shapes.add(shape.weightShape());
      List<double[]> expected =
          comparison.references(
              exact -> MultiViewSample.backward(inputs, gradient, gradients(exact)), shapes);
      List<TensorView> asked = new ArrayList<>();
      for (int level = 0; level < levels; level++) {
        double[] ofLevel = expected.get(level);
        long touched = touchedPixels(ofLevel, shapes.get(level));
        comparison.reads(level, touched * shape.channels() * dtype.byteSize());
        asked.add(comparison.gradient(level, ofLevel, bound));
      }
      asked.add(comparison.gradient(levels + 1, expected.get(levels), PLACE_GRADIENT_BOUND));
      asked.add(comparison.gradient(levels + 2, expected.get(levels + 1), bound));
      MultiViewSampleGradients gradients = gradients(asked);
      comparison.kernel(
          BenchmarkReport.BEVEL,
          () -> MultiViewSample.forward(inputs, out),
          () -> MultiViewSample.backward(inputs, gradient, gradients));
      comparison.tensors(OperatorComparison.LIBTORCH, this::composed);
    }

    /** Those of each level's features, of the points and of the weights. */
    private static MultiViewSampleGradients gradients(List<TensorView> of) {
      int levels = of.size() - 2;
      MultiViewSampleGradients all =
          MultiViewSampleGradients.none()
              .withPoints(of.get(levels))
              .withWeights(of.get(levels + 1));
      for (int level = 0; level < levels; level++) {
        all = all.withFeatures(level, of.get(level));
      }
      return all;
    }

    /** Pixels that a sample reads: those to which a gradient flows, whatever its channel. */
    private long touchedPixels(double[] gradient, long[] shape) {
      int channels = Math.toIntExact(channelsLast ? shape[4] : shape[2]);
      int pixels = Math.toIntExact(channelsLast ? shape[2] * shape[3] : shape[3] * shape[4]);
      BitSet touched = new BitSet(gradient.length / channels);
      for (int i = 0; i < gradient.length; i++) {
        if (gradient[i] != 0) {
          int map = i / (channels * pixels);
          int pixel = channelsLast ? i / channels % pixels : i % pixels;
          touched.set(map * pixels + pixel);
        }
      }
      return touched.cardinality();
    }

    /**
     * In 16 bits the maps are widened first, as LibTorch's autocast has it: its grid_sample of 16
     * bits counts elements in 16 bits too, and reads outside maps of this size (it was seen to
     * crash).
     */
    private Tensor composed(Tensor[] tensors) {
      int levels = shape.levels().size();
      List<Tensor> features =
          Arrays.stream(tensors, 0, levels)
              .map(map -> channelsLast ? map.permute(0, 1, 4, 2, 3) : map)
              .map(map -> map.to(ScalarType.Float))
              .toList();
      return ComposedMultiView.sample(
              shape, features, tensors[levels], tensors[levels + 1], tensors[levels + 2])
          .to(tensors[0].scalar_type());
    }

    private long[] featureShape(int level) {
      long[] first = shape.featureShape(level);
      return channelsLast ? new long[] {first[0], first[1], first[3], first[4], first[2]} : first;
    }
  }
}
