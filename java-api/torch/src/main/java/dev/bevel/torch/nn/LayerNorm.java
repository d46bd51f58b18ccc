package dev.bevel.torch.nn;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * Normalises the last dimension to mean 0 and variance 1, then scales and shifts it (Ba et al.,
 * arXiv 1607.06450). Input [.., C]. Parameters {@code weight}, {@code bias} [C].
 */
public final class LayerNorm extends Module implements Layer {
  private static final double EPSILON = 1e-5;

  private final long[] shape;
  private final TensorOptional weight;
  private final TensorOptional bias;

  /** A layer norm over {@code channels} channels: weight 1, bias 0, ε 1e-5 as PyTorch has it. */
  public LayerNorm(long channels) {
    shape = new long[] {channels};
    weight = own(Scopes.own(new TensorOptional(parameter("weight", torch.ones(channels)))));
    bias = own(Scopes.own(new TensorOptional(parameter("bias", torch.zeros(channels)))));
  }

  @Override
  public Tensor forward(Tensor input) {
    given("input", input);
    return call(() -> torch.layer_norm(input, shape, weight, bias, EPSILON, true));
  }
}
