package dev.bevel.nuscenes.simulator.sensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.CameraIntrinsics;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.simulator.models.MeshBuilder;
import dev.bevel.nuscenes.simulator.models.ObjectModels;
import dev.bevel.nuscenes.simulator.scene.CameraView;
import dev.bevel.nuscenes.simulator.scene.GroundKind;
import dev.bevel.nuscenes.simulator.scene.GroundMap;
import dev.bevel.nuscenes.simulator.scene.Lighting;
import dev.bevel.nuscenes.simulator.scene.Material;
import dev.bevel.nuscenes.simulator.scene.Mesh;
import dev.bevel.nuscenes.simulator.scene.Placement;
import dev.bevel.nuscenes.simulator.scene.Snapshot;
import java.util.List;
import java.util.stream.IntStream;
import org.joml.Vector3d;
import org.junit.jupiter.api.Test;

class CameraRendererTest {
  private static Rendering render(Snapshot snapshot, CameraView view) {
    return CameraRenderer.render(snapshot, view, 1, 5);
  }

  private static int brightness(Rendering picture, int column, int row) {
    int rgb = picture.rgb()[row * picture.width() + column];
    return (rgb >> 16) + (rgb >> 8 & 0xff) + (rgb & 0xff);
  }

  @Test
  void aBoxIsSeenWhereItProjectsAndAsDeepAsItIs() {
    CameraView view = SensorScenes.level();
    Placement box = SensorScenes.box(11, 1, 1, 3, 2, 2, 0, 4);
    Rendering picture = render(SensorScenes.of(box), view);
    // Its rear face: x = 10, y from −0.5 to 2.5, z from 0 to 2; 10 pixels a metre.
    double left = 100 - 25;
    double right = 100 + 5;
    double top = 60 - 5;
    double bottom = 60 + 15;
    for (int row = 0; row < picture.height(); row++) {
      for (int column = 0; column < picture.width(); column++) {
        int at = row * picture.width() + column;
        boolean onFace = column >= left && column + 1 <= right && row >= top && row + 1 <= bottom;
        boolean near =
            column + 1 > left - 1 && column < right + 1 && row + 1 > top - 1 && row < bottom + 1;
        if (onFace) {
          assertThat(picture.ids()[at]).as("pixel %d, %d", column, row).isEqualTo(4);
          assertThat(picture.depth()[at]).isCloseTo(10f, within(1e-4f));
        } else if (!near) {
          assertThat(picture.ids()[at]).isEqualTo(Placement.SCENERY);
        }
      }
    }
  }

  @Test
  void turnedBoxesStayWithinTheHullOfTheirCorners() {
    CameraView view = SensorScenes.level(1.5, 0.2, 240, 160, 120);
    Pose toCamera = view.cameraToGlobal().inverse();
    CameraIntrinsics k = view.intrinsics();
    for (int trial = 0; trial < 30; trial++) {
      double yaw = 0.37 * trial;
      Placement box = SensorScenes.box(6 + trial % 5, 1.5, 0.9, 1.8, 4, 1.8, yaw, 2);
      Rendering picture = render(SensorScenes.of(box), view);
      double[] bounds = {1e9, -1e9, 1e9, -1e9};
      for (int corner = 0; corner < 8; corner++) {
        Vector3d p =
            box.bodyToGlobal()
                .transform(
                    (corner & 1) == 0 ? 2 : -2,
                    (corner & 2) == 0 ? 0.9 : -0.9,
                    (corner & 4) == 0 ? 0.9 : -0.9);
        Vector3d c = toCamera.transform(p.x, p.y, p.z);
        double u = k.u(c.x, c.y, c.z);
        double v = k.v(c.y, c.z);
        bounds[0] = Math.min(bounds[0], u);
        bounds[1] = Math.max(bounds[1], u);
        bounds[2] = Math.min(bounds[2], v);
        bounds[3] = Math.max(bounds[3], v);
      }
      double[] seen = seenBounds(picture, 2);
      for (int i = 0; i < 4; i++) {
        double limit = i < 2 ? view.width() : view.height();
        assertThat(seen[i])
            .as("bound %d, yaw %s", i, yaw)
            .isCloseTo(Math.clamp(bounds[i], 0, limit), within(1.01));
      }
    }
  }

  /** Left, right, top and bottom edge of the pixels of an id. */
  private static double[] seenBounds(Rendering picture, int id) {
    double[] bounds = {1e9, -1e9, 1e9, -1e9};
    for (int i = 0; i < picture.ids().length; i++) {
      if (picture.ids()[i] == id) {
        bounds[0] = Math.min(bounds[0], i % picture.width());
        bounds[1] = Math.max(bounds[1], i % picture.width() + 1);
        bounds[2] = Math.min(bounds[2], i / picture.width());
        bounds[3] = Math.max(bounds[3], i / picture.width() + 1);
      }
    }
    return bounds;
  }

