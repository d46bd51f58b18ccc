package dev.bevel.nuscenes.simulator.town;

/**
 * The stretch of a track that crosses a junction.
 *
 * @param junction number of the junction
 * @param lane from which it is entered; followers from one lane never conflict. Negative for
 *     pedestrians, who do not conflict with one another
 * @param isTurn whether it leads into another street
 * @param enter where the stretch begins, metres along the track
 * @param leave where it ends
 */
public record Crossover(
    int junction, int lane, Track track, boolean isTurn, double enter, double leave) {
  /** Metres between the points at which two stretches are compared. */
  private static final double SPACING = 1;

  /** What is left of it for one whose rear is at a distance along the track. */
  public Crossover from(double rear) {
    return rear <= enter
        ? this
        : new Crossover(junction, lane, track, isTurn, Math.min(rear, leave), leave);
  }

  /**
   * Whether two bodies could touch if both were on their stretches.
   *
   * @param clearance least distance between the two stretches for bodies of this width, metres
   */
  public boolean conflicts(Crossover other, double clearance) {
    if (junction != other.junction || lane == other.lane || (lane < 0 && other.lane < 0)) {
      return false;
    }
    for (double a = enter; a < leave + SPACING; a += SPACING) {
      double x = track.x(a);
      double y = track.y(a);
      for (double b = other.enter; b < other.leave + SPACING; b += SPACING) {
        double dx = other.track.x(b) - x;
        double dy = other.track.y(b) - y;
        if (dx * dx + dy * dy < clearance * clearance) {
          return true;
        }
      }
    }
    return false;
  }
}
