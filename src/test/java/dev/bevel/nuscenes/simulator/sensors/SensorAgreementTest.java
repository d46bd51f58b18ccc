package dev.bevel.nuscenes.simulator.sensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.CameraIntrinsics;
import dev.bevel.nuscenes.LidarPoints;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.simulator.scene.CameraView;
import dev.bevel.nuscenes.simulator.scene.Snapshot;
import dev.bevel.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.joml.Vector3d;
import org.junit.jupiter.api.Test;

/** Camera and LiDAR see one world, and the LiDAR is the real one's twin. */
class SensorAgreementTest {
  @Test
  void lidarPointsAreWhereACameraAtTheSamePlaceSeesThem() {
    Snapshot street = SensorScenes.street(31);
    CameraView view = SensorScenes.level(1.84, 0, 800, 450, 500);
    Rendering picture = CameraRenderer.render(street, view, 1, 1);
    Pose lidar = new Pose(Math.sqrt(0.5), 0, 0, -Math.sqrt(0.5), 0, 0, 1.84);
    Pose toCamera = view.cameraToGlobal().inverse().compose(lidar);
    LidarPoints points = LidarScanner.scan(street, lidar, 1);
    CameraIntrinsics k = view.intrinsics();
    int inPicture = 0;
    int agreeing = 0;
    for (int i = 0; i < points.count(); i++) {
      Vector3d p = toCamera.transform(points.x(i), points.y(i), points.z(i));
      int column = (int) Math.floor(k.u(p.x, p.y, p.z));
      int row = (int) Math.floor(k.v(p.y, p.z));
      if (p.z > 0.1 && column >= 0 && column < 800 && row >= 0 && row < 450) {
        inPicture++;
        float depth = picture.depth()[row * 800 + column];
        // A pixel of ground far away spans metres; an outline may fall to either side.
        agreeing += Math.abs(depth - p.z) < 0.1 + 0.02 * p.z ? 1 : 0;
      }
    }
    assertThat(inPicture).isGreaterThan(4000);
    assertThat((double) agreeing / inPicture).isGreaterThan(0.97);
  }

  @Test
  void ringsRiseAsInARealSweep() throws IOException {
    Path folder = TestData.require("nuscenes-one-sample").resolve("samples/LIDAR_TOP");
    Path file;
    try (Stream<Path> files = Files.list(folder)) {
      file = files.findFirst().orElseThrow();
    }
    LidarPoints real = LidarPoints.read(file);
    for (int ring = 0; ring < LidarScanner.RINGS; ring++) {
      List<Double> elevations = new ArrayList<>();
      for (int i = 0; i < real.count(); i++) {
        double flat = Math.hypot(real.x(i), real.y(i));
        // Nearer than 3 m are the vehicle itself and rays without a return.
        if (real.ring(i) == ring && flat > 3) {
          elevations.add(Math.toDegrees(Math.atan2(real.z(i), flat)));
        }
      }
      elevations.sort(null);
      assertThat(elevations.get(elevations.size() / 2))
          .as("median elevation of ring %d", ring)
          .isCloseTo(Math.toDegrees(LidarScanner.elevation(ring)), within(0.35));
    }
    assertThat(real.count()).isEqualTo(LidarScanner.RINGS * LidarScanner.COLUMNS);
  }
}
