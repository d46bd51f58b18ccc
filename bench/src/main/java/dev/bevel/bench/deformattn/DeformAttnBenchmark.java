package dev.bevel.bench.deformattn;

import static dev.bevel.bench.BenchmarkReport.BEVEL;
import static dev.bevel.bench.OperatorComparison.LIBTORCH;

import dev.bevel.bench.BenchmarkOptions;
import dev.bevel.bench.BenchmarkSession;
import dev.bevel.bench.OperatorBenchmark;
import dev.bevel.bench.OperatorComparison;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.DeformAttn;
import dev.bevel.kernels.DeformAttnGradients;
import dev.bevel.kernels.DeformAttnInputs;
import dev.bevel.kernels.Msda;
import dev.bevel.kernels.MsdaGradients;
import dev.bevel.kernels.MsdaInputs;
import dev.bevel.kernels.TensorView;
import dev.bevel.kernels.ValueLevels;
import dev.bevel.torch.autograd.DeformAttnFunction;
import dev.bevel.torch.autograd.DeformAttnOptions;
import dev.bevel.torch.autograd.MsdaFunction;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Deformable attention with BEVFormer's 8 heads of 32 channels: the field's form, and, in cases
 * named {@code -fused}, the form that takes reference points, offsets and logits. The inputs are
 * those of {@link DeformAttnProblem}.
 *
 * <ul>
 *   <li>{@code 2500-15x25}: 2,500 queries, a level of 15 × 25 pixels, 8 points (a camera of the
 *       tiny configuration).
 *   <li>{@code 10000-50x50}: 10,000 queries, 50 × 50 pixels, 4 points.
 *   <li>{@code 40000-200x200}: 40,000 queries, 200 × 200 pixels, 4 points (a queue of temporal
 *       self-attention, base).
 *   <li>{@code 6x2500-4-levels}: 6 batch elements of 2,500 queries, levels of 116 × 200, 58 × 100,
 *       29 × 50 and 15 × 25 pixels, 8 points.
 *   <li>{@code sca-base}, {@code sca-small}, {@code sca-tiny}, and with {@code -sample} on a data
 *       set's calibration: spatial cross-attention over six cameras ({@link
 *       SpatialAttentionBenchmark}).
 * </ul>
 *
 * <p>{@code bevel} is the kernel, whose results stay where they are; {@code bevel_autograd} the
 * same as a function of LibTorch's autograd, new tensors and graph included; {@code libtorch} the
 * composition of {@code grid_sample} a level, stack, product and sum ({@link ComposedDeformAttn}),
 * with LibTorch's autograd. In bf16 values, results and their gradients are; Bevel alone.
 */
public final class DeformAttnBenchmark implements OperatorBenchmark {
  private static final String FUSED = "-fused";
  private static final String AUTOGRAD = "bevel_autograd";
  private static final int HEADS = 8;
  private static final int HEAD_CHANNELS = 32;

  /** What rounding in bf16 may change, relative to the largest magnitude. */
  private static final double BOUND_OF_BF16 = 4e-3;

  private static final Map<String, DeformAttnShape> SHAPES = shapes();

  private final SpatialAttentionBenchmark spatial = new SpatialAttentionBenchmark(operator());

  /** The cases named above. */
  public DeformAttnBenchmark() {}

  private static Map<String, DeformAttnShape> shapes() {
    Map<String, DeformAttnShape> shapes = new LinkedHashMap<>();
    shapes.put("2500-15x25", shape(1, 2500, 8, 15, 25));
    shapes.put("10000-50x50", shape(1, 10_000, 4, 50, 50));
    shapes.put("40000-200x200", shape(1, 40_000, 4, 200, 200));
    shapes.put("6x2500-4-levels", shape(6, 2500, 8, 116, 200, 58, 100, 29, 50, 15, 25));
    for (Map.Entry<String, DeformAttnShape> each : List.copyOf(shapes.entrySet())) {
      shapes.put(each.getKey() + FUSED, each.getValue().fused(1, true));
    }
    return shapes;
  }

  private static DeformAttnShape shape(int batch, int queries, int points, int... levels) {
    return DeformAttnShape.msda(
        batch, queries, HEADS, HEAD_CHANNELS, ValueLevels.of(levels), points);
  }

  @Override
  public String operator() {
    return "deform-attn";
  }

  @Override
  public List<String> cases(BenchmarkOptions options) {
    List<String> names = new ArrayList<>(SHAPES.keySet());
    names.addAll(spatial.cases(options));
    return names;
  }

  @Override
  public void run(String caseName, BenchmarkSession session) {
    if (spatial.cases(session.options()).contains(caseName)) {
      spatial.run(caseName, session);
    } else {
      run(caseName, Objects.requireNonNull(SHAPES.get(caseName)), session);
    }
  }

  /**
   * Runs a case of any shape of one map with a square number of queries.
   *
   * @param caseName its name in the results
   * @param shape sizes
   * @param session where results go
   */
  public void run(String caseName, DeformAttnShape shape, BenchmarkSession session) {
    run(caseName, shape, DType.FLOAT32, session);
    run(caseName, shape, DType.BFLOAT16, session);
  }

