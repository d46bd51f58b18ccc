package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.testing.TestData;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.joml.Vector3d;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CameraProjectionTest {
  @TempDir Path root;

  /** Through the pair's four poses by hand; the camera is 14 ms earlier than the LiDAR. */
  @Test
  void pointsGoThroughBothEgoPoses() {
    NuScenes set = NuScenes.load(new TinyNuScenes(root).write().root);
    DetectionSample sample = DetectionSample.of(set, set.sample("sample-1"));
    CameraSample front = sample.cameras().get(1);
    CameraProjection projection = new CameraProjection(front, sample.lidarToGlobal());
    Vector3d global = sample.lidarToGlobal().transform(0.5, 20, -1); // LiDAR y is forward
    Vector3d ego = front.egoToGlobal().inverse().transform(global.x, global.y, global.z);
    Vector3d p = front.sensorToEgo().inverse().transform(ego.x, ego.y, ego.z);
    assertThat(projection.project(0.5, 20, -1)).isTrue();
    assertThat(projection.depth()).isCloseTo(p.z, within(1e-9));
    assertThat(projection.u())
        .isCloseTo(TinyNuScenes.FOCAL * p.x / p.z + TinyNuScenes.WIDTH / 2.0, within(1e-9));
    assertThat(projection.v())
        .isCloseTo(TinyNuScenes.FOCAL * p.y / p.z + TinyNuScenes.HEIGHT / 2.0, within(1e-9));
    assertThat(projection.isInside(0)).isTrue();
    assertThat(projection.project(0.5, -20, -1)).as("behind the camera").isFalse();
  }

  @Test
  void depthAndMarginAreStrict() {
    NuScenes set = NuScenes.load(new TinyNuScenes(root).write().root);
    DetectionSample sample = DetectionSample.of(set, set.sample("sample-1"));
    CameraSample front = sample.cameras().get(1);
    // Points given in the camera's own frame: at (u, v, depth).
    double[][] uvd = {{80, 45, 1}, {80, 45, 1.5}, {0.9, 45, 9}, {1.5, 45, 9}, {158.5, 88.5, 9}};
    float[] data = new float[uvd.length * LidarPoints.STRIDE];
    for (int i = 0; i < uvd.length; i++) {
      double d = uvd[i][2];
      data[5 * i] = (float) ((uvd[i][0] - 80) * d / TinyNuScenes.FOCAL);
      data[5 * i + 1] = (float) ((uvd[i][1] - 45) * d / TinyNuScenes.FOCAL);
      data[5 * i + 2] = (float) d;
    }
    LidarPoints points = LidarPoints.of(data);
    CameraSample still =
        new CameraSample(
            "CAM",
            front.image(),
            TinyNuScenes.WIDTH,
            TinyNuScenes.HEIGHT,
            0,
            front.intrinsics(),
            Pose.IDENTITY,
            Pose.IDENTITY,
            Pose.IDENTITY);
    ProjectedPoints seen = ProjectedPoints.of(still, points, Pose.IDENTITY);
    assertThat(seen.count()).isEqualTo(3);
    assertThat(List.of(seen.index(0), seen.index(1), seen.index(2))).containsExactly(1, 3, 4);
    assertThat(seen.u(1)).isCloseTo(1.5, within(1e-5));
    assertThat(seen.v(2)).isCloseTo(88.5, within(1e-5));
    assertThat(seen.depth(0)).isEqualTo(1.5);
    assertThat(ProjectedPoints.of(still, points, Pose.IDENTITY, 0.5, 0).count()).isEqualTo(5);
  }

  /** Points in a real box, seen by a camera, lie within the box's outline in the image. */
  @Test
  void realPointsInBoxesProjectIntoTheBoxes() {
    NuScenes set = NuScenes.load(TestData.require("nuscenes-one-sample"));
    DetectionSample sample = DetectionSample.of(set, set.samples().iterator().next());
    LidarPoints points = sample.readLidar();
    Set<Integer> everSeen = new HashSet<>();
    int checked = 0;
    for (CameraSample camera : sample.cameras()) {
      ProjectedPoints seen = ProjectedPoints.of(camera, points, sample.lidarToGlobal());
      assertThat(seen.count()).as(camera.channel()).isBetween(1000, 10_000);
      Pose keyEgoToCamera = camera.sensorToKeyEgo().inverse();
      for (GroundTruthBox truth : sample.boxes()) {
        Box3d box = truth.box();
        double[] outline = outline(box.transformed(keyEgoToCamera), camera.intrinsics());
        for (int i = 0; i < seen.count(); i++) {
          int p = seen.index(i);
          everSeen.add(p);
          Vector3d ego = sample.lidarToEgo().transform(points.x(p), points.y(p), points.z(p));
          if (outline.length > 0 && box.contains(ego.x, ego.y, ego.z)) {
            assertThat(seen.u(i)).isBetween(outline[0], outline[1]);
            assertThat(seen.v(i)).isBetween(outline[2], outline[3]);
            checked++;
          }
        }
      }
    }
    assertThat(checked).isGreaterThan(500);
    assertThat(everSeen).hasSizeGreaterThan(10_000);
  }

  /** (min u, max u, min v, max v) of the corners; nothing if one is behind the camera. */
  private static double[] outline(Box3d inCamera, CameraIntrinsics k) {
    double[] range = {1e9, -1e9, 1e9, -1e9};
    for (Vector3d corner : inCamera.corners()) {
      if (corner.z <= 0.1) {
        return new double[0];
      }
      double u = k.u(corner.x, corner.y, corner.z);
      double v = k.v(corner.y, corner.z);
      range[0] = Math.min(range[0], u - 1e-6);
      range[1] = Math.max(range[1], u + 1e-6);
      range[2] = Math.min(range[2], v - 1e-6);
      range[3] = Math.max(range[3], v + 1e-6);
    }
    return range;
  }
}
