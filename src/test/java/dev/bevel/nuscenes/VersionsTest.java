package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.nuscenes.TableRecord.CalibratedSensor;
import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.TableRecord.Scene;
import dev.bevel.nuscenes.evaluation.EvaluationSet;
import dev.bevel.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The three versions of the data set, and their splits. */
class VersionsTest {
  @TempDir Path root;

  private Path as(String version, TinyNuScenes tiny) throws IOException {
    tiny.write();
    return Files.move(root.resolve(TinyNuScenes.VERSION), root.resolve(version));
  }

  @ParameterizedTest
  @CsvSource({"v1.0-mini,mini_val", "v1.0-trainval,val", "v1.0-test,test"})
  void eachVersionHasItsSplits(String version, String split) throws IOException {
    as(version, new TinyNuScenes(root));
    NuScenes set = NuScenes.load(root);
    assertThat(set.version()).isEqualTo(version);
    assertThat(set.samples()).hasSize(3);
    assertThat(Splits.scenes(set, split)).isNotEmpty();
    String other = split.equals("val") ? "test" : "val";
    assertThatThrownBy(() -> Splits.scenes(set, other))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("needs a version that ends in");
  }

  @Test
  void officialSplitsHaveTheirSizes() throws IOException {
    as("v1.0-trainval", new TinyNuScenes(root));
    NuScenes set = NuScenes.load(root);
    Map<String, Integer> sizes = new HashMap<>();
    for (String split : List.of("train", "val", "train_detect", "train_track")) {
      sizes.put(split, Splits.scenes(set, split).size());
    }
    assertThat(sizes)
        .isEqualTo(Map.of("train", 700, "val", 150, "train_detect", 350, "train_track", 350));
    assertThat(Splits.scenes(set, "val")).contains("scene-0103", "scene-0916");
    assertThat(Splits.scenes(set, "train"))
        .doesNotContainAnyElementsOf(Splits.scenes(set, "val"))
        .contains("scene-0061");
  }

  /** The test version: tables of annotations and instances are there, and empty. */
  @Test
  void testVersionHasNoAnnotations() throws IOException {
    TinyNuScenes tiny = new TinyNuScenes(root);
    tiny.table("sample_annotation").clear();
    tiny.table("instance").clear();
    as("v1.0-test", tiny);
    NuScenes set = NuScenes.load(root, "v1.0-test");
    assertThat(set.tables().annotations()).isEmpty();
    assertThat(set.tables().instances()).isEmpty();
    assertThat(set.tables().attributes()).isNotEmpty();
    assertThat(set.tables().visibilities()).isNotEmpty();
    Sample sample = set.sample("sample-1");
    assertThat(set.annotations(sample)).isEmpty();
    DetectionSample detection = DetectionSample.of(set, sample);
    assertThat(detection.boxes()).isEmpty();
    assertThat(detection.cameras()).hasSize(6);
    EvaluationSet truth = EvaluationSet.of(set, List.of("scene-0001"));
    assertThat(truth.samples()).isEqualTo(3);
    assertThat(truth.truth()).isEmpty();
  }

  /**
   * Nine of the thirteen real v1.0-mini tables, byte for byte, with the other four empty (as {@code
   * sample_annotation} and {@code instance} are in v1.0-test).
   */
  @Test
  void realTablesLoad() throws IOException {
    Path exact = TestData.require("nuscenes-v1.0-mini-exact-tables");
    Path folder = Files.createDirectories(root.resolve("v1.0-mini"));
    for (String table :
        List.of(
            "attribute",
            "calibrated_sensor",
            "category",
            "log",
            "map",
            "sample",
            "scene",
            "sensor",
            "visibility")) {
      Files.createSymbolicLink(
          folder.resolve(table + ".json"), exact.resolve(table + ".json").toAbsolutePath());
    }
    for (String table : List.of("sample_data", "ego_pose", "instance", "sample_annotation")) {
      Files.writeString(folder.resolve(table + ".json"), "[]");
    }
    NuScenes set = NuScenes.load(root);
    assertThat(set.scenes()).hasSize(10);
    assertThat(set.samples()).hasSize(404);
    assertThat(set.scenes().stream().mapToInt(Scene::sampleCount).sum()).isEqualTo(404);
    assertThat(set.tables().categories()).hasSize(23);
    assertThat(set.tables().attributes()).hasSize(8);
    assertThat(set.tables().sensors()).hasSize(12);
    assertThat(set.tables().sensors().values().stream().map(TableRecord.Sensor::channel))
        .containsAll(RadarPoints.CHANNELS)
        .containsAll(DetectionSample.CAMERA_ORDER);
    assertThat(set.tables().visibilities().values().stream().map(VisibilityLevel::of))
        .containsExactlyInAnyOrder(VisibilityLevel.values());
    assertThat(set.tables().calibratedSensors().values().stream().map(CalibratedSensor::intrinsics))
        .filteredOn(Optional::isPresent)
        .hasSize(60);
    for (Scene scene : set.scenes()) {
      Sample sample = set.sample(scene.firstSampleToken());
      int samples = 1;
      while (!sample.next().isEmpty()) {
        Sample next = set.sample(sample.next());
        assertThat(next.timestamp() - sample.timestamp()).isBetween(300_000L, 800_000L);
        assertThat(next.sceneToken()).isEqualTo(scene.token());
        sample = next;
        samples++;
      }
      assertThat(sample.token()).isEqualTo(scene.lastSampleToken());
      assertThat(samples).isEqualTo(scene.sampleCount());
    }
  }
}
