package dev.bevel.torch.autograd;

import static dev.bevel.torch.TensorHold.require;

import dev.bevel.kernels.CallSettings;
import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.Msda;
import dev.bevel.kernels.MsdaGradients;
import dev.bevel.kernels.MsdaInputs;
import dev.bevel.kernels.TensorView;
import dev.bevel.kernels.ValueLevels;
import dev.bevel.torch.TensorViews;
import dev.bevel.torch.nn.Tensors;
import java.util.Arrays;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
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
public final class MsdaFunction extends OperatorFunction<MsdaInputs, MsdaGradients> {
  private static final int VALUE = 0;
  private static final int LOCATIONS = 1;
  private static final int WEIGHTS = 2;

  private final ValueLevels levels;

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
    super(
        determinism,
        Argument.stored("value").ofRank(4, "[B, S, M, D]"),
        Argument.real("locations").ofRank(6, "[B, Q, M, L, P, 2]"),
        Argument.real("weights"));
    this.levels = Objects.requireNonNull(levels, "levels");
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
    for (double size : sizes) {
      if (size != Math.rint(size) || size > Integer.MAX_VALUE) {
        throw new IllegalArgumentException(
            "MsdaFunction: spatialShapes must hold whole numbers below 2^31, got " + size);
      }
    }
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
    return run(value, locations, weights)[0];
  }

  @Override
  MsdaInputs inputs(@Nullable Tensor[] ready) {
    return new MsdaInputs(
        TensorViews.of(ready[VALUE]),
        levels,
        TensorViews.of(ready[LOCATIONS]),
        TensorViews.of(ready[WEIGHTS]));
  }

  @Override
  long[] outShape(MsdaInputs inputs) {
    return Msda.outShape(inputs);
  }

  @Override
  void callForward(MsdaInputs inputs, TensorView out, CallSettings settings) {
    Msda.forward(inputs, out, settings);
  }

  @Override
  MsdaGradients gradients(@Nullable Tensor[] written, @Nullable Tensor[] saved) {
    return MsdaGradients.none()
        .withValue(KernelTensors.view(written[VALUE]))
        .withLocations(KernelTensors.view(written[LOCATIONS]))
        .withWeights(KernelTensors.view(written[WEIGHTS]));
  }

  @Override
  void callBackward(
      MsdaInputs inputs, TensorView gradOut, MsdaGradients gradients, CallSettings settings) {
    Msda.backward(inputs, gradOut, gradients, settings);
  }
}
