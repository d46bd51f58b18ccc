package dev.bevel.nuscenes.simulator.world;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.simulator.scene.Mesh;
import dev.bevel.nuscenes.simulator.scene.Placement;

/**
 * An object that is annotated.
 *
 * @param id unique in the scene, from 0
 */
public record WorldObject(int id, ObjectShape shape, Mesh mesh, Motion motion) {
  /** Speed in m/s from which an object counts as moving. */
  static final double MOVING = 0.2;

  /** The box at a time of the scene, global frame, velocity left out. */
  public Box3d box(double time) {
    return new Box3d(
        motion.pose(time),
        shape.width(),
        shape.length(),
        shape.height(),
        Double.NaN,
        Double.NaN,
        Double.NaN);
  }

  public Placement placement(double time) {
    Pose pose = motion.pose(time);
    return new Placement(mesh, pose, id);
  }

  /** The name of its attribute at a time, {@code ""} for cones and barriers. */
  public String attribute(double time) {
    String category = shape.category();
    boolean moving = motion.speed(time) > MOVING;
    if (category.startsWith("human.")) {
      return moving ? "pedestrian.moving" : "pedestrian.standing";
    }
    if (category.equals(ObjectShape.BICYCLE) || category.equals(ObjectShape.MOTORCYCLE)) {
      return shape.withRider() ? "cycle.with_rider" : "cycle.without_rider";
    }
    if (category.startsWith("vehicle.")) {
      boolean driven = motion instanceof Motion.Travelling;
      return moving ? "vehicle.moving" : driven ? "vehicle.stopped" : "vehicle.parked";
    }
    return "";
  }
}
