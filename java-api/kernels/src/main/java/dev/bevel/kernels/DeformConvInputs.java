package dev.bevel.kernels;

import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/**
 * What both passes of a {@link DeformConv} read: B batch elements of C channels of H × W pixels, O
 * output channels of Ho × Wo pixels, K = kh · kw taps, G deformable groups. Everything is compact
 * and on one device.
 *
 * @param input float32, bfloat16, float16 or float64 [B, C, H, W]
 * @param offset float32 (float64 with input) [B, 2·G·K, Ho, Wo], pixels of the input: dy and dx of
 *     each tap in turn, taps row-major, group after group
 * @param mask float32 (float64 with input) [B, G·K, Ho, Wo], the factor of each sample; null for 1,
 *     version 1
 * @param weight float32, bfloat16 or float16 (float64 with input) [O, C/groups, kh, kw], sides of
 *     the kernel 1 to 7
 * @param settings how the kernel moves
 */
public record DeformConvInputs(
    TensorView input,
    TensorView offset,
    @Nullable TensorView mask,
    TensorView weight,
    DeformConvSettings settings) {
  /** Checks for null. */
  public DeformConvInputs {
    Given.argument(input, DeformConvInputs.class, "input");
    Given.argument(offset, DeformConvInputs.class, "offset");
    Given.argument(weight, DeformConvInputs.class, "weight");
    Given.argument(settings, DeformConvInputs.class, "settings");
  }

  /** Writes the four tensors, which stand in this order in both structs. */
  void write(Scratch scratch, long at) {
    scratch.setInput(at, "input", input);
    scratch.setInput(at + 8, "offset", offset);
    scratch.setInput(at + 16, "mask", mask);
    scratch.setInput(at + 24, "weight", weight);
  }
}
