package dev.bevel.torch.nn;

import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/** A convolution of whatever kind: linear in its weight and bias. */
public interface Convolution extends Layer {
  /** The weight [out, in/groups, kernel, kernel]; owned by the layer. */
  Tensor weight();

  /** The bias [out], or null; owned by the layer. */
  @Nullable Tensor bias();

  /**
   * The same convolution with other values of weight and bias.
   *
   * @param input [N, in, H, W]
   * @param otherWeight like {@link #weight}
   * @param otherBias [out], or null for none
   */
  Tensor apply(Tensor input, Tensor otherWeight, @Nullable Tensor otherBias);

  @Override
  default Tensor forward(Tensor input) {
    return apply(input, weight(), bias());
  }
}
