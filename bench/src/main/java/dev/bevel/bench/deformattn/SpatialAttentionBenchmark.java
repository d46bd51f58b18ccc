package dev.bevel.bench.deformattn;

import dev.bevel.bench.BenchmarkKey;
import dev.bevel.bench.BenchmarkOptions;
import dev.bevel.bench.BenchmarkReport;
import dev.bevel.bench.BenchmarkSession;
import dev.bevel.bench.CameraRig;
import dev.bevel.bench.OperatorComparison;
import dev.bevel.bench.Pass;
import dev.bevel.bench.PermanentPointers;
import dev.bevel.bench.TensorData;
import dev.bevel.bench.Variant;
import dev.bevel.bench.VerificationException;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.DeformAttn;
import dev.bevel.kernels.DeformAttnGradients;
import dev.bevel.kernels.DeformAttnInputs;
import dev.bevel.kernels.PointSampling;
import dev.bevel.kernels.PointSamplingInputs;
import dev.bevel.kernels.PointSamplingOutputs;
import dev.bevel.kernels.TensorView;
import dev.bevel.kernels.ValueLevels;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.autograd.DeformAttnFunction;
import dev.bevel.torch.autograd.DeformAttnOptions;
import dev.bevel.torch.nn.Tensors;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;

/**
 * Spatial cross-attention at the sizes of BEVFormer's networks, with the anchors and the visible
 * cameras of a calibration: a data set's where one is given, and a synthetic rig's. Bevel's fused
 * kernel, alone and with point sampling before it in every call (an encoder samples points once for
 * all its layers), against the project's own gather, sample and scatter in LibTorch ({@link
 * ComposedSpatialAttention}); and point sampling by itself against the project's batched product
 * ({@code point-sampling}).
 *
 * <p>Offsets are BEVFormer's initial pattern (rays of eight directions, one pixel further with each
 * point) with noise of one pixel; values, logits and the result's gradient are uniform.
 */
final class SpatialAttentionBenchmark {
  private static final String SAMPLE = "-sample";

  /**
   * Samples are not closer to a pixel's centre: there the gradient of a place jumps, and rounding
   * would decide on which side it is.
   */
  private static final double MARGIN = 2e-3;

  private final String operator;

  SpatialAttentionBenchmark(String operator) {
    this.operator = operator;
  }

  /** Names of the cases. */
  List<String> cases(BenchmarkOptions options) {
    List<String> names = new ArrayList<>();
    SpatialAttentionShape.PUBLISHED.forEach(shape -> names.add(shape.name()));
    if (options.data() != null) {
      SpatialAttentionShape.PUBLISHED.forEach(shape -> names.add(shape.name() + SAMPLE));
    }
    return names;
  }

  /** Runs one of {@link #cases}. */
  void run(String caseName, BenchmarkSession session) {
    Path data = session.options().data();
    if (data != null && caseName.endsWith(SAMPLE)) {
      String name = caseName.substring(0, caseName.length() - SAMPLE.length());
      run(caseName, SpatialAttentionShape.published(name), CameraRig.ofFirstSample(data), session);
    } else {
      run(caseName, SpatialAttentionShape.published(caseName), CameraRig.sixCameras(), session);
    }
  }

  /** Runs a case of any shape. */
  void run(String caseName, SpatialAttentionShape shape, CameraRig rig, BenchmarkSession session) {
    PillarProjection projection = new PillarProjection(shape, rig);
    session.log(
        String.format(
            Locale.ROOT,
            "%s: %d queries, %d pairs of a query and a camera that sees it",
            caseName,
            shape.grid().queries(),
            projection.seen()));
    try (Arena arena = Arena.ofShared()) {
      Points points = new Points(arena, shape, projection);
      attention(caseName, shape, points, session);
      points.run(caseName, session);
    }
  }

