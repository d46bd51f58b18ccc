package dev.bevel.torch.nn;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * Transposed convolution whose stride equals its kernel, without bias or padding: each input pixel
 * becomes a block of kernel × kernel output pixels. Input [N, in, H, W], output [N, out, H·kernel,
 * W·kernel]. Parameter: {@code weight} [in, out, kernel, kernel].
 */
public final class ConvTranspose2d extends Module implements Layer {
  private final long kernel;
  private final Tensor weight;
  private final TensorOptional noBias = own(Scopes.own(new TensorOptional()));

  /** A transposed convolution. */
  public ConvTranspose2d(
      long in, long out, long kernel, Initializer init, Initializer.Weights distribution) {
    this.kernel = kernel;
    weight = parameter("weight", init.weight(new long[] {in, out, kernel, kernel}, distribution));
  }

  /** The weight [in, out, kernel, kernel]; owned by this module. */
  public Tensor weight() {
    requireOpen();
    return weight;
  }

  @Override
  public Tensor forward(Tensor input) {
    given("input", input);
    return call(() -> apply(input, weight, noBias));
  }

  /** The same operation with another weight and a bias. */
  Tensor apply(Tensor input, Tensor otherWeight, TensorOptional bias) {
    long[] zero = {0, 0};
    long[] one = {1, 1};
    return torch.conv_transpose2d(
        input, otherWeight, bias, new long[] {kernel, kernel}, zero, zero, 1, one);
  }
}