  private void run(String caseName, DeformAttnShape shape, DType dtype, BenchmarkSession session) {
    boolean narrow = dtype == DType.BFLOAT16;
    try (OperatorComparison comparison =
        new OperatorComparison(operator(), caseName, narrow ? "bf16" : "fp32")) {
      Tensors t = Tensors.of(comparison, shape, dtype, session.options().seed());
      List<TensorView> gradients = List.of(t.gradValue, t.gradOffsets, t.gradLogits);
      comparison.kernel(
          BEVEL,
          () -> forward(shape, t.value, t.reference, t.offsets, t.logits, t.out),
          () -> backward(shape, t.value, t.reference, t.offsets, t.logits, t.gradOut, gradients));
      if (shape.isFused()) {
        addFused(comparison, shape);
      } else {
        addMsda(comparison, shape);
      }
      if (!narrow) {
        comparison.tensors(LIBTORCH, in -> composed(shape, in));
      }
      comparison.run(session);
    }
  }

  private static Tensor composed(DeformAttnShape shape, Tensor[] in) {
    return shape.isFused()
        ? ComposedDeformAttn.fused(shape, in[0], in[1], in[2], in[3], null)
        : ComposedDeformAttn.msda(in[0], shape.levels(), in[1], in[2]);
  }

  private static void forward(
      DeformAttnShape shape,
      TensorView value,
      @Nullable TensorView reference,
      TensorView offsets,
      TensorView logits,
      TensorView out) {
    if (reference == null) {
      Msda.forward(new MsdaInputs(value, shape.levels(), offsets, logits), out);
    } else {
      DeformAttn.forward(
          new DeformAttnInputs(value, shape.levels(), reference, offsets, logits), out);
    }
  }

  /**
   * Backward of either form.
   *
   * @param of the gradients of value, of offsets or locations, and of logits or weights
   */
  private static void backward(
      DeformAttnShape shape,
      TensorView value,
      @Nullable TensorView reference,
      TensorView offsets,
      TensorView logits,
      TensorView gradOut,
      List<TensorView> of) {
    if (reference == null) {
      Msda.backward(
          new MsdaInputs(value, shape.levels(), offsets, logits),
          gradOut,
          MsdaGradients.none()
              .withValue(of.get(0))
              .withLocations(of.get(1))
              .withWeights(of.get(2)));
    } else {
      DeformAttn.backward(
          new DeformAttnInputs(value, shape.levels(), reference, offsets, logits),
          gradOut,
          DeformAttnGradients.none()
              .withValue(of.get(0))
              .withOffsets(of.get(1))
              .withLogits(of.get(2)));
    }
  }

  private static void addMsda(OperatorComparison comparison, DeformAttnShape shape) {
    MsdaFunction function = new MsdaFunction(shape.levels());
    comparison.tensors(AUTOGRAD, in -> function.attend(in[0], in[1], in[2]));
  }

  private static void addFused(OperatorComparison comparison, DeformAttnShape shape) {
    DeformAttnFunction function = new DeformAttnFunction(shape.levels(), DeformAttnOptions.DEFAULT);
    comparison.tensors(AUTOGRAD, in -> function.attend(in[0], in[1], in[2], in[3]));
  }

  /** The tensors of a comparison, and what they must hold; references get no gradient. */
  private record Tensors(
      TensorView value,
      @Nullable TensorView reference,
      TensorView offsets,
      TensorView logits,
      TensorView gradOut,
      TensorView out,
      TensorView gradValue,
      TensorView gradOffsets,
      TensorView gradLogits) {
    static Tensors of(
        OperatorComparison comparison, DeformAttnShape shape, DType dtype, long seed) {
      DeformAttnProblem problem = new DeformAttnProblem(shape, seed);
      DeformAttnNumbers in = problem.inputs();
      double[] gradients = problem.gradOut();
      TensorView value = comparison.input(dtype, in.value(), shape.valueShape());
      TensorView reference =
          in.reference() == null
              ? null
              : comparison.constant(DType.FLOAT32, in.reference(), shape.referenceShape());
      TensorView offsets = comparison.input(DType.FLOAT32, in.offsets(), shape.offsetShape());
      TensorView logits = comparison.input(DType.FLOAT32, in.logits(), shape.logitShape());
      TensorView gradOut = comparison.gradOut(dtype, gradients, shape.outShape());

      double[] expected =
          comparison.reference(
              out -> forward(shape, value, reference, offsets, logits, out), shape.outShape());
      List<double[]> back =
          comparison.references(
              of -> backward(shape, value, reference, offsets, logits, gradOut, of),
              List.of(shape.valueShape(), shape.offsetShape(), shape.logitShape()));
      Bounds bounds = Bounds.of(shape.levels());
      double bound = dtype == DType.BFLOAT16 ? BOUND_OF_BF16 : bounds.result();
      int sampling = reference == null ? 1 : 2;
      return new Tensors(
          value,
          reference,
          offsets,
          logits,
          gradOut,
          comparison.result(dtype, expected, bound, shape.outShape()),
          comparison.gradient(0, back.get(0), bound),
          comparison.gradient(sampling, back.get(1), bounds.sampling()),
          comparison.gradient(sampling + 1, back.get(2), bounds.sampling()));
    }
  }
}