  private void attention(
      String caseName, SpatialAttentionShape sizes, Points points, BenchmarkSession session) {
    DeformAttnShape shape = sizes.attention();
    Random random = new Random(session.options().seed());
    try (OperatorComparison c = new OperatorComparison(operator, caseName, "fp32")) {
      double[] values = uniform(random, 1, shape.valueShape());
      double[] places = points.places();
      byte[] seen = points.seen();
      double[] shifts = rays(random, shape, places, seen);
      double[] scores = uniform(random, 2, shape.logitShape());
      TensorView value = c.input(DType.FLOAT32, values, shape.valueShape());
      TensorView reference = c.constant(DType.FLOAT32, places, shape.referenceShape());
      TensorView offsets = c.input(DType.FLOAT32, shifts, shape.offsetShape());
      TensorView logits = c.input(DType.FLOAT32, scores, shape.logitShape());
      TensorView visible =
          c.constant(DType.UINT8, wide(seen), shape.batch(), shape.maps(), shape.queries());
      double[] gradients = uniform(random, 1, shape.outShape());
      TensorView gradOut = c.gradOut(DType.FLOAT32, gradients, shape.outShape());

      DeformAttnInputs inputs =
          new DeformAttnInputs(value, shape.levels(), reference, offsets, logits)
              .withVisible(visible)
              .withReferenceKind(shape.kind())
              .withCombination(shape.combination());
      Bounds bounds = Bounds.of(shape.levels());
      double[] expected = c.reference(exact -> DeformAttn.forward(inputs, exact), shape.outShape());
      List<double[]> backward =
          c.references(
              exact -> DeformAttn.backward(inputs, gradOut, gradients(exact)),
              List.of(shape.valueShape(), shape.offsetShape(), shape.logitShape()));
      TensorView out = c.result(DType.FLOAT32, expected, bounds.result(), shape.outShape());
      DeformAttnGradients gradientsOf =
          gradients(
              List.of(
                  c.gradient(0, backward.get(0), bounds.result()),
                  c.gradient(2, backward.get(1), bounds.sampling()),
                  c.gradient(3, backward.get(2), bounds.sampling())));
      PointSamplingOutputs sampled = PointSamplingOutputs.of(reference, visible);
      c.kernel(
          BenchmarkReport.BEVEL,
          () -> DeformAttn.forward(inputs, out),
          () -> DeformAttn.backward(inputs, gradOut, gradientsOf));
      c.kernel(
          "bevel_with_points",
          () -> {
            points.sampleInto(sampled);
            DeformAttn.forward(inputs, out);
          },
          () -> DeformAttn.backward(inputs, gradOut, gradientsOf));
      DeformAttnFunction function =
          new DeformAttnFunction(
              shape.levels(), DeformAttnOptions.DEFAULT.withReferenceKind(shape.kind()));
      c.tensors("bevel_autograd", in -> function.attend(in[0], in[1], in[2], in[3], in[4]));
      c.tensors(
          OperatorComparison.LIBTORCH,
          in -> ComposedSpatialAttention.attend(shape, in[0], in[1], in[2], in[3], in[4]));
      c.run(session);
    }
  }

  /** Those of value, offsets and logits. */
  private static DeformAttnGradients gradients(List<TensorView> of) {
    return DeformAttnGradients.none()
        .withValue(of.get(0))
        .withOffsets(of.get(1))
        .withLogits(of.get(2));
  }

  private static double[] uniform(Random random, double bound, long... shape) {
    return random.doubles(DeformAttnShape.count(shape), -bound, bound).toArray();
  }

  private static double[] wide(byte[] values) {
    double[] result = new double[values.length];
    for (int i = 0; i < result.length; i++) {
      result[i] = values[i];
    }
    return result;
  }

  /** Offsets [.., M, L, P, 2] for these reference points. */
  private static double[] rays(Random random, DeformAttnShape shape, double[] places, byte[] seen) {
    double[] offsets = new double[DeformAttnShape.count(shape.offsetShape())];
    for (int i = 0; i < offsets.length; i++) {
      int sample = i / 2;
      int point = sample % shape.points();
      int head = sample / shape.samples() % shape.heads();
      double angle = 2 * Math.PI * head / shape.heads();
      double x = Math.cos(angle);
      double y = Math.sin(angle);
      double ray = (i % 2 == 0 ? x : y) / Math.max(Math.abs(x), Math.abs(y)) * (point + 1);
      do {
        offsets[i] = ray + random.nextGaussian();
      } while (nearPixel(shape, places, seen, i, offsets[i]));
    }
    return offsets;
  }

  /** Whether a coordinate comes too close to a pixel's centre in a camera that sees the query. */
  private static boolean nearPixel(
      DeformAttnShape shape, double[] places, byte[] seen, int index, double offset) {
    int sample = index / 2;
    int query = sample / (shape.samples() * shape.heads());
    int anchor = sample % shape.points() % shape.references();
    ValueLevels.Level level =
        shape.levels().levels().get(sample / shape.points() % shape.levels().count());
    double size = index % 2 == 0 ? level.width() : level.height();
    for (int n = 0; n < shape.maps(); n++) {
      int view = n * shape.queries() + query;
      if (seen[view] != 0) {
        double place = places[(view * shape.references() + anchor) * 2 + index % 2];
        double pixel = place * size - 0.5 + offset;
        if (Math.abs(pixel - Math.rint(pixel)) < MARGIN) {
          return true;
        }
      }
    }
    return false;
  }

  /** Point sampling of one case, and what it must give. */
  private static final class Points {
    /** A point may lie within rounding of a border. */
    private static final double FLAGS_THAT_MAY_DIFFER = 1e-3;

