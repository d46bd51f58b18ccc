package dev.bevel.torch.parity;

/**
 * How far one tap is from upstream's.
 *
 * @param name of the tap
 * @param compared whether the detector has it; if not, it says nothing
 * @param shape of the tensor, or what is wrong with it
 * @param error largest error of the sampled values, of the mean and of the root mean square,
 *     divided by the tap's standard deviation; NaN if the tap is not compared, has another shape or
 *     holds NaN
 */
public record TapResult(String name, boolean compared, String shape, double error) {
  /** A tap that the detector does not have. */
  static TapResult notCompared(String name) {
    return new TapResult(name, false, "not compared: the detector has no such tap", Double.NaN);
  }

  /** Whether the error is within a tolerance; NaN is not. */
  public boolean within(double tolerance) {
    return error <= tolerance;
  }
}
