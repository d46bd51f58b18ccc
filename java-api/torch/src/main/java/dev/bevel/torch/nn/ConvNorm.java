package dev.bevel.torch.nn;

import static dev.bevel.torch.TensorHold.require;

import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.jspecify.annotations.Nullable;

/**
 * Convolution followed by batch norm, as one step.
 *
 * <p>In evaluation mode, and while no gradients are recorded, the norm is an affine map of the
 * channels, so it is folded into the weight and bias of the convolution: one pass over the
 * activations less, the same values up to rounding. Otherwise the two run one after the other.
 */
public final class ConvNorm {
  private ConvNorm() {}

  /** conv, then norm. */
  public static Tensor apply(Convolution conv, BatchNorm norm, Tensor input) {
    require("ConvNorm.apply", "input", input);
    if (!canFold(norm)) {
      return norm.forward(conv.forward(input));
    }
    return norm.call(() -> folded(conv, norm, input));
  }

  private static Tensor folded(Convolution conv, BatchNorm norm, Tensor input) {
    Tensor scale = norm.foldedScale();
    Tensor offset = norm.foldedOffset(scale);
    @Nullable Tensor bias = conv.bias();
    Tensor foldedBias = bias == null ? offset : offset.add(bias.mul(scale));
    Tensor weight = conv.weight().mul(scale.view(-1, 1, 1, 1));
    return conv.apply(input, weight, foldedBias);
  }

  /** conv, then norm, then ReLU. */
  public static Tensor applyRelu(Convolution conv, BatchNorm norm, Tensor input) {
    require("ConvNorm.applyRelu", "input", input);
    return Scopes.tidy(() -> apply(conv, norm, input).relu_());
  }

  /** Transposed conv, then norm, then ReLU. */
  public static Tensor applyRelu(ConvTranspose2d conv, BatchNorm norm, Tensor input) {
    require("ConvNorm.applyRelu", "input", input);
    return Scopes.tidy(
        () -> {
          if (!canFold(norm)) {
            return norm.forward(conv.forward(input)).relu_();
          }
          Tensor scale = norm.foldedScale();
          Tensor weight = conv.weight().mul(scale.view(1, -1, 1, 1));
          return conv.apply(input, weight, new TensorOptional(norm.foldedOffset(scale))).relu_();
        });
  }

  private static boolean canFold(BatchNorm norm) {
    return !norm.isTraining() && !GradMode.is_enabled();
  }
}
