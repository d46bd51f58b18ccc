package dev.bevel.bench.nuscenes;

import dev.bevel.nuscenes.Pose;
import java.util.SplittableRandom;

/** A drive of one scene along an arc, with the roll and pitch of a real car. */
record EgoPath(double x, double y, double heading, double speed, double turnRate) {
  static EgoPath random(SplittableRandom random) {
    return new EgoPath(
        random.nextDouble(200, 2000),
        random.nextDouble(200, 2000),
        random.nextDouble(-StrictMath.PI, StrictMath.PI),
        random.nextDouble(0, 12),
        random.nextDouble(-0.05, 0.05));
  }

  /** Ego frame → global frame, so many seconds after the scene's begin. */
  Pose at(double seconds) {
    double along = speed * seconds;
    double chord = heading + turnRate * seconds / 2;
    double half = (heading + turnRate * seconds) / 2;
    double sway = StrictMath.sin(1.7 * seconds);
    return new Pose(
        StrictMath.cos(half),
        0.004 * sway,
        0.006 - 0.002 * sway,
        StrictMath.sin(half),
        x + along * StrictMath.cos(chord),
        y + along * StrictMath.sin(chord),
        0);
  }
}
