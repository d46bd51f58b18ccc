package dev.bevel.nuscenes.simulator.sensors;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.nuscenes.simulator.scene.CameraView;
import dev.bevel.nuscenes.simulator.scene.Lighting;
import dev.bevel.nuscenes.simulator.scene.Placement;
import dev.bevel.nuscenes.simulator.scene.Snapshot;
import java.util.List;
import org.junit.jupiter.api.Test;

class SunShadeTest {
  /** The sun stands at 45 degrees over −y. */
  private static final Lighting SUNNY = new Lighting(0, -Math.sqrt(0.5), Math.sqrt(0.5), 1, 1e6, 1);

  private static float share(Lighting light, Placement... bodies) {
    return new SunShade(new Snapshot(List.of(bodies), SensorScenes.ROAD, light)).share(0);
  }

  @Test
  void aBodyBehindAHouseIsInItsShade() {
    Placement car = SensorScenes.box(0, 0, 0.8, 1.8, 4, 1.6, 0, 1);
    Placement towardsSun = SensorScenes.box(0, -10, 10, 6, 20, 20, 0, Placement.SCENERY);
    Placement away = SensorScenes.box(0, 10, 10, 6, 20, 20, 0, Placement.SCENERY);
    Placement tooLow = SensorScenes.box(0, -10, 1.5, 6, 20, 3, 0, Placement.SCENERY);
    assertThat(share(SUNNY, car)).isEqualTo(1);
    assertThat(share(SUNNY, car, towardsSun)).isZero();
    assertThat(share(SUNNY, car, away)).isEqualTo(1);
    assertThat(share(SUNNY, car, tooLow)).isEqualTo(1);
    assertThat(share(SensorScenes.OVERCAST, car, towardsSun)).isEqualTo(1);
  }

  @Test
  void theEdgeOfAShadowLeavesAShare() {
    Placement car = SensorScenes.box(0, 0, 0.8, 1.8, 4, 1.6, 0, 1);
    // Shades only what lies behind x = 0.5.
    Placement half = SensorScenes.box(-9.5, -10, 10, 6, 20, 20, 0, Placement.SCENERY);
    assertThat(share(SUNNY, car, half)).isBetween(0.1f, 0.9f);
  }

  @Test
  void shadedBodiesAreDrawnDarker() {
    Placement car = SensorScenes.box(10, 0, 0.8, 1.8, 4, 1.6, 0, 1);
    Placement house = SensorScenes.box(10, -10, 10, 6, 20, 20, 0, Placement.SCENERY);
    CameraView view = SensorScenes.level(4, 0, 200, 120, 100);
    Rendering lit =
        CameraRenderer.render(new Snapshot(List.of(car), SensorScenes.ROAD, SUNNY), view, 1, 1);
    Rendering shaded =
        CameraRenderer.render(
            new Snapshot(List.of(car, house), SensorScenes.ROAD, SUNNY), view, 1, 1);
    // The roof, 10 m away and 2.4 m below the camera.
    int roof = (60 + 24) * 200 + 100;
    assertThat(lit.ids()[roof]).isEqualTo(1);
    assertThat(shaded.ids()[roof]).isEqualTo(1);
    assertThat(shaded.rgb()[roof] & 0xff).isLessThan((int) (0.8 * (lit.rgb()[roof] & 0xff)));
  }
}
