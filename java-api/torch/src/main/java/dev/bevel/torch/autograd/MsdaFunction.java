package dev.bevel.torch.autograd;

import static dev.bevel.torch.TensorHold.require;

import dev.bevel.kernels.CallSettings;
import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.Msda;
import dev.bevel.kernels.MsdaGradients;
import dev.bevel.kernels.MsdaInputs;
import dev.bevel.kernels.TensorView;
import dev.bevel.kernels.ValueLevels;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.TensorViews;
import dev.bevel.torch.nn.Tensors;
import java.util.Arrays;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Multi-scale deformable attention with the signature of mmcv's {@code
 * MultiScaleDeformableAttnFunction}, without its im2col step: {@link Msda}, differentiable with
 * respect to value, locations and weights.
 *
 * <pre>{@code
 * Tensor out = new MsdaFunction(ValueLevels.of(116, 200, 58, 100)).attend(value, locations, weights);
 * }</pre>
 *
 * <p>Shapes, with B batch elements, Q queries, M heads of D channels, L levels of S rows in all and
 * P points: value [B, S, M, D], locations [B, Q, M, L, P, 2] with (x, y) in [0, 1], weights [B, Q,
 * M, L, P] after the softmax; the result [B, Q, M·D].
 *
 * <p>dtypes: value Float, BFloat16 or Half, and the result like it; locations and weights are cast
 * to Float. If any is Double all are (CPU only). On CUDA the work joins LibTorch's current stream.
 */
public final class MsdaFunction extends Function {
  private final ValueLevels levels;
  private final Determinism determinism;

  /**
   * Attention over these levels with a deterministic backward pass.
   *
   * @param levels of value
   */
  public MsdaFunction(ValueLevels levels) {
    this(levels, Determinism.STRICT);
  }

  /**
   * Attention over these levels.
   *
   * @param levels of value
   * @param determinism how the gradient of value is added up
   */
  public MsdaFunction(ValueLevels levels, Determinism determinism) {
    this.levels = Objects.requireNonNull(levels, "levels");
    this.determinism = Objects.requireNonNull(determinism, "determinism");
  }

  /**
   * Levels that follow each other, as mmcv's {@code spatial_shapes} lists them. Waits for the
   * device if the tensor is on CUDA: where the levels do not change, ask once.
   *
   * @param spatialShapes integers [L, 2], (height, width) of each level
   */
  public static ValueLevels levels(Tensor spatialShapes) {
    require("MsdaFunction.levels", "spatialShapes", spatialShapes);
    if (spatialShapes.dim() != 2 || spatialShapes.size(1) != 2) {
      throw new IllegalArgumentException(
          "MsdaFunction: spatialShapes must be [L, 2], got "
              + Arrays.toString(spatialShapes.shape()));
    }
    double[] sizes = Tensors.toDoubles(spatialShapes);
    return ValueLevels.of(Arrays.stream(sizes).mapToInt(size -> (int) size).toArray());
  }

  /**
   * Attends.
   *
   * @param value [B, S, M, D]
   * @param locations [B, Q, M, L, P, 2]
   * @param weights [B, Q, M, L, P]
   * @return [B, Q, M·D]
   */
  public Tensor attend(Tensor value, Tensor locations, Tensor weights) {
    TensorScope.require(name());
    require(name(), "value", value);
    require(name(), "locations", locations);
    require(name(), "weights", weights);
    KernelTensors.requireRank(name(), "value", value, 4, "[B, S, M, D]");
    KernelTensors.requireRank(name(), "locations", locations, 6, "[B, Q, M, L, P, 2]");
    try (TensorScope inner = TensorScope.open()) {
      ScalarType real = KernelTensors.realOf(value, locations, weights);
      Tensor wide = real == ScalarType.Double ? value.to(real) : value;
      return inner.keep(apply(wide, locations.to(real), weights.to(real))[0]);
    }
  }

  @Override
  protected Tensor[] forward(Context context, @Nullable Tensor... inputs) {
    Tensor value = inputs[0].contiguous();
    Tensor locations = inputs[1].contiguous();
    Tensor weights = inputs[2].contiguous();
    MsdaInputs views = inputs(value, locations, weights);
    Tensor out = KernelTensors.empty(Msda.outShape(views), value, value.scalar_type());
    Msda.forward(views, TensorViews.of(out), KernelTensors.settings(value, determinism));
    context.saveForBackward(value, locations, weights);
    return new Tensor[] {out};
  }

  @Override
  protected @Nullable Tensor[] backward(Context context, @Nullable Tensor... gradOutputs) {
    @Nullable Tensor[] saved = context.savedTensors();
    Tensor value = Objects.requireNonNull(saved[0]);
    Tensor locations = Objects.requireNonNull(saved[1]);
    Tensor weights = Objects.requireNonNull(saved[2]);
    Tensor gradOut = Objects.requireNonNull(gradOutputs[0]).contiguous();
    @Nullable Tensor[] written = {
      KernelTensors.gradient(context, 0, () -> KernelTensors.emptyLike(value)),
      KernelTensors.gradient(context, 1, () -> KernelTensors.emptyLike(locations)),
      KernelTensors.gradient(context, 2, () -> KernelTensors.emptyLike(weights))
    };
    MsdaInputs views = inputs(value, locations, weights);
    TensorView gradient = TensorViews.of(gradOut);
    MsdaGradients gradients =
        MsdaGradients.none()
            .withValue(KernelTensors.view(written[0]))
            .withLocations(KernelTensors.view(written[1]))
            .withWeights(KernelTensors.view(written[2]));
    CallSettings settings = KernelTensors.settings(value, determinism);
    Msda.backward(
        views,
        gradient,
        gradients,
        KernelTensors.withWorkspace(
            settings, value, () -> Msda.workspaceBytes(views, gradient, gradients, settings)));
    return written;
  }

  private MsdaInputs inputs(Tensor value, Tensor locations, Tensor weights) {
    return new MsdaInputs(
        TensorViews.of(value), levels, TensorViews.of(locations), TensorViews.of(weights));
  }
}
