package dev.bevel.bench.deformconv;

import static dev.bevel.bench.BenchmarkReport.BEVEL;
import static dev.bevel.bench.OperatorComparison.LIBTORCH;

import dev.bevel.bench.BenchmarkOptions;
import dev.bevel.bench.BenchmarkSession;
import dev.bevel.bench.OperatorBenchmark;
import dev.bevel.bench.OperatorComparison;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.DeformConv;
import dev.bevel.kernels.DeformConvGradients;
import dev.bevel.kernels.DeformConvInputs;
import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.TensorView;
import dev.bevel.torch.autograd.DeformConvFunction;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Deformable convolution at the published shapes, {@link DeformConvShape#PUBLISHED}, 3 × 3, with
 * random offsets of up to two pixels: odd multiples of 1/128, exact in float32 and clear of whole
 * numbers, where the slope jumps.
 *
 * <p>{@code bevel} is the kernel, whose results stay where they are; {@code bevel_autograd} the
 * same as a function of LibTorch's autograd, new tensors and graph included; {@code libtorch} the
 * composition of four gathers and a matrix product, {@code libtorch_grid_sample} that of one
 * grid_sample and a matrix product ({@link DeformConvComposition}), both with LibTorch's autograd.
 * Forward with backward gives the gradients of input, offset, mask and weight. In bf16 input,
 * weight, result and their gradients are; Bevel alone.
 */
public final class DeformConvBenchmark implements OperatorBenchmark {
  /** What rounding in fp32 may change, relative to the largest magnitude. */
  private static final double BOUND = 1e-4;

  private static final double BOUND_OF_BF16 = 1e-2;

  private static final int LARGEST_OFFSET = 2;
  private static final int OFFSET_STEPS = 64;

  @Override
  public String operator() {
    return "deform-conv";
  }

  @Override
  public List<String> cases(BenchmarkOptions options) {
    return DeformConvShape.PUBLISHED.stream().map(DeformConvShape::name).toList();
  }

  @Override
  public void run(String caseName, BenchmarkSession session) {
    DeformConvShape shape =
        DeformConvShape.PUBLISHED.stream()
            .filter(each -> each.name().equals(caseName))
            .findFirst()
            .orElseThrow();
    run(shape, session);
  }

  /**
   * Runs a case of any shape.
   *
   * @param shape sizes and name
   * @param session where results go
   */
  public void run(DeformConvShape shape, BenchmarkSession session) {
    session.log(
        String.format(
            Locale.ROOT,
            "%s: %.2f GFLOP forward, three times as many with backward",
            shape.name(),
            2e-9 * (double) shape.products()));
    run(shape, DType.FLOAT32, session);
    run(shape, DType.BFLOAT16, session);
  }

  private void run(DeformConvShape shape, DType dtype, BenchmarkSession session) {
    boolean narrow = dtype == DType.BFLOAT16;
    double bound = narrow ? BOUND_OF_BF16 : BOUND;
    try (OperatorComparison c =
        new OperatorComparison(operator(), shape.name(), narrow ? "bf16" : "fp32")) {
      DeformConvValues values = values(shape, session.options().seed());
      TensorView input = c.input(dtype, values.input(), shape.inputShape());
      TensorView offset = c.input(DType.FLOAT32, values.offset(), shape.offsetShape());
      TensorView weight = c.input(dtype, values.weight(), shape.weightShape());
      double @Nullable [] masks = values.mask();
      TensorView mask = masks == null ? null : c.input(DType.FLOAT32, masks, shape.maskShape());
      TensorView gradOut = c.gradOut(dtype, values.gradOut(), shape.outShape());

      DeformConvInputs inputs = new DeformConvInputs(input, offset, mask, weight, shape.settings());
      double[] expectedOut =
          c.reference(exact -> DeformConv.forward(inputs, exact), shape.outShape());
      TensorView out = c.result(dtype, expectedOut, bound, shape.outShape());
      List<long[]> shapes =
          new ArrayList<>(List.of(shape.inputShape(), shape.offsetShape(), shape.weightShape()));
      if (mask != null) {
        shapes.add(shape.maskShape());
      }
      List<double[]> expected =
          c.references(exact -> DeformConv.backward(inputs, gradOut, gradients(exact)), shapes);
      List<TensorView> asked = new ArrayList<>();
      for (int i = 0; i < expected.size(); i++) {
        asked.add(c.gradient(i, expected.get(i), bound));
      }
      DeformConvGradients gradients = gradients(asked);
      c.kernel(
          BEVEL,
          () -> DeformConv.forward(inputs, out),
          () -> DeformConv.backward(inputs, gradOut, gradients));
      DeformConvFunction function = new DeformConvFunction(shape.settings(), Determinism.STRICT);
      c.tensors("bevel_autograd", in -> function.convolve(in[0], in[1], maskOf(in), in[2], null));
      if (!narrow) {
        composition(c, LIBTORCH, DeformConvComposition.GATHER, shape);
        composition(c, "libtorch_grid_sample", DeformConvComposition.GRID_SAMPLE, shape);
      }
      c.run(session);
    }
  }

  /** Those of input, offset, weight and, where there is one, mask. */
  private static DeformConvGradients gradients(List<TensorView> of) {
    return DeformConvGradients.none()
        .withInput(of.get(0))
        .withOffset(of.get(1))
        .withWeight(of.get(2))
        .withMask(of.size() > 3 ? of.get(3) : null);
  }

  private static void composition(
      OperatorComparison c, String name, DeformConvComposition composition, DeformConvShape shape) {
    c.tensors(
        name, in -> composition.convolve(in[0], in[1], maskOf(in), in[2], null, shape.settings()));
  }

  private static @Nullable Tensor maskOf(Tensor[] inputs) {
    return inputs.length > 3 ? inputs[3] : null;
  }

  private static DeformConvValues values(DeformConvShape shape, long seed) {
    Random random = new Random(seed);
    double fanIn = (double) shape.channels() / shape.settings().groups() * shape.taps();
    return new DeformConvValues(
        numbers(random, -1, 1, shape.inputShape()),
        offsets(random, shape.offsetShape()),
        shape.masked() ? numbers(random, 0, 1, shape.maskShape()) : null,
        numbers(random, -1 / Math.sqrt(fanIn), 1 / Math.sqrt(fanIn), shape.weightShape()),
        null,
        numbers(random, -1, 1, shape.outShape()));
  }

  private static double[] numbers(Random random, double lower, double upper, long... shape) {
    return random.doubles(count(shape), lower, upper).toArray();
  }

  private static double[] offsets(Random random, long... shape) {
    int most = LARGEST_OFFSET * OFFSET_STEPS;
    return random
        .ints(count(shape), -most, most)
        .mapToDouble(step -> (step + 0.5) / OFFSET_STEPS)
        .toArray();
  }

  private static long count(long... shape) {
    long count = 1;
    for (long size : shape) {
      count *= size;
    }
    return count;
  }
}
