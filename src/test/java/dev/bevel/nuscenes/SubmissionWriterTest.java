package dev.bevel.nuscenes;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SubmissionWriterTest {
  @TempDir Path folder;

  @Test
  void boxesArriveInTheGlobalFrame() throws Exception {
    Path file = folder.resolve("out/results_nusc.json");
    Pose egoToGlobal = Pose.ofYaw(100, 50, 0, Math.PI / 2);
    Locale before = Locale.getDefault();
    Locale.setDefault(Locale.GERMANY);
    try (SubmissionWriter writer = new SubmissionWriter(file, SubmissionWriter.Meta.CAMERA)) {
      writer.write(
          "sample-a",
          egoToGlobal,
          List.of(
              new Detection(
                  Box3d.upright(1, 2, 3, 0.6, 0.8, 1.7, 0, Double.NaN, Double.NaN),
                  DetectionClass.PEDESTRIAN,
                  0.25),
              new Detection(
                  Box3d.upright(10, 0, 1, 1.9, 4.6, 1.7, 0.5, 3, 0), DetectionClass.CAR, 0.75)));
      writer.write("sample-b", egoToGlobal, List.of());
      assertThat(file).as("before finish").doesNotExist();
      writer.finish();
    } finally {
      Locale.setDefault(before);
    }
    Map<?, ?> root = JsonFile.read(file);
    assertThat(root.get("meta"))
        .isEqualTo(
            Map.of(
                "use_camera",
                true,
                "use_lidar",
                false,
                "use_radar",
                false,
                "use_map",
                false,
                "use_external",
                false));
    Map<?, ?> results = JsonFile.object(root.get("results"));
    assertThat(results.keySet().stream().map(Object::toString))
        .containsExactly("sample-a", "sample-b");
    assertThat(JsonFile.list(results.get("sample-b"))).isEmpty();
    List<?> boxes = JsonFile.list(results.get("sample-a"));
    Map<?, ?> car = JsonFile.object(boxes.getFirst());
    assertThat(car.get("sample_token")).isEqualTo("sample-a");
    assertThat(car.get("detection_name")).isEqualTo("car");
    assertThat(car.get("attribute_name")).isEqualTo("vehicle.moving");
    assertThat(car.get("detection_score")).isEqualTo(0.75);
    assertNumbers(car.get("translation"), 100, 60, 1);
    assertNumbers(car.get("size"), 1.9, 4.6, 1.7);
    double half = (Math.PI / 2 + 0.5) / 2;
    assertNumbers(car.get("rotation"), Math.cos(half), 0, 0, Math.sin(half));
    assertNumbers(car.get("velocity"), 0, 3);
    Map<?, ?> person = JsonFile.object(boxes.get(1));
    assertThat(JsonFile.list(person.get("velocity"))).allMatch(v -> Double.isNaN((Double) v));
    assertThat(person.get("attribute_name")).isEqualTo("pedestrian.standing");
    assertThat(Files.readString(file)).contains("\"velocity\":[NaN,NaN]");
    try (Stream<Path> files = Files.list(folder.resolve("out"))) {
      assertThat(files).containsExactly(file);
    }
  }

  private static void assertNumbers(@Nullable Object values, double... expected) {
    List<?> numbers = JsonFile.list(values);
    assertThat(numbers).hasSize(expected.length);
    for (int i = 0; i < expected.length; i++) {
      assertThat((Double) numbers.get(i)).isCloseTo(expected[i], within(1e-12));
    }
  }

  @Test
  void theBestFiveHundredAreWritten() throws Exception {
    Path file = folder.resolve("results.json");
    List<Detection> many = new ArrayList<>();
    for (int i = 0; i < 700; i++) {
      many.add(
          new Detection(
              Box3d.upright(i, 0, 0, 1, 1, 1, 0, 0, 0),
              DetectionClass.BARRIER,
              (i * 37 % 700) / 700.0));
    }
    try (SubmissionWriter writer = new SubmissionWriter(file, SubmissionWriter.Meta.CAMERA)) {
      writer.write("s", Pose.IDENTITY, many);
      writer.finish();
    }
    List<?> boxes = JsonFile.list(JsonFile.object(JsonFile.read(file).get("results")).get("s"));
    assertThat(
            boxes.stream()
                .map(b -> (Double) requireNonNull(JsonFile.object(b).get("detection_score")))
                .toList())
        .hasSize(500)
        .isSortedAccordingTo(java.util.Comparator.reverseOrder())
        .allMatch(score -> score >= 200 / 700.0);
  }

  @Test
  void nothingIsLeftWithoutFinish() throws Exception {
    Path file = Files.writeString(folder.resolve("results.json"), "old");
    try (SubmissionWriter writer = new SubmissionWriter(file, SubmissionWriter.Meta.CAMERA)) {
      writer.write("s", Pose.IDENTITY, List.of());
      assertThatThrownBy(() -> writer.write("s", Pose.IDENTITY, List.of()))
          .hasMessageContaining("twice");
    }
    assertThat(file).hasContent("old");
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(file);
    }
  }

  @Test
  void failedWritesLeaveTheOldFile() throws Exception {
    Path file = Files.writeString(folder.resolve("x.bin"), "old");
    assertThatThrownBy(
            () ->
                AtomicFile.write(
                    file,
                    out -> {
                      out.write(new byte[100_000]);
                      throw new IOException("disk gone");
                    }))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("x.bin")
        .hasMessageContaining("disk gone");
    assertThat(file).hasContent("old");
    AtomicFile.write(file, out -> out.write('n'));
    assertThat(file).hasContent("n");
    assertThatThrownBy(() -> AtomicFile.write(folder, out -> out.write(1)))
        .isInstanceOf(NuScenesException.class);
    Path notAFolder = Files.writeString(folder.resolve("file"), "");
    assertThatThrownBy(() -> AtomicFile.write(notAFolder.resolve("y"), out -> out.write(1)))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("cannot be written");
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactlyInAnyOrder(file, notAFolder);
    }
  }

  @Test
  void badDetectionsAreRefused() {
    Box3d box = Box3d.upright(0, 0, 0, 1, 1, 1, 0, 0, 0);
    assertThatThrownBy(() -> new Detection(box, DetectionClass.CAR, Double.NaN))
        .hasMessageContaining("score");
    assertThatThrownBy(() -> Box3d.upright(0, 0, 0, 1, -1, 1, 0, 0, 0))
        .hasMessageContaining("positive");
    assertThatThrownBy(() -> Box3d.upright(0, 0, 0, 1, 1, 1, 0, Double.POSITIVE_INFINITY, 0))
        .hasMessageContaining("velocity");
    assertThatThrownBy(() -> Box3d.upright(Double.NaN, 0, 0, 1, 1, 1, 0, 0, 0))
        .isInstanceOf(NuScenesException.class);
  }
}