  @Test
  void groundIsAsDeepAsItIsAndTheSkyInfinite() {
    Rendering picture = render(SensorScenes.of(), SensorScenes.level());
    for (int row = 0; row < picture.height(); row++) {
      float depth = picture.depth()[row * picture.width() + 30];
      if (row < 60) {
        assertThat(depth).isInfinite();
      } else {
        double expected = 1.5 * 100 / (row + 0.5 - 60);
        assertThat((double) depth).isCloseTo(expected, within(1e-5 * expected));
      }
    }
  }

  @Test
  void objectsStandOnTheRowWhereTheirFeetProject() {
    CameraView view = SensorScenes.level(1.6, 0, 400, 300, 300);
    for (double x : new double[] {6, 9, 14, 25}) {
      Mesh mesh = ObjectModels.object("vehicle.car", 1.9, 4.5, 1.6, false, 1);
      Placement car = new Placement(mesh, Pose.ofYaw(x + 2.25, 0, 0.8, 0), 0);
      double[] seen = seenBounds(render(SensorScenes.of(car), view), 0);
      // The lowest that is seen: the rear wheels' contact or the bumper's lower edge before it.
      double wheels = 150 + 300 * 1.6 / (x + 0.19 * 4.5);
      double rear = 150 + 300 * 1.6 / x;
      assertThat(seen[3]).as("car at %s m", x).isBetween(wheels - 1.5, rear + 1);
    }
  }

  @Test
  void theNearerBodyHidesTheFartherInAnyOrder() {
    Placement near = SensorScenes.box(8, 0, 1, 2, 1, 2, 0, 1);
    Placement far = SensorScenes.box(14, 0, 1, 6, 1, 2, 0, 2);
    Rendering one = render(SensorScenes.of(near, far), SensorScenes.level());
    Rendering other = render(SensorScenes.of(far, near), SensorScenes.level());
    assertThat(one.ids()).isEqualTo(other.ids());
    assertThat(one.rgb()).isEqualTo(other.rgb());
    int middle = 65 * one.width() + 100;
    assertThat(one.ids()[middle]).isEqualTo(1);
    assertThat(one.ids()[middle + 18]).isEqualTo(2);
    assertThat(one.ids()[middle - 18]).isEqualTo(2);
  }

  @Test
  void bodiesThatCrossTheNearPlaneAreCutAndThoseBehindAreNotSeen() {
    // A wall along the road that passes beside the camera from behind to ahead.
    Placement wall = SensorScenes.box(0, 2.5, 2, 1, 60, 4, 0, 3);
    Placement behind = SensorScenes.box(-6, 0, 1, 3, 3, 2, 0, 7);
    Rendering picture = render(SensorScenes.of(wall, behind), SensorScenes.level());
    assertThat(picture.ids()).doesNotContain(7).contains(3);
    for (int column = 0; column < 100; column++) {
      // The wall's face y = 2 is met at depth 2 · 100 / (100 − u), up to its end at 30 m.
      double expected = 200 / (100 - column - 0.5);
      int at = 60 * picture.width() + column;
      if (expected < 28) {
        assertThat(picture.ids()[at]).isEqualTo(3);
        assertThat((double) picture.depth()[at]).isCloseTo(expected, within(1e-4 * expected));
      }
    }
    Rendering inside =
        render(SensorScenes.of(SensorScenes.box(0, 0, 1.5, 2, 2, 2, 0, 9)), SensorScenes.level());
    assertThat(inside.ids()).as("the inside of a body is not drawn").doesNotContain(9);
  }

  @Test
  void bodiesBehindTheCameraChangeNoPixel() {
    Placement ahead = SensorScenes.box(9, 1, 1, 2, 4, 2, 0.4, 1);
    Placement behind = SensorScenes.box(-9, 1, 1, 2, 4, 2, 0.4, 2);
    Rendering with = render(SensorScenes.of(ahead, behind), SensorScenes.level());
    Rendering without = render(SensorScenes.of(ahead), SensorScenes.level());
    assertThat(with.rgb()).isEqualTo(without.rgb());
  }

  @Test
  void theSunLightsOneSideAndCastsAShadowOnTheOther() {
    // The sun stands on the right (−y) at 45 degrees; the shadow falls to the left.
    double s = Math.sqrt(0.5);
    Lighting sunny = new Lighting(0, -s, s, 1, 1e6, 1);
    Placement post = SensorScenes.box(10, 0, 1, 0.6, 0.6, 2, Math.PI / 4, 1);
    Snapshot scene = new Snapshot(List.of(post), SensorScenes.ROAD, sunny);
    CameraView view = SensorScenes.level(3, 0, 400, 300, 300);
    Rendering picture = render(scene, view);
    int row = 150 + 90;
    // 1.2 m left of the post is in its shadow, 1.2 m right of it in the sun.
    assertThat(brightness(picture, 200 - 36, row))
        .isLessThan((int) (0.75 * brightness(picture, 200 + 36, row)));
    // Beyond the shadow's end at 2.3 m the ground is lit again.
    assertThat((double) brightness(picture, 200 - 80, row))
        .isCloseTo(brightness(picture, 200 + 80, row), within(70.0));
    int face = 150 + 45;
    assertThat(brightness(picture, 200 + 6, face))
        .isGreaterThan(brightness(picture, 200 - 6, face) + 60);
  }

