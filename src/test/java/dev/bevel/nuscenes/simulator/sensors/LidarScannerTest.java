package dev.bevel.nuscenes.simulator.sensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.LidarPoints;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.simulator.scene.GroundKind;
import dev.bevel.nuscenes.simulator.scene.Placement;
import dev.bevel.nuscenes.simulator.scene.Snapshot;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.joml.Vector3d;
import org.junit.jupiter.api.Test;

class LidarScannerTest {
  private static final double BOUND = 3.5 * LidarScanner.RANGE_NOISE;

  /** Sensor y forward is global x, as on a vehicle that drives along x. */
  private static final Pose LIDAR = new Pose(Math.sqrt(0.5), 0, 0, -Math.sqrt(0.5), 0, 0, 1.84);

  private static double range(LidarPoints points, int i) {
    return Math.sqrt(
        (double) points.x(i) * points.x(i)
            + (double) points.y(i) * points.y(i)
            + (double) points.z(i) * points.z(i));
  }

  /** The point without range noise on the plane {@code n · p = d} of the global frame. */
  private static double planeRange(LidarPoints points, int i, Pose pose, Vector3d n, double d) {
    double range = range(points, i);
    Vector3d ray = pose.rotate(points.x(i) / range, points.y(i) / range, points.z(i) / range);
    return (d - n.dot(pose.tx(), pose.ty(), pose.tz())) / n.dot(ray);
  }

  @Test
  void anglesAndOrderAreThoseOfTheRealSensor() {
    assertThat(Math.toDegrees(LidarScanner.elevation(0))).isCloseTo(-30.67, within(0.01));
    assertThat(Math.toDegrees(LidarScanner.elevation(31))).isCloseTo(10.67, within(0.01));
    LidarPoints points = LidarScanner.scan(SensorScenes.of(), LIDAR, 1);
    double lastTurn = 0;
    int lastRing = -1;
    for (int i = 0; i < points.count(); i++) {
      double elevation = Math.atan2(points.z(i), Math.hypot(points.x(i), points.y(i)));
      assertThat(elevation).isCloseTo(LidarScanner.elevation((int) points.ring(i)), within(1e-5));
      double turn = Math.PI - Math.atan2(points.y(i), points.x(i));
      boolean sameFiring = Math.abs(turn - lastTurn) < 1e-3;
      assertThat(sameFiring ? points.ring(i) > lastRing : turn > lastTurn)
          .as("point %d", i)
          .isTrue();
      lastTurn = turn;
      lastRing = (int) points.ring(i);
      assertThat(points.intensity(i)).isBetween(0f, 255f);
    }
  }

  @Test
  void groundPointsLieOnTheGroundAlsoWithATiltedSensor() {
    Pose tilted = LIDAR.compose(new Pose(1, 0.02, -0.03, 0.01, 0, 0, 0));
    for (Pose pose : List.of(LIDAR, tilted)) {
      LidarPoints points = LidarScanner.scan(SensorScenes.of(), pose, 2);
      assertThat(points.count()).isGreaterThan(14 * LidarScanner.COLUMNS);
      double squares = 0;
      for (int i = 0; i < points.count(); i++) {
        double error = range(points, i) - planeRange(points, i, pose, new Vector3d(0, 0, 1), 0);
        assertThat(Math.abs(error)).isLessThan(BOUND);
        squares += error * error;
      }
      assertThat(Math.sqrt(squares / points.count()))
          .isCloseTo(LidarScanner.RANGE_NOISE, within(0.05 * LidarScanner.RANGE_NOISE));
    }
  }

  @Test
  void aWallIsHitByEveryRayInItsWindow() {
    // 10 m wide and 6 m high, its face 8 m ahead.
    Placement wall = SensorScenes.box(8.5, 0, 3, 10, 1, 6, 0, 0);
    LidarPoints points = LidarScanner.scan(SensorScenes.of(wall), LIDAR, 3);
    int expected = 0;
    for (int column = 0; column < LidarScanner.COLUMNS; column++) {
      double forward = Math.sin(LidarScanner.azimuth(column));
      double left = -Math.cos(LidarScanner.azimuth(column));
      for (int ring = 0; ring < LidarScanner.RINGS; ring++) {
        double z = 1.84 + 8 / forward * Math.tan(LidarScanner.elevation(ring));
        if (forward > 0 && Math.abs(8 * left / forward) < 5 && z > 0 && z < 6) {
          expected++;
        }
      }
    }
    int hits = 0;
    for (int i = 0; i < points.count(); i++) {
      Vector3d p = LIDAR.transform(points.x(i), points.y(i), points.z(i));
      double toWall = planeRange(points, i, LIDAR, new Vector3d(1, 0, 0), 8);
      double height = 1.84 + toWall * Math.sin(LidarScanner.elevation((int) points.ring(i)));
      if (Math.abs(p.y) < 5.1 && p.x > 7 && height > 0) {
        hits++;
        assertThat(Math.abs(range(points, i) - toWall)).isLessThan(BOUND);
      }
      // Nothing is seen through the wall.
      assertThat(p.x > 8.2 && Math.abs(p.y) < 0.55 * p.x && p.z < 5).as("point %s", p).isFalse();
    }
    // About a hundredth is lost at random.
    assertThat(hits).isBetween((int) (0.97 * expected), expected);
  }

