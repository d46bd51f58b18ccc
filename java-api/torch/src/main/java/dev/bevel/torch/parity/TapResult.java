package dev.bevel.torch.parity;

/**
 * How far one tap is from upstream's.
 *
 * @param name of the tap
 * @param shape of the tensor, or what is wrong with it
 * @param error largest error of the sampled values, of the mean and of the root mean square,
 *     divided by the tap's standard deviation; NaN if the tap is missing, has another shape or
 *     holds NaN
 */
public record TapResult(String name, String shape, double error) {
  /** Whether the error is within a tolerance; NaN is not. */
  public boolean within(double tolerance) {
    return error <= tolerance;
  }
}
