package dev.bevel.kernels;

import dev.bevel.kernels.internal.DeformConvParams;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/**
 * What {@link DeformConv} reads: B batch elements of C channels of H × W pixels, O output channels
 * of Ho × Wo pixels, K = kh · kw taps, G deformable groups. Everything is compact and on one
 * device.
 *
 * <p>Immutable.
 */
public final class DeformConvInputs {
  private final TensorView input;
  private final TensorView offset;
  private final @Nullable TensorView mask;
  private final TensorView weight;
  private final DeformConvSettings settings;
  private final @Nullable TensorView bias;

  /**
   * The inputs, without a bias.
   *
   * @param input float32, bfloat16, float16 or float64 [B, C, H, W]
   * @param offset float32 (float64 with input) [B, 2·G·K, Ho, Wo], pixels of the input: dy and dx
   *     of each tap in turn, taps row-major, group after group
   * @param mask float32 (float64 with input) [B, G·K, Ho, Wo], the factor of each sample; null for
   *     1, version 1
   * @param weight float32, bfloat16 or float16 (float64 with input) [O, C/groups, kh, kw], sides of
   *     the kernel 1 to 7
   * @param settings how the kernel moves
   */
  public DeformConvInputs(
      TensorView input,
      TensorView offset,
      @Nullable TensorView mask,
      TensorView weight,
      DeformConvSettings settings) {
    this(input, offset, mask, weight, settings, null);
  }

  private DeformConvInputs(
      TensorView input,
      TensorView offset,
      @Nullable TensorView mask,
      TensorView weight,
      DeformConvSettings settings,
      @Nullable TensorView bias) {
    this.input = Given.argument(input, DeformConvInputs.class, "input");
    this.offset = Given.argument(offset, DeformConvInputs.class, "offset");
    this.mask = mask;
    this.weight = Given.argument(weight, DeformConvInputs.class, "weight");
    this.settings = Given.argument(settings, DeformConvInputs.class, "settings");
    this.bias = bias;
  }

  /**
   * These inputs with a bias, which the backward pass does not read.
   *
   * @param perOutput [O], dtype of weight; null for 0
   */
  public DeformConvInputs withBias(@Nullable TensorView perOutput) {
    return new DeformConvInputs(input, offset, mask, weight, settings, perOutput);
  }

  /** The maps. */
  public TensorView input() {
    return input;
  }

  /** How far taps are moved. */
  public TensorView offset() {
    return offset;
  }

  /** What taps count; null: 1. */
  public @Nullable TensorView mask() {
    return mask;
  }

  /** The kernel. */
  public TensorView weight() {
    return weight;
  }

  /** How the kernel moves. */
  public DeformConvSettings settings() {
    return settings;
  }

  /** What is added to each output channel; null: 0. */
  public @Nullable TensorView bias() {
    return bias;
  }

  void writeForward(Scratch call) {
    write(call, DeformConvParams.FORWARD.inputs);
    DeformConvParams.FORWARD.bias.set(call, bias);
    settings.write(call, DeformConvParams.FORWARD.settings);
  }

  void writeBackward(Scratch call) {
    write(call, DeformConvParams.BACKWARD.inputs);
    settings.write(call, DeformConvParams.BACKWARD.settings);
  }

  private void write(Scratch call, DeformConvParams.InputFields fields) {
    fields.input.set(call, input);
    fields.offset.set(call, offset);
    fields.mask.set(call, mask);
    fields.weight.set(call, weight);
  }

  /** Its parts, those that are given, by name. */
  @Override
  public String toString() {
    return Described.as(
        DeformConvInputs.class,
        "input",
        input,
        "offset",
        offset,
        "mask",
        mask,
        "weight",
        weight,
        "settings",
        settings,
        "bias",
        bias);
  }
}
