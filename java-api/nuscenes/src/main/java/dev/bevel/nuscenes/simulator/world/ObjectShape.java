package dev.bevel.nuscenes.simulator.world;

import dev.bevel.nuscenes.simulator.models.ObjectModels;
import dev.bevel.nuscenes.simulator.scene.Mesh;
import dev.bevel.nuscenes.simulator.scene.Seeds;
import java.util.SplittableRandom;

/**
 * Category and size of an object. Sizes are drawn from each category's usual range.
 *
 * @param category nuScenes category, e.g. {@code vehicle.car}
 * @param width metres
 * @param length metres
 * @param height metres
 * @param withRider whether a cycle is ridden
 */
public record ObjectShape(
    String category, double width, double length, double height, boolean withRider) {
  static final String CAR = "vehicle.car";
  static final String TRUCK = "vehicle.truck";
  static final String BUS = "vehicle.bus.rigid";
  static final String TRAILER = "vehicle.trailer";
  static final String CONSTRUCTION = "vehicle.construction";
  static final String MOTORCYCLE = "vehicle.motorcycle";
  static final String BICYCLE = "vehicle.bicycle";
  static final String ADULT = "human.pedestrian.adult";
  static final String CHILD = "human.pedestrian.child";
  static final String WORKER = "human.pedestrian.construction_worker";
  static final String POLICE = "human.pedestrian.police_officer";
  static final String CONE = "movable_object.trafficcone";
  static final String BARRIER = "movable_object.barrier";

  /** By how much a box is larger than what it holds, as boxes drawn by people are; metres. */
  private static final double SLACK = 0.06;

  static ObjectShape draw(String category, SplittableRandom random) {
    return draw(category, false, random);
  }

  static ObjectShape draw(String category, boolean withRider, SplittableRandom random) {
    double[] size =
        switch (category) {
          case CAR -> new double[] {1.9, 0.09, 4.6, 0.3, 1.68, 0.13};
          case TRUCK -> new double[] {2.4, 0.08, 6.8, 0.9, 2.85, 0.25};
          case BUS -> new double[] {2.85, 0.06, 11.4, 0.6, 3.4, 0.12};
          case TRAILER -> new double[] {2.42, 0.07, 10.5, 1.2, 3.7, 0.2};
          case CONSTRUCTION -> new double[] {2.25, 0.05, 6.3, 0.6, 3.0, 0.2};
          case MOTORCYCLE -> new double[] {0.78, 0.05, 2.1, 0.12, withRider ? 1.6 : 1.3, 0.06};
          case BICYCLE -> new double[] {0.6, 0.04, 1.75, 0.07, withRider ? 1.65 : 1.1, 0.06};
          case CHILD -> new double[] {0.45, 0.03, 0.47, 0.04, 1.25, 0.1};
          case CONE -> new double[] {0.4, 0.02, 0.4, 0.02, 0.95, 0.1};
          case BARRIER -> new double[] {2.4, 0.1, 0.45, 0.03, 1.02, 0.05};
          default -> new double[] {0.58, 0.04, 0.66, 0.06, 1.75, 0.09};
        };
    return new ObjectShape(
        category,
        Seeds.near(random, size[0], size[1]),
        Seeds.near(random, size[2], size[3]),
        Seeds.near(random, size[4], size[5]),
        withRider);
  }

  /** The body inside the box. */
  Mesh mesh(long variant) {
    return ObjectModels.object(
        category, width - SLACK, length - SLACK, height - SLACK, withRider, variant);
  }
}
