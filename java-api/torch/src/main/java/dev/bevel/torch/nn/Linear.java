package dev.bevel.torch.nn;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * y = x·Wᵀ + b. Input [.., in], output [.., out]. Parameters {@code weight} [out, in], {@code bias}
 * [out].
 */
public final class Linear extends Module implements Layer {
  private final Tensor weight;
  private final TensorOptional bias;

  /** A linear layer with bias, initialised as PyTorch does by default. */
  public Linear(long in, long out, Initializer init) {
    this(in, out, Initializer.Weights.PYTORCH_DEFAULT, init);
  }

  /** A linear layer with bias, which is zero at first unless the distribution is PyTorch's. */
  public Linear(long in, long out, Initializer.Weights distribution, Initializer init) {
    weight = parameter("weight", init.weight(new long[] {out, in}, distribution));
    bias =
        own(
            Scopes.own(
                new TensorOptional(parameter("bias", init.bias(out, (double) in, distribution)))));
  }

  @Override
  public Tensor forward(Tensor input) {
    given("input", input);
    return call(() -> torch.linear(input, weight, bias));
  }
}
