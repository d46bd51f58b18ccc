package dev.bevel.nuscenes.simulator;

import dev.bevel.nuscenes.simulator.world.TrafficAmounts;
import java.util.Locale;

/** How much is going on in the streets. */
public enum TrafficDensity {
  /** About 30 objects within 50 m, two dozen of them seen by the LiDAR. */
  SPARSE(TrafficAmounts.SPARSE),
  /** About 65 objects within 50 m. */
  DENSE(TrafficAmounts.DENSE);

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