    private final SpatialAttentionShape shape;
    private final PillarProjection expected;
    private final TensorView matrices;
    private final TensorView reference;
    private final TensorView visible;
    private final PointSamplingInputs inputs;
    private final PointSamplingOutputs own;

    Points(Arena arena, SpatialAttentionShape shape, PillarProjection expected) {
      this.shape = shape;
      this.expected = expected;
      DeformAttnShape attention = shape.attention();
      matrices =
          TensorData.store(
              arena, DType.FLOAT32, expected.lidarToImage(), 1, attention.maps(), 4, 4);
      reference = TensorView.allocate(arena, DType.FLOAT32, attention.referenceShape());
      visible = TensorView.allocate(arena, DType.UINT8, 1, attention.maps(), attention.queries());
      inputs =
          PointSamplingInputs.of(
              shape.grid(),
              new PointSamplingInputs.Images(matrices, shape.imageHeight(), shape.imageWidth()));
      own = PointSamplingOutputs.of(reference, visible);
      sampleInto(own);
      verify("bevel");
    }

    void sampleInto(PointSamplingOutputs outputs) {
      PointSampling.forward(inputs, outputs);
    }

    double[] places() {
      double[] places = new double[Math.toIntExact(reference.elementCount())];
      for (int i = 0; i < places.length; i++) {
        places[i] = TensorData.at(reference, i);
      }
      return places;
    }

    byte[] seen() {
      byte[] seen = new byte[Math.toIntExact(visible.elementCount())];
      for (int i = 0; i < seen.length; i++) {
        seen[i] = (byte) TensorData.at(visible, i);
      }
      return seen;
    }

    void run(String caseName, BenchmarkSession session) {
      try (PermanentPointers pointers = new PermanentPointers()) {
        Tensor peer = pointers.over(matrices, matrices.shape());
        long bytes = matrices.byteSize() + reference.byteSize() + visible.byteSize();
        List<Variant> variants =
            Stream.of(
                    Variant.fp32(
                        BenchmarkReport.BEVEL,
                        bytes,
                        () -> sampleInto(own),
                        () -> verify(BenchmarkReport.BEVEL)),
                    Variant.fp32(
                        OperatorComparison.LIBTORCH,
                        bytes,
                        () -> compose(peer),
                        () -> verifyComposition(peer)))
                .filter(each -> session.times(each.name()))
                .toList();
        for (int threads : session.options().threads()) {
          BenchmarkSession.useThreads(threads);
          for (Variant variant : variants) {
            TensorData.poison(reference);
            TensorData.poison(visible);
            variant.call().run();
            variant.verify().run();
          }
          BenchmarkKey key =
              new BenchmarkKey("point-sampling", caseName, Pass.FORWARD, "fp32", "cpu", threads);
          session.time(variants.stream().map(each -> key).toList(), variants);
        }
      }
    }

    @SuppressWarnings("try") // the scope is there to be closed
    private void compose(Tensor peer) {
      try (TensorScope scope = TensorScope.open()) {
        project(peer);
      }
    }

    private ComposedSpatialAttention.Points project(Tensor peer) {
      return ComposedSpatialAttention.project(
          shape.grid(), peer, shape.imageHeight(), shape.imageWidth());
    }

    @SuppressWarnings("try") // the scope is there to be closed
    private void verifyComposition(Tensor peer) {
      try (TensorScope scope = TensorScope.open()) {
        ComposedSpatialAttention.Points points = project(peer);
        double[] flags = Tensors.toDoubles(points.mask().any(-1));
        verify(OperatorComparison.LIBTORCH, Tensors.toDoubles(points.reference()), flags);
      }
    }

    private void verify(String name) {
      verify(name, places(), wide(seen()));
    }

    /** Places where they are seen, and flags. */
    private void verify(String name, double[] places, double[] flags) {
      double[] exact = expected.reference();
      byte[] seen = expected.visible();
      int perView = exact.length / seen.length;
      int different = 0;
      for (int view = 0; view < seen.length; view++) {
        if (flags[view] != seen[view]) {
          different++;
        }
        for (int i = view * perView; seen[view] == 1 && i < (view + 1) * perView; i++) {
          if (!(Math.abs(places[i] - exact[i]) <= 1e-4 * (1 + Math.abs(exact[i])))) {
            throw new VerificationException(
                String.format(
                    Locale.ROOT,
                    "%s: coordinate %d must be %s, got %s",
                    name,
                    i,
                    exact[i],
                    places[i]));
          }
        }
      }
      if (different > FLAGS_THAT_MAY_DIFFER * seen.length) {
        throw new VerificationException(
            String.format(Locale.ROOT, "%s: %d of %d flags differ", name, different, seen.length));
      }
    }
  }
}
