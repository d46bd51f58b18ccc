package dev.bevel.nuscenes;

import java.util.Locale;

/**
 * Depth hypotheses of a lift-splat detector: bin i covers {@code [start + i step, start + (i+1)
 * step)} metres along the camera's z, {@code count = ceil((end − start) / step)} bins. Published
 * settings: BEVDet v1 (1, 60, 1), BEVDet dev2 with depth (1, 60, 0.5), BEVDepth (2, 58, 0.5).
 */
public record DepthBins(double start, double end, double step) {
  /**
   * @throws NuScenesException unless {@code 0 < start < end} and {@code step > 0}
   */
  public DepthBins {
    if (!(start > 0 && start < end && step > 0)
        || !Double.isFinite(end)
        || (end - start) / step > 1 << 20) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "depth bins need 0 < start < end and step > 0, got start %s, end %s, step %s",
              start,
              end,
              step));
    }
  }

  public int count() {
    return (int) Math.ceil((end - start) / step);
  }
}
