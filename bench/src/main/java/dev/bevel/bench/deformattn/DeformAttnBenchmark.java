package dev.bevel.bench.deformattn;

import static dev.bevel.bench.BenchmarkReport.BEVEL;
import static dev.bevel.bench.OperatorComparison.LIBTORCH;

import dev.bevel.bench.BenchmarkOptions;
import dev.bevel.bench.BenchmarkSession;
import dev.bevel.bench.OperatorBenchmark;
import dev.bevel.bench.OperatorComparison;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.DeformAttn;
import dev.bevel.kernels.DeformAttnBackward;
import dev.bevel.kernels.DeformAttnForward;
import dev.bevel.kernels.DeformAttnInputs;
import dev.bevel.kernels.Msda;
import dev.bevel.kernels.MsdaBackward;
import dev.bevel.kernels.MsdaForward;
import dev.bevel.kernels.MsdaInputs;
import dev.bevel.kernels.TensorView;
import dev.bevel.kernels.ValueLevels;
import dev.bevel.kernels.Workspace;
import dev.bevel.torch.autograd.DeformAttnFunction;
import dev.bevel.torch.autograd.DeformAttnOptions;
import dev.bevel.torch.autograd.MsdaFunction;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

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
 * </ul>
 *
 * <p>{@code bevel} is the kernel, whose results stay where they are; {@code bevel_autograd} the
 * same as a function of LibTorch's autograd, new tensors and graph included; {@code libtorch} the
 * composition of {@code grid_sample} a level, stack, product and sum ({@link ComposedDeformAttn}),
 * with LibTorch's autograd. In bf16 values, results and their gradients are; Bevel alone.
 */
public final class DeformAttnBenchmark implements OperatorBenchmark {
  private static final String FUSED = "-fused";
  private static final int HEADS = 8;
  private static final int HEAD_CHANNELS = 32;

  /** What rounding in fp32 may change, relative to the largest magnitude. */
  private static final double BOUND = 1e-5;

  /** The same of gradients of places and weights, in which large terms cancel. */
  private static final double BOUND_OF_SAMPLING = 1e-4;

  private static final double BOUND_OF_BF16 = 4e-3;

  private static final Map<String, DeformAttnShape> SHAPES = shapes();

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
    return List.copyOf(SHAPES.keySet());
  }

  @Override
  public void run(String caseName, BenchmarkSession session) {
    run(caseName, Objects.requireNonNull(SHAPES.get(caseName)), session);
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
    try (OperatorComparison c =
        new OperatorComparison(operator(), caseName, narrow ? "bf16" : "fp32")) {
      DeformAttnProblem problem = new DeformAttnProblem(shape, session.options().seed());
      DeformAttnReference.Inputs in = problem.inputs();
      double[] gradOut = problem.gradOut();
      double bound = narrow ? BOUND_OF_BF16 : BOUND;
      TensorView value = c.input(dtype, in.value(), shape.valueShape());
      TensorView reference =
          in.reference() == null
              ? null
              : c.constant(DType.FLOAT32, in.reference(), shape.referenceShape());
      TensorView offsets = c.input(DType.FLOAT32, in.offsets(), shape.offsetShape());
      TensorView logits = c.input(DType.FLOAT32, in.logits(), shape.logitShape());
      TensorView gradient = c.gradOut(dtype, gradOut, shape.outShape());

      DeformAttnReference expected = new DeformAttnReference(shape, in);
      TensorView out = c.result(dtype, expected.forward(), bound, shape.outShape());
      DeformAttnReference.Gradients gradients = expected.backward(gradOut);
      int sampling = reference == null ? 1 : 2;
      TensorView gradValue = c.gradient(0, gradients.value(), bound);
      TensorView gradOffsets = c.gradient(sampling, gradients.offsets(), BOUND_OF_SAMPLING);
      TensorView gradLogits = c.gradient(sampling + 1, gradients.logits(), BOUND_OF_SAMPLING);

      Workspace workspace = c.own(Workspace.cpu());
      if (reference == null) {
        MsdaInputs inputs = new MsdaInputs(value, shape.levels(), offsets, logits);
        MsdaForward forward = new MsdaForward(inputs, out);
        MsdaBackward backward =
            new MsdaBackward(inputs, gradient)
                .gradValue(gradValue)
                .gradLocations(gradOffsets)
                .gradWeights(gradLogits)
                .workspace(workspace);
        c.kernel(BEVEL, () -> Msda.forward(forward), () -> Msda.backward(backward));
        MsdaFunction function = new MsdaFunction(shape.levels());
        c.tensors("bevel_autograd", t -> function.attend(t[0], t[1], t[2]));
        if (!narrow) {
          c.tensors(LIBTORCH, t -> ComposedDeformAttn.msda(t[0], shape.levels(), t[1], t[2]));
        }
      } else {
        DeformAttnInputs inputs =
            new DeformAttnInputs(value, shape.levels(), reference, offsets, logits);
        DeformAttnForward forward = new DeformAttnForward(inputs, out);
        DeformAttnBackward backward =
            new DeformAttnBackward(inputs, gradient)
                .gradValue(gradValue)
                .gradOffsets(gradOffsets)
                .gradLogits(gradLogits)
                .workspace(workspace);
        c.kernel(BEVEL, () -> DeformAttn.forward(forward), () -> DeformAttn.backward(backward));
        DeformAttnFunction function =
            new DeformAttnFunction(shape.levels(), DeformAttnOptions.DEFAULT);
        c.tensors("bevel_autograd", t -> function.attend(t[0], t[1], t[2], t[3]));
        if (!narrow) {
          c.tensors(LIBTORCH, t -> ComposedDeformAttn.fused(shape, t[0], t[1], t[2], t[3], null));
        }
      }
      c.run(session);
    }
  }
}
