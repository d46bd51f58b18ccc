package dev.bevel.nuscenes;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.TableRecord.SampleData;
import dev.bevel.testing.TestData;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Boxes between key frames, and the visibility of those in them. */
class InterpolatedBoxTest {
  @TempDir Path root;

  private static final long SECOND_SAMPLE = 1_500_000_000_500_000L;

  /** The set with LIDAR_TOP-1 made a sweep at a time. */
  private NuScenes withSweepAt(long time) {
    TinyNuScenes tiny = new TinyNuScenes(root);
    for (Map<String, Object> record : tiny.table("sample_data")) {
      record.put("prev", "");
      record.put("next", "");
      if ("LIDAR_TOP-1".equals(record.get("token"))) {
        record.put("is_key_frame", false);
        record.put("timestamp", time);
      }
    }
    // The car turns through ±π between the first two key frames.
    List<Double> before = List.of(Math.cos(1.5), 0.0, 0.0, Math.sin(1.5));
    List<Double> after = List.of(-Math.cos(1.6), 0.0, 0.0, -Math.sin(1.6));
    for (Map<String, Object> record : tiny.table("sample_annotation")) {
      record.computeIfPresent(
          "rotation",
          (key, old) ->
              "car-0".equals(record.get("token"))
                  ? before
                  : "car-1".equals(record.get("token")) ? after : old);
    }
    tiny.table("sample_annotation").removeIf(r -> "person-0".equals(r.get("token")));
    tiny.table("sample_annotation").stream()
        .filter(r -> "person-1".equals(r.get("token")))
        .forEach(r -> r.put("prev", ""));
    tiny.table("instance").stream()
        .filter(r -> "instance-person".equals(r.get("token")))
        .forEach(r -> r.put("first_annotation_token", "person-1"));
    return NuScenes.load(tiny.write().root);
  }

  private static List<InterpolatedBox> boxes(NuScenes set, String data) {
    SampleData file = requireNonNull(set.tables().sampleData().get(data));
    return InterpolatedBox.of(set, file);
  }

  @Test
  void boxesStandBetweenTheKeyFrames() {
    NuScenes set = withSweepAt(SECOND_SAMPLE - 400_000);
    List<InterpolatedBox> boxes = boxes(set, "LIDAR_TOP-1");
    assertThat(boxes)
        .extracting(b -> b.annotation().token())
        .containsExactly("car-1", "dog-1", "person-1");
    Box3d car = boxes.getFirst().box();
    assertThat(car.x()).isCloseTo(115 + 4 * 0.1, within(1e-9));
    assertThat(car.y()).isCloseTo(58 - 2 * 0.1, within(1e-9));
    assertThat(car.yaw()).as("a fifth of 0.2 rad on, the short way").isCloseTo(3.04, within(1e-9));
    assertThat(car.vx()).isCloseTo(4, within(1e-6));
    assertThat(boxes.get(2).box().y())
        .as("not annotated before: stands where it is seen first")
        .isCloseTo(40.5, within(1e-9));
  }

  @Test
  void timesAreKeptWithinTheKeyFrames() {
    Box3d early = boxes(withSweepAt(SECOND_SAMPLE - 700_000), "LIDAR_TOP-1").getFirst().box();
    assertThat(early.x()).isCloseTo(115, within(1e-9));
    Box3d late = boxes(withSweepAt(SECOND_SAMPLE + 100_000), "LIDAR_TOP-1").getFirst().box();
    assertThat(late.x()).isCloseTo(117, within(1e-9));
  }

  @Test
  void keyFramesShowTheirAnnotations() {
    NuScenes set = withSweepAt(SECOND_SAMPLE - 400_000);
    assertThat(boxes(set, "CAM_BACK-1").getFirst().box().x()).isEqualTo(117);
    assertThat(boxes(set, "LIDAR_TOP-0")).hasSize(2);
  }

  @Test
  void visibilityIsOneOfFourBins() {
    TinyNuScenes tiny = new TinyNuScenes(root);
    NuScenes set = NuScenes.load(tiny.write().root);
    var car = set.annotations(set.sample("sample-1")).getFirst();
    assertThat(set.visibility(car)).contains(VisibilityLevel.V80_100);
    assertThat(set.visibility(set.annotations(set.sample("sample-0")).getFirst())).isEmpty();
    assertThat(VisibilityLevel.V40_60.level()).isEqualTo("v40-60");
    int from = 0;
    for (VisibilityLevel level : VisibilityLevel.values()) {
      assertThat(level.minPercent()).isEqualTo(from);
      from = level.maxPercent();
    }
    assertThat(from).isEqualTo(100);
    tiny.record("visibility", 0).put("level", "hidden");
    NuScenes odd = NuScenes.load(tiny.write().root);
    assertThatThrownBy(() -> odd.visibility(car))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("table visibility, record 4, field level")
        .hasMessageContaining("hidden");
  }

  @Test
  void realVisibilityReads() {
    NuScenes set = NuScenes.load(TestData.require("nuscenes-one-sample"));
    List<VisibilityLevel> known = new ArrayList<>();
    for (var annotation : set.annotations(set.samples().iterator().next())) {
      set.visibility(annotation).ifPresent(known::add);
    }
    assertThat(known).as("blank for 67 of 69").hasSize(2);
  }
}
