package dev.bevel.nuscenes.simulator;

import java.util.Locale;

/** How much is going on in the streets. */
public enum TrafficDensity {
  /** About 15 to 25 objects within 50 m. */
  SPARSE(40, 0.4, 0.25, 0.7, 0.2, 0.2, 0.15),
  /** 40 objects and more within 50 m. */
  DENSE(22, 0.75, 0.6, 2.2, 0.6, 0.4, 0.3);

  /** Mean metres of lane from one vehicle to the next. */
  final double vehicleSpacing;

  /** Share of parking strips in use. */
  final double parking;

  /** Share of car park slots in use. */
  final double carPark;

  /** Walkers for each side of a block. */
  final double walkers;

  /** Standing groups of people for each side of a block. */
  final double standing;

  /** Groups of parked cycles for each side of a block. */
  final double cycles;

  /** Probability of a work site on a stretch of parking strip. */
  final double workSites;

  TrafficDensity(
      double vehicleSpacing,
      double parking,
      double carPark,
      double walkers,
      double standing,
      double cycles,
      double workSites) {
    this.vehicleSpacing = vehicleSpacing;
    this.parking = parking;
    this.carPark = carPark;
    this.walkers = walkers;
    this.standing = standing;
    this.cycles = cycles;
    this.workSites = workSites;
  }

  /** As one writes it: {@code sparse}. */
  String word() {
    return name().toLowerCase(Locale.ROOT);
  }
}
