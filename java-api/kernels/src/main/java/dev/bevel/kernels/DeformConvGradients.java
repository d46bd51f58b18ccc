package dev.bevel.kernels;

import dev.bevel.kernels.internal.DeformConvParams;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/**
 * Which gradients {@link DeformConv}'s backward pass is to write, and where: one or more; those not
 * asked for cost nothing of their own. Each is compact and written wholly.
 *
 * <p>Immutable.
 */
public final class DeformConvGradients {
  private static final DeformConvGradients NONE =
      new DeformConvGradients(null, null, null, null, null);

  private final @Nullable TensorView input;
  private final @Nullable TensorView offset;
  private final @Nullable TensorView mask;
  private final @Nullable TensorView weight;
  private final @Nullable TensorView bias;

  private DeformConvGradients(
      @Nullable TensorView input,
      @Nullable TensorView offset,
      @Nullable TensorView mask,
      @Nullable TensorView weight,
      @Nullable TensorView bias) {
    this.input = input;
    this.offset = offset;
    this.mask = mask;
    this.weight = weight;
    this.bias = bias;
  }

  /** No gradient: what requests begin with. */
  public static DeformConvGradients none() {
    return NONE;
  }

  /**
   * These and that of the input.
   *
   * @param gradient like input; null: not wanted
   */
  public DeformConvGradients withInput(@Nullable TensorView gradient) {
    return new DeformConvGradients(gradient, offset, mask, weight, bias);
  }

  /**
   * These and that of the offsets. Where a coordinate is a whole number it is the slope towards the
   * next larger one.
   *
   * @param gradient like offset; null: not wanted
   */
  public DeformConvGradients withOffset(@Nullable TensorView gradient) {
    return new DeformConvGradients(input, gradient, mask, weight, bias);
  }

  /**
   * These and that of the mask, of which there must be one.
   *
   * @param gradient like mask; null: not wanted
   */
  public DeformConvGradients withMask(@Nullable TensorView gradient) {
    return new DeformConvGradients(input, offset, gradient, weight, bias);
  }

  /**
   * These and that of the weight.
   *
   * @param gradient like weight; null: not wanted
   */
  public DeformConvGradients withWeight(@Nullable TensorView gradient) {
    return new DeformConvGradients(input, offset, mask, gradient, bias);
  }

  /**
   * These and that of the bias.
   *
   * @param gradient [O], dtype of weight; null: not wanted
   */
  public DeformConvGradients withBias(@Nullable TensorView gradient) {
    return new DeformConvGradients(input, offset, mask, weight, gradient);
  }

  boolean any() {
    return input != null || offset != null || mask != null || weight != null || bias != null;
  }

  void write(Scratch call) {
    DeformConvParams.BACKWARD.gradInput.set(call, input);
    DeformConvParams.BACKWARD.gradOffset.set(call, offset);
    DeformConvParams.BACKWARD.gradMask.set(call, mask);
    DeformConvParams.BACKWARD.gradWeight.set(call, weight);
    DeformConvParams.BACKWARD.gradBias.set(call, bias);
  }

  /** Its parts, those that are given, by name. */
  @Override
  public String toString() {
    return Described.as(
        DeformConvGradients.class,
        "input",
        input,
        "offset",
        offset,
        "mask",
        mask,
        "weight",
        weight,
        "bias",
        bias);
  }
}
