package dev.bevel.nuscenes.simulator.town;

import java.util.ArrayList;
import java.util.List;

/** The part of a town that matters for a scene: what is near the ego vehicle's way. */
public final class Neighbourhood {
  private static final double SPACING = 5;

  private final List<double[]> way = new ArrayList<>();

  /**
   * @param track of the ego vehicle
   * @param from start, metres along the track
   * @param to the furthest it can get
   */
  public Neighbourhood(Track track, double from, double to) {
    for (double s = from; s <= to; s += SPACING) {
      way.add(new double[] {track.x(s), track.y(s)});
    }
  }

  /** Whether a point of the global frame is at most {@code distance} metres from the way. */
  public boolean isWithin(double distance, double x, double y) {
    for (double[] point : way) {
      double dx = point[0] - x;
      double dy = point[1] - y;
      if (dx * dx + dy * dy <= distance * distance) {
        return true;
      }
    }
    return false;
  }
}