  @Test
  void theGroundDarkensWhereABodyStands() {
    CameraView view = SensorScenes.level(3, 0, 400, 300, 300);
    Rendering picture = render(SensorScenes.of(SensorScenes.box(11, 0, 1, 2, 2, 2, 0, 1)), view);
    // The body's rear is 10 m away: its foot is seen at row 150 + 90.
    int close = 0;
    int away = 0;
    for (int column = 180; column < 220; column++) {
      close += brightness(picture, column, 150 + 91);
      away += brightness(picture, column, 150 + 120);
    }
    assertThat(close).isLessThan((int) (0.85 * away));
  }

  @Test
  void hazeTakesContrastWithDistance() {
    Material black = new Material(0, 0, 0, 0, 0.1, Material.Pattern.PLAIN);
    Mesh mesh = new MeshBuilder().box(0, 0, 0, 1, 1, 1, MeshBuilder.Faces.of(black)).fit(4, 4, 4);
    int last = -1;
    for (double x : new double[] {10, 40, 120, 300}) {
      Snapshot scene =
          new Snapshot(
              List.of(new Placement(mesh, Pose.ofYaw(x, 0, 2, 0), 0)),
              SensorScenes.ROAD,
              new Lighting(0, 0, 1, 0, 100, 1));
      Rendering picture = render(scene, SensorScenes.level(1.5, 0, 400, 300, 300));
      int value = brightness(picture, 200, 149);
      assertThat(value).as("at %s m", x).isGreaterThan(last + 20);
      last = value;
    }
  }

  @Test
  void farPaintFadesInsteadOfFlickering() {
    GroundMap stripes =
        (x, y) ->
            Math.floorMod((long) Math.floor(x / 0.5), 2L) == 0
                ? GroundKind.CROSSING_STRIPE
                : GroundKind.ROAD;
    Snapshot scene = new Snapshot(List.of(), stripes, SensorScenes.OVERCAST);
    Rendering picture = render(scene, SensorScenes.level(1.5, 0, 100, 300, 300));
    // Row 150 + 10 is 45 m away and 4 m deep: 4 periods in a pixel.
    int low = Integer.MAX_VALUE;
    int high = 0;
    for (int row = 150 + 8; row < 150 + 14; row++) {
      low = Math.min(low, brightness(picture, 50, row));
      high = Math.max(high, brightness(picture, 50, row));
    }
    int nearLow = Integer.MAX_VALUE;
    int nearHigh = 0;
    for (int row = 250; row < 300; row++) {
      nearLow = Math.min(nearLow, brightness(picture, 50, row));
      nearHigh = Math.max(nearHigh, brightness(picture, 50, row));
    }
    assertThat(high - low).isLessThan((nearHigh - nearLow) / 3);
    assertThat(nearHigh).isGreaterThan(2 * nearLow - 60);
  }

  @Test
  void exposureBrightensAndNoiseDependsOnTheSeed() {
    Snapshot scene = SensorScenes.street(3);
    CameraView view = SensorScenes.level();
    long dark = 0;
    long bright = 0;
    Rendering under = CameraRenderer.render(scene, view, 0.7, 1);
    Rendering over = CameraRenderer.render(scene, view, 1.3, 1);
    for (int i = 0; i < under.rgb().length; i++) {
      dark += under.rgb()[i] >> 8 & 0xff;
      bright += over.rgb()[i] >> 8 & 0xff;
    }
    assertThat(bright).isGreaterThan((long) (1.15 * dark));
    assertThat(over.depth()).isEqualTo(under.depth());
    Rendering otherNoise = CameraRenderer.render(scene, view, 0.7, 2);
    assertThat(otherNoise.rgb()).isNotEqualTo(under.rgb());
    for (int i = 0; i < under.rgb().length; i++) {
      assertThat(otherNoise.rgb()[i] & 0xff).isCloseTo(under.rgb()[i] & 0xff, within(14));
    }
  }

  @Test
  void picturesAreTheSameOnAnyMachineAndThread() {
    Snapshot street = SensorScenes.street(21);
    CameraView view = SensorScenes.level(1.5, 0.1, 320, 180, 250);
    Rendering first = render(street, view);
    List<Long> prints =
        IntStream.range(0, 8)
            .parallel()
            .mapToObj(i -> SensorScenes.fingerprint(render(street, view)))
            .toList();
    assertThat(prints).containsOnly(SensorScenes.fingerprint(first));
    assertThat(SensorScenes.fingerprint(first))
        .as("pixels computed on another machine; a change of the renderer changes this number")
        .isEqualTo(-694214516234L);
  }

  @Test
  void aCameraBelowTheGroundIsRefused() {
    CameraView view = SensorScenes.level(-0.1, 0, 10, 10, 10);
    assertThatThrownBy(() -> render(SensorScenes.of(), view))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("-0.1");
  }
}
