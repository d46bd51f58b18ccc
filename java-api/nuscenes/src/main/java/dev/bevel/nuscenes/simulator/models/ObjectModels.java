package dev.bevel.nuscenes.simulator.models;

import dev.bevel.nuscenes.simulator.scene.Hash;
import dev.bevel.nuscenes.simulator.scene.Mesh;
import java.util.Locale;

/**
 * Shapes of all that stands in a town. Each fills the box of its size exactly and depends on its
 * arguments alone.
 */
public final class ObjectModels {
  private ObjectModels() {}

  /**
   * The body of an annotated object.
   *
   * @param category a nuScenes category, such as {@code vehicle.car}
   * @param width metres, along y
   * @param length metres, along x
   * @param height metres, along z
   * @param withRider whether somebody sits on a two-wheeler; other categories do not look at it
   * @param variant chooses colours and, within a category, shapes
   * @throws IllegalArgumentException if the category has no model or a size is not positive
   */
  public static Mesh object(
      String category,
      double width,
      double length,
      double height,
      boolean withRider,
      long variant) {
    checkSize(category, width, length, height);
    MeshBuilder model =
        switch (category) {
          case "vehicle.car" -> VehicleModels.car(width, length, height, variant);
          case "vehicle.emergency.police" ->
              VehicleModels.policeCar(width, length, height, variant);
          case "vehicle.emergency.ambulance" ->
              VehicleModels.truck(width, length, height, Materials.WHITE, variant);
          case "vehicle.truck" ->
              VehicleModels.truck(width, length, height, Materials.cargo(variant), variant);
          case "vehicle.trailer" -> VehicleModels.trailer(width, length, height, variant);
          case "vehicle.construction" -> VehicleModels.excavator(width, length, height);
          case "vehicle.bus.rigid" -> VehicleModels.bus(width, length, height, false, variant);
          case "vehicle.bus.bendy" -> VehicleModels.bus(width, length, height, true, variant);
          case "vehicle.motorcycle" ->
              TwoWheelerModels.motorcycle(width, length, height, withRider, variant);
          case "vehicle.bicycle" ->
              TwoWheelerModels.bicycle(width, length, height, withRider, variant);
          case "human.pedestrian.adult",
              "human.pedestrian.child",
              "human.pedestrian.construction_worker",
              "human.pedestrian.police_officer" ->
              PersonModels.walking(category, width, length, height, variant);
          case "movable_object.trafficcone" -> SceneryModels.cone(width, length, height);
          case "movable_object.barrier" -> SceneryModels.barrier(width, length, height, variant);
          case "static_object.bicycle_rack" -> SceneryModels.bicycleRack(width, length, height);
          default ->
              throw new IllegalArgumentException(
                  String.format(
                      Locale.ROOT,
                      "no model for category '%s': expected a nuScenes category of the detection task",
                      category));
        };
    return model.fit(width, length, height);
  }

  /** A house with rows of windows and a plinth. */
  public static Mesh building(double width, double length, double height, long variant) {
    checkSize("building", width, length, height);
    return SceneryModels.building(width, length, height, variant).fit(width, length, height);
  }

  /** A tree: a trunk and a crown, about 0.6 times as wide as high. */
  public static Mesh tree(double height, long variant) {
    checkSize("tree", height, height, height);
    double spread = height * Hash.between(variant, 10, 0.5, 0.7);
    return SceneryModels.tree(height, spread, variant).fit(spread, spread, height);
  }

  /**
   * Above 4 m a lamp post whose arm reaches forward, else a pole with a sign on its front. The post
   * stands near the rear of the mesh.
   */
  public static Mesh pole(double height, long variant) {
    checkSize("pole", height, height, height);
    return SceneryModels.pole(height, variant);
  }

  private static void checkSize(String what, double width, double length, double height) {
    if (!(width > 0 && length > 0 && height > 0) || Double.isInfinite(width + length + height)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s needs a positive width, length and height, got %s, %s, %s",
              what,
              width,
              length,
              height));
    }
  }
}
