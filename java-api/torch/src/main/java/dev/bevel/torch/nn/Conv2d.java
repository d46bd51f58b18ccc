package dev.bevel.torch.nn;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * Two-dimensional convolution (cross-correlation). Input [N, in, H, W], output [N, out, H', W']
 * with H' = ⌊(H + 2·padding − dilation·(kernel − 1) − 1)/stride⌋ + 1. Parameters: {@code weight}
 * [out, in/groups, kernel, kernel], {@code bias} [out] if there is one.
 */
public final class Conv2d extends Module implements Convolution {
  /**
   * Shape of a convolution with a square kernel.
   *
   * @param in input channels
   * @param out output channels
   * @param kernel side of the kernel
   * @param stride step, both axes
   * @param padding zeros added on each side, both axes
   * @param dilation distance between kernel taps, both axes
   * @param groups number of channel groups
   * @param bias whether a bias is added
   */
  public record Shape(
      long in,
      long out,
      long kernel,
      long stride,
      long padding,
      long dilation,
      long groups,
      boolean bias) {
    /**
     * A kernel of side {@code kernel} padded so that stride 1 keeps the size; stride 1, no bias.
     */
    public static Shape same(long in, long out, long kernel) {
      return new Shape(in, out, kernel, 1, kernel / 2, 1, 1, false);
    }

    /** This shape with another stride. */
    public Shape withStride(long newStride) {
      return new Shape(in, out, kernel, newStride, padding, dilation, groups, bias);
    }

    /** This shape with a bias. */
    public Shape withBias() {
      return new Shape(in, out, kernel, stride, padding, dilation, groups, true);
    }

    /** This shape with another dilation, padded to keep the size. */
    public Shape withDilation(long newDilation) {
      return new Shape(
          in, out, kernel, stride, kernel / 2 * newDilation, newDilation, groups, bias);
    }

    /** This shape with another number of groups. */
    public Shape withGroups(long newGroups) {
      return new Shape(in, out, kernel, stride, padding, dilation, newGroups, bias);
    }

    /** This shape with another padding. */
    public Shape withPadding(long newPadding) {
      return new Shape(in, out, kernel, stride, newPadding, dilation, groups, bias);
    }
  }

  private final Shape shape;
  private final Tensor weight;
  private final @Nullable Tensor bias;
  private final TensorOptional biasOptional;

  /** A convolution initialised as PyTorch does by default. */
  public Conv2d(Shape shape, Initializer init) {
    this(shape, init, Initializer.Weights.PYTORCH_DEFAULT);
  }

  /** A convolution. */
  public Conv2d(Shape shape, Initializer init, Initializer.Weights distribution) {
    this.shape = shape;
    long[] weightShape = {shape.out, shape.in / shape.groups, shape.kernel, shape.kernel};
    weight = parameter("weight", init.weight(weightShape, distribution));
    double fanIn = weightShape[1] * shape.kernel * shape.kernel;
    bias = shape.bias ? parameter("bias", init.bias(shape.out, fanIn, distribution)) : null;
    biasOptional = own(Scopes.own(bias == null ? new TensorOptional() : new TensorOptional(bias)));
  }

  /** Shape this convolution was made with. */
  public Shape shape() {
    return shape;
  }

  @Override
  public Tensor weight() {
    requireOpen();
    return weight;
  }

  @Override
  public @Nullable Tensor bias() {
    requireOpen();
    return bias;
  }

  @Override
  public Tensor forward(Tensor input) {
    given("input", input);
    return call(() -> convolve(input, weight, biasOptional));
  }

  @Override
  public Tensor apply(Tensor input, Tensor otherWeight, @Nullable Tensor otherBias) {
    given("input", input);
    given("otherWeight", otherWeight);
    return call(
        () ->
            convolve(
                input,
                otherWeight,
                otherBias == null
                    ? new TensorOptional()
                    : new TensorOptional(given("otherBias", otherBias))));
  }

  private Tensor convolve(Tensor input, Tensor otherWeight, TensorOptional otherBias) {
    return torch.conv2d(
        input,
        otherWeight,
        otherBias,
        pair(shape.stride),
        pair(shape.padding),
        pair(shape.dilation),
        shape.groups);
  }

  private static long[] pair(long value) {
    return new long[] {value, value};
  }
}
