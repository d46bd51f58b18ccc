package dev.bevel.torch.autograd;

import static dev.bevel.torch.TensorHold.require;
import static dev.bevel.torch.TensorHold.requireIfGiven;
import static dev.bevel.torch.autograd.KernelTensors.empty;
import static dev.bevel.torch.autograd.KernelTensors.emptyLike;
import static dev.bevel.torch.autograd.KernelTensors.gradient;
import static dev.bevel.torch.autograd.KernelTensors.realOf;
import static dev.bevel.torch.autograd.KernelTensors.requireRank;
import static dev.bevel.torch.autograd.KernelTensors.view;

import dev.bevel.kernels.CallSettings;
import dev.bevel.kernels.DeformConv;
import dev.bevel.kernels.DeformConvGradients;
import dev.bevel.kernels.DeformConvInputs;
import dev.bevel.kernels.DeformConvSettings;
import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.TensorView;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.TensorViews;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
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
public final class DeformConvFunction extends Function {
  private static final int INPUT = 0;
  private static final int OFFSET = 1;
  private static final int WEIGHT = 2;
  private static final int MASK = 3;
  private static final int BIAS = 4;
  private static final int INPUTS = 5;

  private static final int RANK = 4;

  private final DeformConvSettings settings;
  private final Determinism determinism;

  /**
   * A deformable convolution.
   *
   * @param settings how the kernel moves over the input
   * @param determinism how the gradient of the input is added up
   */
  public DeformConvFunction(DeformConvSettings settings, Determinism determinism) {
    this.settings = Objects.requireNonNull(settings, "settings");
    this.determinism = Objects.requireNonNull(determinism, "determinism");
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
    TensorScope.require(name());
    require(name(), "input", input);
    require(name(), "offset", offset);
    requireIfGiven(name(), "mask", mask);
    require(name(), "weight", weight);
    requireIfGiven(name(), "bias", bias);
    requireRank(name(), "input", input, RANK, "[B, C, H, W]");
    requireRank(name(), "weight", weight, RANK, "[O, C/groups, kh, kw]");
    try (TensorScope inner = TensorScope.open()) {
      ScalarType real = realOf(input, offset, weight, mask == null ? input : mask);
      boolean wide = real == ScalarType.Double;
      if (mask != null) {
        requireRank(name(), "mask", mask, RANK, "[B, G·K, Ho, Wo]");
      }
      if (bias != null) {
        requireRank(name(), "bias", bias, 1, "[O]");
      }
      Tensor kernel = wide ? weight.to(real) : weight;
      Tensor result =
          apply(
              wide ? input.to(real) : input,
              offset.to(real),
              kernel,
              mask == null ? null : mask.to(real),
              bias == null ? null : bias.to(kernel.scalar_type()))[0];
      return inner.keep(result);
    }
  }

  @Override
  protected Tensor[] forward(Context context, @Nullable Tensor... inputs) {
    if (inputs.length != INPUTS) {
      throw new IllegalArgumentException(
          name()
              + ": inputs must be input, offset, weight, mask and bias, the last two null where there"
              + " is none, got "
              + inputs.length
              + "; convolve takes them by name");
    }
    Tensor input = contiguous(inputs[INPUT]);
    Tensor offset = contiguous(inputs[OFFSET]);
    Tensor weight = contiguous(inputs[WEIGHT]);
    Tensor mask = inputs[MASK] == null ? null : contiguous(inputs[MASK]);
    Tensor bias = inputs[BIAS] == null ? null : contiguous(inputs[BIAS]);

    DeformConvInputs views = views(input, offset, mask, weight).withBias(view(bias));
    Tensor out = empty(DeformConv.outShape(views), input, input.scalar_type());
    TensorView map = TensorViews.of(out);
    CallSettings settings = KernelTensors.settings(input, determinism);
    DeformConv.forward(
        views,
        map,
        KernelTensors.withWorkspace(
            settings, input, () -> DeformConv.workspaceBytes(views, map, settings)));
    context.saveForBackward(input, offset, weight, mask, bias);
    return new Tensor[] {out};
  }

  @Override
  protected @Nullable Tensor[] backward(Context context, @Nullable Tensor... gradOutputs) {
    @Nullable Tensor[] saved = context.savedTensors();
    Tensor input = Objects.requireNonNull(saved[INPUT]);
    Tensor offset = Objects.requireNonNull(saved[OFFSET]);
    Tensor weight = Objects.requireNonNull(saved[WEIGHT]);
    Tensor mask = saved[MASK];
    Tensor gradOut = Objects.requireNonNull(gradOutputs[0]).contiguous();

    @Nullable Tensor[] written = new @Nullable Tensor[saved.length];
    for (int i = 0; i < written.length; i++) {
      Tensor like = saved[i];
      written[i] = like == null ? null : gradient(context, i, () -> emptyLike(like));
    }
    DeformConvGradients gradients =
        DeformConvGradients.none()
            .withInput(view(written[INPUT]))
            .withOffset(view(written[OFFSET]))
            .withWeight(view(written[WEIGHT]))
            .withMask(view(written[MASK]))
            .withBias(view(written[BIAS]));
    DeformConvInputs views = views(input, offset, mask, weight);
    TensorView gradMap = TensorViews.of(gradOut);
    CallSettings settings = KernelTensors.settings(gradOut, determinism);
    DeformConv.backward(
        views,
        gradMap,
        gradients,
        KernelTensors.withWorkspace(
            settings,
            gradOut,
            () -> DeformConv.workspaceBytes(views, gradMap, gradients, settings)));
    return written;
  }

  private static Tensor contiguous(@Nullable Tensor given) {
    return Objects.requireNonNull(given).contiguous();
  }

  private DeformConvInputs views(
      Tensor input, Tensor offset, @Nullable Tensor mask, Tensor weight) {
    return new DeformConvInputs(
        TensorViews.of(input),
        TensorViews.of(offset),
        view(mask),
        TensorViews.of(weight),
        settings);
  }
}
