package dev.bevel.nuscenes;

import java.util.Locale;

/**
 * How a key frame's points and those of the sweeps before it become one cloud.
 *
 * @param previous at most so many sweeps before the key frame
 * @param closeRadius metres: of a sweep that is filtered, points with |x| and |y| both smaller, in
 *     the sensor's own frame, are taken for the vehicle itself and dropped
 * @param closeFilter which sweeps are filtered
 * @param padding what stands in where there are fewer sweeps
 */
public record SweepOptions(
    int previous, double closeRadius, CloseFilter closeFilter, Padding padding) {

  /** Which sweeps lose the points close to the sensor. */
  public enum CloseFilter {
    /** All, the key frame included: the nuScenes devkit. */
    KEY_FRAME_AND_PREVIOUS,
    /** The sweeps before the key frame only: mmdetection3d and det3d. */
    PREVIOUS,
    /** None. */
    NONE
  }

  /** What stands in for sweeps that are not there, at and near the start of a scene. */
  public enum Padding {
    /** Nothing: the cloud has fewer points. The nuScenes devkit. */
    NONE,
    /**
     * Where there is no sweep at all, the key frame once for each sweep asked for, filtered as a
     * sweep and with time lag 0; where there is at least one, nothing. mmdetection3d ({@code
     * pad_empty_sweeps}).
     */
    KEY_FRAME_IF_NONE,
    /**
     * The last sweep there is, with its time lag, as often as sweeps are missing; where there is
     * none at all, the key frame, filtered as a sweep. det3d.
     */
    LAST_SWEEP
  }

  /**
   * @throws NuScenesException if a number is negative or the radius not finite
   */
  public SweepOptions {
    if (previous < 0 || !(closeRadius >= 0) || Double.isInfinite(closeRadius)) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "sweeps need a number of previous sweeps and a close radius that are not negative, got %d and %s",
              previous,
              closeRadius));
    }
  }

  /** The nuScenes devkit's rule: 1 m, key frame filtered too, no padding. */
  public static SweepOptions devkit(int previous) {
    return new SweepOptions(previous, 1, CloseFilter.KEY_FRAME_AND_PREVIOUS, Padding.NONE);
  }

  /** mmdetection3d's rule at inference: 1 m, key frame whole, key frame repeated if it is alone. */
  public static SweepOptions mmdet3d(int previous) {
    return new SweepOptions(previous, 1, CloseFilter.PREVIOUS, Padding.KEY_FRAME_IF_NONE);
  }

  /** det3d's rule: 1 m, key frame whole, last sweep repeated. */
  public static SweepOptions det3d(int previous) {
    return new SweepOptions(previous, 1, CloseFilter.PREVIOUS, Padding.LAST_SWEEP);
  }
}
