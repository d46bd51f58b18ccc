package dev.bevel.torch.autograd;

import static dev.bevel.torch.autograd.KernelTensors.view;

import dev.bevel.kernels.CallSettings;
import dev.bevel.kernels.DeformConv;
import dev.bevel.kernels.DeformConvGradients;
import dev.bevel.kernels.DeformConvInputs;
import dev.bevel.kernels.DeformConvSettings;
import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.TensorView;
import dev.bevel.torch.TensorViews;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Deformable convolution as part of a network: {@link DeformConv}, differentiable with respect to
 * input, offset, mask, weight and bias.
 *
 * <pre>{@code
 * var function = new DeformConvFunction(DeformConvSettings.of(1, 1, 1), Determinism.STRICT);
 * Tensor out = function.convolve(x, offset, mask, weight, null);
 * }</pre>
 *
 * <p>dtypes: input and weight Float, BFloat16 or Half, independently; the result has the input's
 * dtype. Offset and mask are cast to Float, the bias to the weight's dtype. If input, offset, mask
 * or weight is Double all are (CPU only). Tensors that are not contiguous are copied.
 *
 * <p>On CUDA the work joins LibTorch's current stream.
 */
public final class DeformConvFunction
    extends OperatorFunction<DeformConvInputs, DeformConvGradients> {
  private static final int INPUT = 0;
  private static final int OFFSET = 1;
  private static final int WEIGHT = 2;
  private static final int MASK = 3;
  private static final int BIAS = 4;
  private final DeformConvSettings settings;

  /**
   * A deformable convolution.
   *
   * @param settings how the kernel moves over the input
   * @param determinism how the gradient of the input is added up
   */
  public DeformConvFunction(DeformConvSettings settings, Determinism determinism) {
    super(
        determinism,
        Argument.stored("input").ofRank(4, "[B, C, H, W]"),
        Argument.real("offset"),
        Argument.stored("weight").ofRank(4, "[O, C/groups, kh, kw]"),
        Argument.real("mask").orNone().ofRank(4, "[B, G·K, Ho, Wo]"),
        Argument.like("bias", WEIGHT).orNone().ofRank(1, "[O]"));
    this.settings = Objects.requireNonNull(settings, "settings");
  }

  /**
   * Convolves: B batch elements of C channels of H × W pixels, O output channels of Ho × Wo pixels,
   * K = kh · kw taps, G deformable groups.
   *
   * @param input [B, C, H, W]
   * @param offset [B, 2·G·K, Ho, Wo], pixels: dy and dx of each tap in turn
   * @param mask [B, G·K, Ho, Wo], the factor of each sample; null for 1, version 1
   * @param weight [O, C/groups, kh, kw]
   * @param bias [O]; null for 0
   * @return [B, O, Ho, Wo]
   */
  public Tensor convolve(
      Tensor input, Tensor offset, @Nullable Tensor mask, Tensor weight, @Nullable Tensor bias) {
    return run(input, offset, weight, mask, bias)[0];
  }

  @Override
  DeformConvInputs inputs(@Nullable Tensor[] ready) {
    return new DeformConvInputs(
            TensorViews.of(ready[INPUT]),
            TensorViews.of(ready[OFFSET]),
            view(ready[MASK]),
            TensorViews.of(ready[WEIGHT]),
            settings)
        .withBias(view(ready[BIAS]));
  }

  @Override
  long[] outShape(DeformConvInputs inputs) {
    return DeformConv.outShape(inputs);
  }

  @Override
  void callForward(DeformConvInputs inputs, TensorView out, CallSettings how) {
    DeformConv.forward(inputs, out, how);
  }

  @Override
  DeformConvGradients gradients(@Nullable Tensor[] written, @Nullable Tensor[] saved) {
    return DeformConvGradients.none()
        .withInput(view(written[INPUT]))
        .withOffset(view(written[OFFSET]))
        .withWeight(view(written[WEIGHT]))
        .withMask(view(written[MASK]))
        .withBias(view(written[BIAS]));
  }

  @Override
  void callBackward(
      DeformConvInputs inputs,
      TensorView gradOut,
      DeformConvGradients gradients,
      CallSettings how) {
    DeformConv.backward(inputs, gradOut, gradients, how);
  }
}
