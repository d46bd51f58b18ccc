package dev.bevel.nuscenes.simulator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.simulator.Timeline.Shot;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;

final class TimelineTest {
  private static final int SAMPLES = 6;

  private static List<Shot> of(Timeline timeline, String channel) {
    return timeline.shots().stream().filter(shot -> shot.channel().equals(channel)).toList();
  }

  @Test
  void theLidarTurnsTwentyTimesASecondAndTenTurnsMakeAKeyFrame() {
    Timeline timeline = Timeline.of(0, SAMPLES, 9, 0, 5);
    List<Shot> sweeps = of(timeline, SensorRig.LIDAR);
    assertThat(sweeps).hasSize((SAMPLES - 1) * 10 + 1);
    for (int i = 0; i < sweeps.size(); i++) {
      assertThat(sweeps.get(i).keyFrame()).isEqualTo(i % 10 == 0);
      assertThat(sweeps.get(i).sample()).isEqualTo((i + 9) / 10);
      if (i > 0) {
        assertThat(sweeps.get(i).timestamp() - sweeps.get(i - 1).timestamp())
            .isCloseTo(50_000L, within(1300L));
      }
    }
  }

  @Test
  void camerasFireWhileTheBeamPassesThem() {
    Timeline timeline = Timeline.of(0, SAMPLES, 0, 5, 5);
    List<Shot> keys = of(timeline, SensorRig.LIDAR);
    for (String camera : SensorRig.CAMERAS) {
      List<Shot> shots = of(timeline, camera);
      assertThat(shots).hasSize((SAMPLES - 1) * 6 + 1);
      for (int i = 0; i < shots.size(); i++) {
        Shot shot = shots.get(i);
        long key = keys.get(shot.sample()).timestamp();
        assertThat(shot.timestamp()).isLessThan(key);
        if (shot.keyFrame()) {
          assertThat(key - shot.timestamp())
              .isCloseTo(SensorRig.delay(camera), within(1000L))
              .isLessThan(50_000);
        } else {
          assertThat(shot.timestamp()).isGreaterThan(keys.get(shot.sample() - 1).timestamp());
        }
        if (i > 0) {
          assertThat(shot.timestamp() - shots.get(i - 1).timestamp()).isBetween(47_000L, 103_000L);
        }
      }
    }
  }

  @Test
  void fewerSweepsAreTheNearestToTheirKeyFrame() {
    Timeline all = Timeline.of(0, SAMPLES, 9, 5, 5);
    Timeline few = Timeline.of(0, SAMPLES, 2, 1, 5);
    assertThat(of(few, SensorRig.LIDAR))
        .isSubsetOf(of(all, SensorRig.LIDAR))
        .hasSize((SAMPLES - 1) * 3 + 1)
        .filteredOn(shot -> shot.sample() == 2)
        .isEqualTo(
            of(all, SensorRig.LIDAR).stream().filter(shot -> shot.sample() == 2).skip(7).toList());
  }

  @Test
  void filesAreNamedAsInTheRealData() {
    Locale before = Locale.getDefault();
    Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab")); // has digits of its own
    try {
      filesAreNamedAsInTheRealData(Timeline.of(1, SAMPLES, 1, 0, 5));
    } finally {
      Locale.setDefault(before);
    }
  }

  private static void filesAreNamedAsInTheRealData(Timeline timeline) {
    assertThat(timeline.file(of(timeline, "CAM_BACK").getFirst()))
        .matches(
            "samples/CAM_BACK/n900-2025-01-01-10-00-00\\+0000__CAM_BACK__17357255\\d{8}\\.jpg");
    assertThat(timeline.file(of(timeline, SensorRig.LIDAR).get(1)))
        .matches(
            "sweeps/LIDAR_TOP/n900-2025-01-01-10-00-00\\+0000__LIDAR_TOP__17357256\\d{8}\\.pcd\\.bin");
  }
}
