package dev.bevel.nuscenes.simulator.sensors;

import dev.bevel.nuscenes.CameraIntrinsics;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.simulator.models.MeshBuilder;
import dev.bevel.nuscenes.simulator.models.MeshBuilder.Faces;
import dev.bevel.nuscenes.simulator.models.ObjectModels;
import dev.bevel.nuscenes.simulator.scene.CameraView;
import dev.bevel.nuscenes.simulator.scene.GroundKind;
import dev.bevel.nuscenes.simulator.scene.GroundMap;
import dev.bevel.nuscenes.simulator.scene.Lighting;
import dev.bevel.nuscenes.simulator.scene.Material;
import dev.bevel.nuscenes.simulator.scene.Material.Pattern;
import dev.bevel.nuscenes.simulator.scene.Mesh;
import dev.bevel.nuscenes.simulator.scene.Placement;
import dev.bevel.nuscenes.simulator.scene.Snapshot;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Small worlds whose pictures and points can be computed by hand. */
final class SensorScenes {
  static final Material GREY = new Material(0.4, 0.4, 0.4, 0, 0.6, Pattern.PLAIN);
  static final GroundMap ROAD = (x, y) -> GroundKind.ROAD;

  /** Clear air, so that haze changes nothing that is tested. */
  static final Lighting OVERCAST = new Lighting(0, 0, 1, 0, 1e6, 1);

  private SensorScenes() {}

  /** {@link Pose#ofYaw} with the same bits on any machine. */
  static Pose yawed(double x, double y, double z, double yaw) {
    return new Pose(StrictMath.cos(yaw / 2), 0, 0, StrictMath.sin(yaw / 2), x, y, z);
  }

  /** An upright box whose front faces +x when {@code yaw} is 0. */
  static Placement box(
      double x,
      double y,
      double z,
      double width,
      double length,
      double height,
      double yaw,
      int id) {
    Mesh mesh = new MeshBuilder().box(0, 0, 0, 1, 1, 1, Faces.of(GREY)).fit(width, length, height);
    return new Placement(mesh, yawed(x, y, z, yaw), id);
  }

  static Snapshot of(Placement... bodies) {
    return new Snapshot(List.of(bodies), ROAD, OVERCAST);
  }

  /** A level camera at (0, 0, height) that looks along +x turned by {@code yaw}. */
  static CameraView level(double height, double yaw, int width, int rows, double focalLength) {
    Pose forward = new Pose(0.5, -0.5, 0.5, -0.5, 0, 0, height);
    return new CameraView(
        new CameraIntrinsics(focalLength, 0, focalLength, width / 2.0, rows / 2.0),
        yawed(0, 0, 0, yaw).compose(forward),
        width,
        rows);
  }

  static CameraView level() {
    return level(1.5, 0, 200, 120, 100);
  }

  /** A street with one of everything, buildings and trees. */
  static Snapshot street(long seed) {
    List<Placement> bodies = new ArrayList<>();
    String[] categories = {
      "vehicle.car", "vehicle.truck", "vehicle.bus.rigid", "vehicle.trailer",
      "vehicle.construction", "vehicle.motorcycle", "vehicle.bicycle", "human.pedestrian.adult",
      "movable_object.trafficcone", "movable_object.barrier"
    };
    double[][] sizes = {
      {1.9, 4.6, 1.6}, {2.5, 7, 3}, {2.9, 11, 3.4}, {2.5, 10, 3.7}, {2.8, 6, 3.2},
      {0.8, 2.1, 1.5}, {0.6, 1.7, 1.6}, {0.6, 0.7, 1.75}, {0.4, 0.4, 0.8}, {2.4, 0.5, 1}
    };
    for (int i = 0; i < categories.length; i++) {
      double[] s = sizes[i];
      Mesh mesh = ObjectModels.object(categories[i], s[0], s[1], s[2], true, seed + i);
      double y = i % 2 == 0 ? 4 : -4;
      bodies.add(new Placement(mesh, yawed(7 + 4 * i, y, s[2] / 2, 0.3 * i), i));
    }
    for (int i = 0; i < 6; i++) {
      Mesh house = ObjectModels.building(12, 10, 14, seed + i);
      bodies.add(new Placement(house, yawed(12 * i, 18, 7, 0), Placement.SCENERY));
      Mesh tree = ObjectModels.tree(7, seed + i);
      bodies.add(new Placement(tree, yawed(9 * i, -9, 3.5, 0), Placement.SCENERY));
    }
    GroundMap ground =
        (x, y) ->
            Math.abs(y) < 0.1
                ? GroundKind.YELLOW_PAINT
                : Math.abs(y) < 6 ? GroundKind.ROAD : GroundKind.SIDEWALK;
    return new Snapshot(bodies, ground, new Lighting(-0.48, 0.6, 0.64, 0.8, 300, seed));
  }

  /** One number for a whole picture, the same on any machine. */
  static long fingerprint(Rendering picture) {
    long hash = Arrays.hashCode(picture.rgb());
    hash = 31 * hash + Arrays.hashCode(picture.ids());
    return 31 * hash + Arrays.hashCode(picture.depth());
  }
}
