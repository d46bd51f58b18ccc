package dev.bevel.nuscenes.simulator.town;

import dev.bevel.nuscenes.Pose;

/**
 * A way to go, in the global frame: points at equal distances of {@link #STEP} along it, and the
 * speed that its curves allow. Not to be changed after it is made.
 */
public final class Track {
  /** Metres between points. */
  static final double STEP = 0.5;

  private static final double SIDEWARD_ACCELERATION = 1.8;
  private static final double BRAKING = 1.4;

  /** Half the stretch, in points, over which a curve is measured. */
  private static final int CURVE_POINTS = 4;

  private final double[] x;
  private final double[] y;
  private final double[] speedLimit;

  private Track(double[] x, double[] y) {
    this.x = x;
    this.y = y;
    this.speedLimit = speedLimits(x, y);
  }

  /** A track through points that lie closely together, of which {@code count} are used. */
  static Track through(double[] pointsX, double[] pointsY, int count) {
    double[] along = new double[count];
    for (int i = 1; i < count; i++) {
      along[i] = along[i - 1] + distance(pointsX[i] - pointsX[i - 1], pointsY[i] - pointsY[i - 1]);
    }
    int points = (int) (along[count - 1] / STEP) + 1;
    double[] x = new double[points];
    double[] y = new double[points];
    int from = 0;
    for (int i = 0; i < points; i++) {
      while (from + 2 < count && along[from + 1] < i * STEP) {
        from++;
      }
      double span = along[from + 1] - along[from];
      double part = span > 0 ? (i * STEP - along[from]) / span : 0;
      x[i] = pointsX[from] + part * (pointsX[from + 1] - pointsX[from]);
      y[i] = pointsY[from] + part * (pointsY[from + 1] - pointsY[from]);
    }
    return new Track(x, y);
  }

  private static double[] speedLimits(double[] x, double[] y) {
    double[] limits = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      int before = Math.max(0, i - CURVE_POINTS);
      int after = Math.min(x.length - 1, i + CURVE_POINTS);
      double ax = x[i] - x[before];
      double ay = y[i] - y[before];
      double bx = x[after] - x[i];
      double by = y[after] - y[i];
      double sine =
          Math.abs(ax * by - ay * bx) / Math.max(1e-9, distance(ax, ay) * distance(bx, by));
      double curvature = sine / (CURVE_POINTS * STEP);
      limits[i] = Math.sqrt(SIDEWARD_ACCELERATION / Math.max(curvature, 1e-3));
    }
    for (int i = x.length - 2; i >= 0; i--) {
      limits[i] =
          Math.min(limits[i], Math.sqrt(limits[i + 1] * limits[i + 1] + 2 * BRAKING * STEP));
    }
    return limits;
  }

  private static double distance(double dx, double dy) {
    return Math.sqrt(dx * dx + dy * dy);
  }

  /** Metres. */
  public double length() {
    return (x.length - 1) * STEP;
  }

  /** Global x at a distance along the track; its ends go on straight. */
  public double x(double s) {
    return at(x, s);
  }

  /** As {@link #x(double)}. */
  public double y(double s) {
    return at(y, s);
  }

  private static double at(double[] values, double s) {
    int i = Math.clamp((long) (s / STEP), 0, values.length - 2);
    double part = s / STEP - i;
    return values[i] + part * (values[i + 1] - values[i]);
  }

  /** The speed that the curves from here on allow, m/s. */
  public double speedLimit(double s) {
    return speedLimit[Math.clamp((long) (s / STEP), 0, speedLimit.length - 1)];
  }

  /**
   * An upright pose of a body that has its axles on the track.
   *
   * @param s of the body's middle
   * @param z height of the body's middle
   * @param axle from the middle to each axle, metres
   */
  public Pose pose(double s, double z, double axle) {
    double frontX = x(s + axle);
    double frontY = y(s + axle);
    double rearX = x(s - axle);
    double rearY = y(s - axle);
    return TownFrame.upright(
        (frontX + rearX) / 2, (frontY + rearY) / 2, z, frontX - rearX, frontY - rearY);
  }
}
