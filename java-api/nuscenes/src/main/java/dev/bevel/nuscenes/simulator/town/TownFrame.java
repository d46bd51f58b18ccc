package dev.bevel.nuscenes.simulator.town;

import dev.bevel.nuscenes.Pose;

/**
 * From the plan of a town, where streets are straight and meet at right angles, to the global
 * frame, where they bend: {@code (u, v) → R(angle) (u, v + amplitude·wave(u)) + origin}. The wave
 * is made of parabolas, so that both directions cost a few multiplications.
 *
 * @param cos of the town's angle to the global x axis
 * @param sin as {@code cos}
 * @param amplitude of the streets' bend, metres
 * @param period of the streets' bend, metres
 * @param originX global x of the plan's origin
 * @param originY as {@code originX}
 */
public record TownFrame(
    double cos, double sin, double amplitude, double period, double originX, double originY) {

  double x(double u, double v) {
    return cos * u - sin * (v + bend(u)) + originX;
  }

  double y(double u, double v) {
    return sin * u + cos * (v + bend(u)) + originY;
  }

  double u(double x, double y) {
    return cos * (x - originX) + sin * (y - originY);
  }

  /** The plan's v of a global point whose {@link #u} is known. */
  double v(double x, double y, double u) {
    return cos * (y - originY) - sin * (x - originX) - bend(u);
  }

  private double bend(double u) {
    double t = u / period;
    t -= Math.floor(t);
    return amplitude * (t < 0.5 ? 16 * t * (0.5 - t) : -16 * (t - 0.5) * (1 - t));
  }

  private double slope(double u) {
    double t = u / period;
    t -= Math.floor(t);
    return amplitude / period * (t < 0.5 ? 8 - 32 * t : 32 * t - 24);
  }

  /**
   * An upright pose at a point of the plan.
   *
   * @param du heading in the plan; need not be of length 1
   * @param dv as {@code du}
   */
  public Pose pose(double u, double v, double z, double du, double dv) {
    double bent = dv + slope(u) * du;
    return upright(x(u, v), y(u, v), z, cos * du - sin * bent, sin * du + cos * bent);
  }

  /** An upright pose in the global frame that looks along (dx, dy), which need not be unit. */
  public static Pose upright(double x, double y, double z, double dx, double dy) {
    double norm = Math.sqrt(dx * dx + dy * dy);
    double qw = Math.sqrt(Math.max(0, (1 + dx / norm) / 2));
    double qz = Math.sqrt(Math.max(0, (1 - dx / norm) / 2));
    return new Pose(qw, 0, 0, dy < 0 ? -qz : qz, x, y, z);
  }
}
