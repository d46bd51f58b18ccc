package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.testing.TestData;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Velocities of real boxes. */
class RealVelocityTest {
  /**
   * Every velocity of mini_val by central differences once more, from the JSON files themselves and
   * in another way: along each instance's track, ordered by time. The devkit turns the times to
   * seconds before it takes their difference, which costs a millionth of the velocity.
   */
  @Test
  void velocitiesAreTheTablesCentralDifferences() throws IOException {
    Path folder = TestData.require("nuscenes-mini-val");
    NuScenes set = NuScenes.load(folder);
    Map<String, Long> times = new HashMap<>();
    for (Map<?, ?> sample : records(folder, "sample")) {
      times.put(text(sample, "token"), Math.round(number(sample.get("timestamp"))));
    }
    Map<String, List<Map<?, ?>>> tracks = new HashMap<>();
    for (Map<?, ?> annotation : records(folder, "sample_annotation")) {
      tracks
          .computeIfAbsent(text(annotation, "instance_token"), k -> new ArrayList<>())
          .add(annotation);
    }
    assertThat(tracks).hasSize(218);
    int known = 0;
    int unknown = 0;
    for (List<Map<?, ?>> track : tracks.values()) {
      track.sort(Comparator.comparingLong(a -> time(times, a)));
      for (int i = 0; i < track.size(); i++) {
        Map<?, ?> first = track.get(Math.max(0, i - 1));
        Map<?, ?> last = track.get(Math.min(track.size() - 1, i + 1));
        double seconds = (time(times, last) - time(times, first)) / 1e6;
        boolean central = i > 0 && i < track.size() - 1;
        String token = text(track.get(i), "token");
        double[] velocity =
            set.velocity(Objects.requireNonNull(set.tables().annotations().get(token)));
        if (track.size() == 1 || seconds > (central ? 3 : 1.5)) {
          assertThat(velocity).as(token).containsOnly(Double.NaN);
          unknown++;
        } else {
          double[] a = JsonFile.numbers(first.get("translation"));
          double[] b = JsonFile.numbers(last.get("translation"));
          for (int axis = 0; axis < 3; axis++) {
            assertThat(velocity[axis])
                .as(token)
                .isCloseTo((b[axis] - a[axis]) / seconds, within(5e-6));
          }
          known++;
        }
      }
    }
    System.out.printf(
        Locale.ROOT, "mini_val: %d velocities, %d boxes without one%n", known, unknown);
    assertThat(known + unknown).isEqualTo(4514);
    assertThat(unknown).isPositive();
  }

  /**
   * What one sample cannot give, {@code facts.json} gives: velocities that mmdetection3d has from
   * the whole data set, in two frames. Turning one into the other as boxes are turned agrees.
   */
  @Test
  void publishedVelocitiesTurnWithTheirBoxes() throws IOException {
    NuScenes set = NuScenes.load(TestData.require("nuscenes-one-sample"));
    DetectionSample sample = DetectionSample.of(set, set.samples().iterator().next());
    Map<String, Map<?, ?>> facts = new HashMap<>();
    Path file = TestData.require("nuscenes-one-sample/facts.json");
    for (Object annotation : JsonFile.list(JsonFile.read(file).get("annotations"))) {
      Map<?, ?> fact = JsonFile.object(annotation);
      facts.put(text(fact, "annotation_token"), fact);
    }
    Pose egoToLidar = sample.lidarToEgo().inverse();
    int moving = 0;
    for (GroundTruthBox truth : sample.boxes()) {
      Map<?, ?> fact = Objects.requireNonNull(facts.get(truth.annotationToken()));
      double[] global = JsonFile.numbers(fact.get("velocity_global_xy"));
      double[] lidar = JsonFile.numbers(fact.get("velocity_lidar_xy"));
      if (Double.isNaN(global[0])) {
        assertThat(lidar[0]).isNaN();
        continue;
      }
      Box3d box =
          truth
              .box()
              .transformed(egoToLidar)
              .withVelocity(lidar[0], lidar[1], 0)
              .transformed(sample.lidarToGlobal());
      assertThat(box.vx()).as(truth.annotationToken()).isCloseTo(global[0], within(1e-6));
      assertThat(box.vy()).as(truth.annotationToken()).isCloseTo(global[1], within(1e-6));
      moving += box.speed() > 0.5 ? 1 : 0;
    }
    assertThat(moving).isGreaterThan(5);
    assertThat(facts).hasSize(69);
  }

  private static List<Map<?, ?>> records(Path folder, String table) throws IOException {
    return JsonFile.list(JsonFile.readValue(folder.resolve("v1.0-mini/" + table + ".json")))
        .stream()
        .<Map<?, ?>>map(JsonFile::object)
        .toList();
  }

  private static String text(Map<?, ?> record, String field) {
    return (String) Objects.requireNonNull(record.get(field));
  }

  private static double number(@Nullable Object value) {
    return (Double) Objects.requireNonNull(value);
  }

  private static long time(Map<String, Long> times, Map<?, ?> annotation) {
    return Objects.requireNonNull(times.get(text(annotation, "sample_token")));
  }
}
