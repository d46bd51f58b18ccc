package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.joml.Vector3d;
import org.junit.jupiter.api.Test;

class GeometryTest {
  private static final long SEED = 99;

  private static Pose randomPose(Random r) {
    return new Pose(
        r.nextGaussian(),
        r.nextGaussian(),
        r.nextGaussian(),
        r.nextGaussian(),
        100 * r.nextGaussian(),
        100 * r.nextGaussian(),
        100 * r.nextGaussian());
  }

  private static double[] times(double[] a, double[] b) {
    double[] c = new double[16];
    for (int i = 0; i < 16; i++) {
      for (int k = 0; k < 4; k++) {
        c[i] += a[i / 4 * 4 + k] * b[k * 4 + i % 4];
      }
    }
    return c;
  }

  private static void assertClose(double[] actual, double[] expected, double tolerance) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.length; i++) {
      assertThat(actual[i])
          .as("element %d, seed %d", i, SEED)
          .isCloseTo(expected[i], within(tolerance));
    }
  }

  @Test
  void composeAndInverseAreTheMatrices() {
    Random r = new Random(SEED);
    for (int trial = 0; trial < 200; trial++) {
      Pose a = randomPose(r);
      Pose b = randomPose(r);
      assertClose(a.compose(b).matrix(), times(a.matrix(), b.matrix()), 1e-11);
      assertClose(times(a.matrix(), a.inverse().matrix()), Pose.IDENTITY.matrix(), 1e-11);
      Vector3d p = a.transform(3, -4, 5);
      double[] m = a.matrix();
      assertThat(p.x).isCloseTo(m[0] * 3 - m[1] * 4 + m[2] * 5 + m[3], within(1e-11));
      assertThat(p.y).isCloseTo(m[4] * 3 - m[5] * 4 + m[6] * 5 + m[7], within(1e-11));
      assertThat(p.z).isCloseTo(m[8] * 3 - m[9] * 4 + m[10] * 5 + m[11], within(1e-11));
      Vector3d heading = a.rotate(1, 0, 0);
      assertThat(a.yaw()).isCloseTo(Math.atan2(heading.y, heading.x), within(1e-12));
    }
  }

  @Test
  void rotationsFollowTheRightHand() {
    Vector3d left = Pose.ofYaw(0, 0, 0, Math.PI / 2).transform(1, 0, 0);
    assertThat(left.distance(0, 1, 0)).isLessThan(1e-15);
    // The usual camera mounting: camera z is ego x, camera x is ego −y, camera y is ego −z.
    Pose cameraToEgo = new Pose(0.5, -0.5, 0.5, -0.5, 0, 0, 0);
    assertThat(cameraToEgo.rotate(0, 0, 1).distance(1, 0, 0)).isLessThan(1e-15);
    assertThat(cameraToEgo.rotate(1, 0, 0).distance(0, -1, 0)).isLessThan(1e-15);
    assertThat(cameraToEgo.rotate(0, 1, 0).distance(0, 0, -1)).isLessThan(1e-15);
  }

  @Test
  void posesWithoutMeaningAreRefused() {
    assertThatThrownBy(() -> new Pose(0, 0, 0, 0, 1, 2, 3))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("quaternion");
    assertThatThrownBy(() -> new Pose(1, 0, 0, 0, Double.NaN, 0, 0))
        .isInstanceOf(NuScenesException.class);
    assertThatThrownBy(() -> new Pose(Double.POSITIVE_INFINITY, 0, 0, 0, 0, 0, 0))
        .isInstanceOf(NuScenesException.class);
    assertThatThrownBy(() -> Pose.of(new double[2], new double[4]))
        .isInstanceOf(NuScenesException.class);
  }

  @Test
  void boxesMoveRigidlyAndBack() {
    Random r = new Random(SEED);
    for (int trial = 0; trial < 100; trial++) {
      Box3d box =
          new Box3d(
              randomPose(r), 1 + r.nextDouble(), 2 + r.nextDouble(), 3 + r.nextDouble(), 1, 2, 3);
      Pose move = randomPose(r);
      Box3d moved = box.transformed(move);
      Vector3d[] before = box.corners();
      Vector3d[] after = moved.corners();
      for (int i = 0; i < 8; i++) {
        assertThat(after[i].distance(move.transform(before[i].x, before[i].y, before[i].z)))
            .isLessThan(1e-10);
      }
      assertThat(Math.hypot(moved.speed(), moved.vz())).isCloseTo(Math.sqrt(14), within(1e-12));
      Box3d back = moved.transformed(move.inverse());
      assertThat(back.x()).isCloseTo(box.x(), within(1e-10));
      assertThat(back.yaw()).isCloseTo(box.yaw(), within(1e-10));
      assertThat(back.vx()).isCloseTo(1, within(1e-12));
    }
  }

  @Test
  void unknownVelocityStaysUnknown() {
    Box3d box =
        Box3d.upright(1, 2, 3, 1, 1, 1, 0, Double.NaN, Double.NaN)
            .transformed(Pose.ofYaw(0, 0, 0, 1));
    assertThat(new double[] {box.vx(), box.vy(), box.vz(), box.speed()}).containsOnly(Double.NaN);
  }

  @Test
  void containsIncludesFaces() {
    Box3d box = Box3d.upright(0, 0, 0, 2, 2, 2, 0, 0, 0);
    assertThat(box.contains(1, 1, 1)).isTrue();
    assertThat(box.contains(0.5, -1.1, 0)).isFalse();
    Box3d turned = Box3d.upright(1, 1, 0, 2, 2, 2, Math.PI / 4, 0, 0);
    assertThat(turned.contains(1.70, 1.70, 0)).isTrue();
    assertThat(turned.contains(1.71, 1.71, 0)).isFalse();
    LidarPoints points =
        LidarPoints.of(new float[] {1.7f, 1.7f, 0, 9, 9, 1.71f, 1.71f, 0, 9, 9, 1, 1, -1, 0, 0});
    assertThat(turned.countPoints(points, Pose.IDENTITY)).isEqualTo(2);
    assertThat(turned.countPoints(points, new Pose(1, 0, 0, 0, 50, 0, 0))).isZero();
  }

  @Test
  void conventionsRoundTripAndKnowTheirYaw() {
    Random r = new Random(SEED);
    for (int trial = 0; trial < 100; trial++) {
      double yaw = (2 * r.nextDouble() - 1) * Math.PI;
      Box3d box =
          Box3d.upright(
              r.nextGaussian(),
              r.nextGaussian(),
              r.nextGaussian(),
              1.9,
              4.6,
              1.7,
              yaw,
              r.nextGaussian(),
              -1);
      for (BoxConvention convention : BoxConvention.values()) {
        double[] encoded = convention.encode(box);
        Box3d back = convention.decode(encoded);
        assertClose(convention.encode(back), encoded, 2 * Math.PI + 1e-9);
        assertThat(Math.IEEEremainder(back.yaw() - yaw, 2 * Math.PI)).isCloseTo(0, within(1e-12));
        assertThat(
                new double[] {
                  back.x(),
                  back.y(),
                  back.z(),
                  back.width(),
                  back.length(),
                  back.height(),
                  back.vx(),
                  back.vy()
                })
            .containsExactly(box.x(), box.y(), box.z(), 1.9, 4.6, 1.7, box.vx(), -1);
      }
    }
    // A car that looks along +x.
    Box3d car = Box3d.upright(10, 0, 1, 1.9, 4.6, 1.7, 0, 3, 0);
    assertClose(
        BoxConvention.MMDET3D_0.encode(car),
        new double[] {10, 0, 1, 1.9, 4.6, 1.7, -Math.PI / 2, 3, 0},
        1e-15);
    assertClose(
        BoxConvention.MMDET3D_1.encode(car),
        new double[] {10, 0, 1, 4.6, 1.9, 1.7, 0, 3, 0},
        1e-15);
    assertThatThrownBy(() -> BoxConvention.MMDET3D_1.decode(new double[7]))
        .hasMessageContaining("9 numbers");
    assertThatThrownBy(() -> BoxConvention.MMDET3D_1.decode(new double[9]))
        .hasMessageContaining("positive");
  }

  @Test
  void classesAndAttributesFollowTheRule() {
    assertThat(DetectionClass.ofLabel(2)).isEqualTo(DetectionClass.CONSTRUCTION_VEHICLE);
    for (DetectionClass c : DetectionClass.values()) {
      assertThat(DetectionClass.ofLabel(c.label())).isSameAs(c);
      assertThat(DetectionClass.ofName(c.detectionName())).isSameAs(c);
    }
    assertThat(DetectionClass.ofCategory("vehicle.bus.bendy")).contains(DetectionClass.BUS);
    assertThat(DetectionClass.ofCategory("static_object.bicycle_rack")).isEmpty();
    assertThat(DetectionClass.CAR.attributeForSpeed(0.21)).isEqualTo("vehicle.moving");
    assertThat(DetectionClass.CAR.attributeForSpeed(0.2)).isEqualTo("vehicle.parked");
    assertThat(DetectionClass.BUS.attributeForSpeed(Double.NaN)).isEqualTo("vehicle.stopped");
    assertThat(DetectionClass.PEDESTRIAN.attributeForSpeed(0)).isEqualTo("pedestrian.standing");
    assertThat(DetectionClass.BICYCLE.attributeForSpeed(3)).isEqualTo("cycle.with_rider");
    assertThat(DetectionClass.BARRIER.attributeForSpeed(3)).isEmpty();
    assertThatThrownBy(() -> DetectionClass.ofLabel(10)).hasMessageContaining("0..9");
    assertThatThrownBy(() -> DetectionClass.ofName("tram")).hasMessageContaining("tram");
  }
}
