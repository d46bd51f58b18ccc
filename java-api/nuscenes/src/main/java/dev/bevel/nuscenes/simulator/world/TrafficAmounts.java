package dev.bevel.nuscenes.simulator.world;

/**
 * How much of what stands and moves in the streets.
 *
 * @param vehicleSpacing mean metres of lane from one vehicle to the next
 * @param parking share of parking strips in use
 * @param carPark share of car park slots in use
 * @param walkers for each side of a block
 * @param standing groups of people for each side of a block
 * @param cycles groups of parked cycles for each side of a block
 * @param workSites probability of a work site on a stretch of parking strip
 */
public record TrafficAmounts(
    double vehicleSpacing,
    double parking,
    double carPark,
    double walkers,
    double standing,
    double cycles,
    double workSites) {
  /** About 30 objects within 50 m, two dozen of them seen by the LiDAR. */
  public static final TrafficAmounts SPARSE =
      new TrafficAmounts(40, 0.4, 0.25, 0.7, 0.2, 0.2, 0.15);

  /** About 65 objects within 50 m. */
  public static final TrafficAmounts DENSE = new TrafficAmounts(22, 0.75, 0.6, 2.2, 0.6, 0.4, 0.3);
}
