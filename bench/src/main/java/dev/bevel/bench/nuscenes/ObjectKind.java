package dev.bevel.bench.nuscenes;

import java.util.List;
import java.util.SplittableRandom;

/**
 * A category of objects.
 *
 * @param category e.g. {@code vehicle.car}
 * @param share of all objects, about as in nuScenes
 * @param width mean, metres; length and height likewise
 * @param speed of those that move, at most, m/s
 * @param moving attribute of those that move, {@code ""} for none
 * @param still attribute of those that do not
 */
record ObjectKind(
    String category,
    double share,
    double width,
    double length,
    double height,
    double speed,
    String moving,
    String still) {
  private static final String DRIVES = "vehicle.moving";
  private static final String PARKS = "vehicle.parked";
  private static final String STOPS = "vehicle.stopped";
  private static final String RIDES = "cycle.with_rider";
  private static final String STANDS = "cycle.without_rider";
  private static final String WALKS = "pedestrian.moving";
  private static final String WAITS = "pedestrian.standing";

  static final List<ObjectKind> ALL =
      List.of(
          new ObjectKind("vehicle.car", .425, 1.95, 4.62, 1.73, 14, DRIVES, PARKS),
          new ObjectKind("human.pedestrian.adult", .18, .67, .73, 1.77, 2, WALKS, WAITS),
          new ObjectKind("movable_object.barrier", .13, 2.53, .5, .98, 0, "", ""),
          new ObjectKind("movable_object.trafficcone", .085, .41, .41, 1.07, 0, "", ""),
          new ObjectKind("vehicle.truck", .075, 2.51, 6.93, 2.84, 12, DRIVES, PARKS),
          new ObjectKind("vehicle.trailer", .021, 2.9, 12.3, 3.87, 10, DRIVES, PARKS),
          new ObjectKind("vehicle.construction", .013, 2.73, 6.37, 3.19, 3, DRIVES, PARKS),
          new ObjectKind("vehicle.bus.rigid", .013, 2.95, 11, 3.5, 10, DRIVES, STOPS),
          new ObjectKind("vehicle.motorcycle", .011, .77, 2.11, 1.47, 12, RIDES, STANDS),
          new ObjectKind("vehicle.bicycle", .01, .6, 1.7, 1.28, 6, RIDES, STANDS),
          new ObjectKind("human.pedestrian.child", .002, .5, .5, 1.4, 2, WALKS, WAITS),
          new ObjectKind("movable_object.pushable_pullable", .021, .6, .67, 1.05, 0, "", ""),
          new ObjectKind("movable_object.debris", .012, .5, .5, .5, 0, "", ""),
          new ObjectKind("static_object.bicycle_rack", .002, 3, 8, 1.4, 0, "", ""));

  /** The names of all attributes. */
  static final List<String> ATTRIBUTES =
      List.of(DRIVES, STOPS, PARKS, RIDES, STANDS, "pedestrian.sitting_lying_down", WAITS, WALKS);

  static ObjectKind random(SplittableRandom random) {
    double left = random.nextDouble();
    for (ObjectKind kind : ALL) {
      left -= kind.share;
      if (left < 0) {
        return kind;
      }
    }
    return ALL.getFirst();
  }
}
