package dev.bevel.nuscenes.simulator.sensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.simulator.models.ObjectModels;
import dev.bevel.nuscenes.simulator.scene.CameraView;
import dev.bevel.nuscenes.simulator.scene.Mesh;
import dev.bevel.nuscenes.simulator.scene.Placement;
import dev.bevel.nuscenes.simulator.scene.Snapshot;
import java.util.List;
import org.junit.jupiter.api.Test;

class VisibilityMeterTest {
  private static double visible(Placement body, Snapshot scene, CameraView... views) {
    List<Rendering> pictures =
        List.of(views).stream().map(view -> CameraRenderer.render(scene, view, 1, 1)).toList();
    return VisibilityMeter.visibleFractions(List.of(body), pictures, List.of(views))[0];
  }

  private static CameraView ahead() {
    return SensorScenes.level(1.5, 0, 400, 225, 300);
  }

  @Test
  void anUnobstructedBodyIsWhollyVisible() {
    for (double x : new double[] {6, 15, 40, 60}) {
      for (double yaw : new double[] {0, 0.6, 1.5, 3}) {
        Placement box = SensorScenes.box(x, 0.3, 0.8, 1.9, 3, 1.6, yaw, 1);
        assertThat(visible(box, SensorScenes.of(box), ahead()))
            .as("at %s m, yaw %s", x, yaw)
            .isBetween(0.95, 1.0);
      }
    }
  }

  @Test
  void modelsThatHideTheirOwnPartsAreWhollyVisible() {
    Mesh mesh = ObjectModels.object("vehicle.bicycle", 0.6, 1.7, 1.7, true, 4);
    Placement bicycle = new Placement(mesh, dev.bevel.nuscenes.Pose.ofYaw(9, 0, 0.85, 1), 1);
    assertThat(visible(bicycle, SensorScenes.of(bicycle), ahead())).isGreaterThan(0.93);
  }

  @Test
  void whatIsHiddenIsMissing() {
    Placement body = SensorScenes.box(16, 0, 1, 4, 1, 2, 0, 1);
    // A wall at half the distance hides all that lies left of the axis.
    Placement wall = SensorScenes.box(8, 2, 2, 4, 0.2, 4, 0, Placement.SCENERY);
    assertThat(visible(body, SensorScenes.of(body, wall), ahead())).isCloseTo(0.5, within(0.05));
    Placement wide = SensorScenes.box(8, 0, 2, 8, 0.2, 4, 0, Placement.SCENERY);
    assertThat(visible(body, SensorScenes.of(body, wide), ahead())).isZero();
  }

  @Test
  void whatLeavesThePictureIsMissingUnlessAnotherCameraSeesIt() {
    // The picture's left edge lies at y = x · 200 / 300; the body is centred on it.
    Placement body = SensorScenes.box(12, 8, 1, 2, 1, 2, Math.atan2(8, 12), 1);
    Snapshot scene = SensorScenes.of(body);
    CameraView left = SensorScenes.level(1.5, 1.1, 400, 225, 300);
    CameraView back = SensorScenes.level(1.5, Math.PI, 400, 225, 300);
    assertThat(visible(body, scene, ahead())).isCloseTo(0.5, within(0.08));
    assertThat(visible(body, scene, back, left, ahead())).isGreaterThan(0.97);
    assertThat(visible(body, scene, back)).isZero();
  }

  @Test
  void picturesAndViewsMustBeAsMany() {
    Placement body = SensorScenes.box(16, 0, 1, 4, 1, 2, 0, 1);
    assertThatThrownBy(
            () -> VisibilityMeter.visibleFractions(List.of(body), List.of(), List.of(ahead())))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("0 pictures and 1 views");
  }
}