  @Test
  void whatIsOccludedOrBeyondReachGetsNoPoints() {
    Placement near = SensorScenes.box(6, 0, 1.25, 4, 0.5, 2.5, 0, 0);
    Placement behind = SensorScenes.box(12, 0, 0.75, 2, 4, 1.5, 0, 1);
    Placement far = SensorScenes.box(-130, 0, 5, 20, 4, 10, 0, 2);
    LidarPoints both = LidarScanner.scan(SensorScenes.of(behind, near, far), LIDAR, 4);
    LidarPoints alone = LidarScanner.scan(SensorScenes.of(behind, far), LIDAR, 4);
    assertThat(pointsIn(behind, 2, 4, 1.5, both)).isZero();
    assertThat(pointsIn(behind, 2, 4, 1.5, alone)).isGreaterThan(100);
    assertThat(pointsIn(far, 20, 4, 10, alone)).isZero();
  }

  private static int pointsIn(
      Placement body, double width, double length, double height, LidarPoints points) {
    Box3d box = new Box3d(body.bodyToGlobal(), width + 0.3, length + 0.3, height + 0.3, 0, 0, 0);
    return box.countPoints(points, LIDAR);
  }

  @Test
  void aBodyAboveTheSensorIsHitAllAround() {
    Placement roof = SensorScenes.box(0, 0, 3.5, 40, 40, 1, 0, 0);
    LidarPoints points = LidarScanner.scan(SensorScenes.of(roof), LIDAR, 5);
    int hits = 0;
    for (int i = 0; i < points.count(); i++) {
      if (points.z(i) > 0.5) {
        hits++;
        double expected = planeRange(points, i, LIDAR, new Vector3d(0, 0, 1), 3);
        assertThat(Math.abs(range(points, i) - expected)).isLessThan(BOUND);
      }
    }
    // Its underside is 1.16 m above the sensor: the upper rings meet it within 20 m.
    assertThat(hits).isGreaterThan(4 * LidarScanner.COLUMNS);
  }

  @Test
  void farDarkAndGrazedSurfacesReturnLess() {
    LidarPoints points = LidarScanner.scan(SensorScenes.of(), LIDAR, 6);
    int[] perRing = new int[LidarScanner.RINGS];
    for (int i = 0; i < points.count(); i++) {
      perRing[(int) points.ring(i)]++;
    }
    assertThat(perRing[2]).isGreaterThan((int) (0.95 * LidarScanner.COLUMNS));
    // Ring 21 meets asphalt at 39 m under 2.7 degrees.
    assertThat(perRing[21]).isLessThan(LidarScanner.COLUMNS / 2);
    for (int ring = 23; ring < LidarScanner.RINGS; ring++) {
      assertThat(perRing[ring]).isZero();
    }
  }

  @Test
  void paintIsBrighterThanAsphalt() {
    Snapshot striped =
        new Snapshot(
            List.of(),
            (x, y) -> x > 0 ? GroundKind.WHITE_PAINT : GroundKind.ROAD,
            SensorScenes.OVERCAST);
    LidarPoints points = LidarScanner.scan(striped, LIDAR, 7);
    for (int i = 0; i < points.count(); i++) {
      if (points.ring(i) < 8 && Math.abs(points.y(i)) > 0.5) {
        assertThat(points.intensity(i) > 20).as("point %d", i).isEqualTo(points.y(i) > 0);
      }
    }
  }

  @Test
  void pointsDependOnTheSeedAloneAndNotOnTheThread() {
    Snapshot street = SensorScenes.street(11);
    float[] first = LidarScanner.scan(street, LIDAR, 8).toArray();
    List<float[]> parallel =
        IntStream.range(0, 8)
            .parallel()
            .mapToObj(i -> LidarScanner.scan(street, LIDAR, 8).toArray())
            .toList();
    assertThat(parallel).allSatisfy(points -> assertThat(points).isEqualTo(first));
    assertThat(LidarScanner.scan(street, LIDAR, 9).toArray()).isNotEqualTo(first);
    assertThat(Arrays.hashCode(first))
        .as("points computed on another machine; a change of the scanner changes this number")
        .isEqualTo(1506130035);
  }
}
