package dev.bevel.nuscenes.simulator;

import dev.bevel.nuscenes.simulator.world.TrafficAmounts;
import java.util.Locale;

/** How much is going on in the streets. */
public enum TrafficDensity {
  /** About 30 objects within 50 m, two dozen of them seen by the LiDAR. */
  SPARSE(new TrafficAmounts(40, 0.4, 0.25, 0.7, 0.2, 0.2, 0.15)),
  /** About 65 objects within 50 m. */
  DENSE(new TrafficAmounts(22, 0.75, 0.6, 2.2, 0.6, 0.4, 0.3));

  private final TrafficAmounts amounts;

  TrafficDensity(TrafficAmounts amounts) {
    this.amounts = amounts;
  }

  TrafficAmounts amounts() {
    return amounts;
  }

  /** As one writes it: {@code sparse}. */
  String word() {
    return name().toLowerCase(Locale.ROOT);
  }
}
