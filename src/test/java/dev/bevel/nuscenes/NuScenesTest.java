package dev.bevel.nuscenes;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.TableRecord.SampleAnnotation;
import dev.bevel.testing.TestData;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class NuScenesTest {
  @TempDir Path root;

  @Test
  void tablesAreLinked() {
    NuScenes set = NuScenes.load(new TinyNuScenes(root).write().root);
    assertThat(set.version()).isEqualTo(TinyNuScenes.VERSION);
    assertThat(set.samples())
        .extracting(Sample::token)
        .containsExactly("sample-0", "sample-1", "sample-2");
    Sample sample = set.sample("sample-1");
    assertThat(set.scene(sample).name()).isEqualTo("scene-0001");
    assertThat(set.keyFrames(sample).keySet())
        .containsExactly(
            "LIDAR_TOP",
            "CAM_FRONT_LEFT",
            "CAM_FRONT",
            "CAM_FRONT_RIGHT",
            "CAM_BACK_LEFT",
            "CAM_BACK",
            "CAM_BACK_RIGHT");
    assertThat(set.channel(set.keyFrame(sample, "CAM_BACK"))).isEqualTo("CAM_BACK");
    assertThat(set.annotations(sample))
        .extracting(SampleAnnotation::token)
        .containsExactly("car-1", "dog-1", "person-1");
    assertThat(set.annotations(sample).stream().map(set::detectionClass))
        .containsExactly(
            java.util.Optional.of(DetectionClass.CAR),
            java.util.Optional.empty(),
            java.util.Optional.of(DetectionClass.PEDESTRIAN));
    assertThat(set.attributeNames(set.annotations(sample).getFirst()))
        .containsExactly("vehicle.moving");
    assertThatThrownBy(() -> set.sample("nowhere"))
        .hasMessageContaining("nowhere")
        .hasMessageContaining("sample");
    assertThatThrownBy(() -> set.keyFrame(sample, "CAM_TOP"))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("CAM_TOP")
        .hasMessageContaining("sample-1");
  }

  @Test
  void velocityIsTheCentralDifference() {
    NuScenes set = NuScenes.load(new TinyNuScenes(root).write().root);
    for (String token : List.of("car-0", "car-1", "car-2")) {
      double[] v = set.velocity(annotation(set, token));
      for (int i = 0; i < 3; i++) {
        assertThat(v[i]).isCloseTo(TinyNuScenes.CAR_VELOCITY[i], within(1e-6));
      }
    }
  }

  @Test
  void velocityIsUnknownAcrossLongGapsAndAlone() {
    TinyNuScenes tiny = new TinyNuScenes(root);
    tiny.record("sample", 2).put("timestamp", 1_500_000_000_000_000L + 2_200_000L);
    tiny.record("sample_annotation", 6).put("next", ""); // trimmed: person-1 still links back
    NuScenes set = NuScenes.load(tiny.write().root);
    assertThat(set.velocity(annotation(set, "car-2")))
        .as("1.7 s to one neighbour")
        .containsOnly(Double.NaN);
    assertThat(set.velocity(annotation(set, "car-1"))[0])
        .as("2.2 s between two neighbours")
        .isCloseTo(4 / 2.2, within(1e-6));
    assertThat(set.velocity(annotation(set, "person-0")))
        .as("no neighbour")
        .containsOnly(Double.NaN);
    assertThat(set.globalBox(annotation(set, "person-0")).speed()).isNaN();
  }

  private static SampleAnnotation annotation(NuScenes set, String token) {
    return requireNonNull(set.tables().annotations().get(token));
  }

  static Stream<Arguments> everyField() {
    List<Arguments> fields = new ArrayList<>();
    new TinyNuScenes(Path.of("unused"))
        .tables.forEach(
            (table, records) ->
                records.getFirst().keySet().forEach(f -> fields.add(Arguments.of(table, f))));
    return fields.stream();
  }

  @ParameterizedTest
  @MethodSource("everyField")
  void missingAndMistypedFieldsAreNamed(String table, String field) {
    for (boolean remove : new boolean[] {true, false}) {
      TinyNuScenes tiny = new TinyNuScenes(root);
      Map<String, Object> record = tiny.record(table, 0);
      String token = (String) record.get("token");
      if (remove) {
        record.remove(field);
      } else {
        record.put(field, Map.of("not", "expected"));
      }
      tiny.write();
      assertThatThrownBy(() -> NuScenes.load(root))
          .isInstanceOf(NuScenesException.class)
          .hasMessageContaining(table + ".json")
          .hasMessageContaining("field " + field)
          .hasMessageContaining(field.equals("token") ? "number 0" : token)
          .hasMessageContaining(remove ? "is missing" : "got an object");
    }
  }

  @Test
  void fieldsThatNoTableHasAreReadOverUpToALimit() {
    TinyNuScenes tiny = new TinyNuScenes(root);
    Map<String, Object> record = tiny.record("sensor", 1);
    record.put("matrix", List.of(List.of(1, 2, 3, 4, 5), "x", List.of()));
    record.put("nested", Map.of("deep", Map.of("deeper", List.of(1))));
    record.put("long", "x".repeat(5000));
    assertThat(NuScenes.load(tiny.write().root).tables().sensors()).hasSize(7);
    for (int i = 0; i < 100; i++) {
      record.put("extra" + i, i);
    }
    tiny.write();
    assertThatThrownBy(() -> NuScenes.load(root))
        .hasMessageContaining("sensor.json")
        .hasMessageContaining("a record may have 64");
  }

  @Test
  void aFieldThatAppearsTwiceIsRefused() throws Exception {
    Path file = new TinyNuScenes(root).write().root.resolve("v1.0-mini/attribute.json");
    Files.writeString(
        file, Files.readString(file).replace("\"name\":", "\"name\":\"other\",\"name\":"));
    assertThatThrownBy(() -> NuScenes.load(root))
        .hasMessageContaining(
            "attribute.json, record \"attribute-moving\" (number 0), field name appears twice");
  }

  static Stream<Arguments> everyLink() {
    return everyField()
        .filter(a -> !a.get()[0].equals("map"))
        .filter(a -> a.get()[1].toString().matches(".+_tokens?|prev|next"));
  }

  @ParameterizedTest
  @MethodSource("everyLink")
  void danglingLinksAreNamed(String table, String field) {
    TinyNuScenes tiny = new TinyNuScenes(root);
    Map<String, Object> record = tiny.record(table, 0);
    record.put(field, field.endsWith("s") ? List.of("dangling") : "dangling");
    tiny.write();
    assertThatThrownBy(() -> NuScenes.load(root))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("table " + table)
        .hasMessageContaining((String) record.get("token"))
        .hasMessageContaining("field " + field)
        .hasMessageContaining("no record dangling in table");
  }

  static Stream<Arguments> badValues() {
    return Stream.of(
        Arguments.of("sample_annotation", "size", List.of(1.0, 0.0, 2.0), "above 0"),
        Arguments.of("sample_annotation", "size", List.of(1.0, 2.0), "3 finite numbers"),
        Arguments.of(
            "sample_annotation", "translation", List.of(1.0, "x", 2.0), "3 finite numbers"),
        Arguments.of("sample_annotation", "rotation", List.of(0, 0, 0, 0), "quaternion"),
        Arguments.of(
            "sample_annotation", "translation", List.of(1.0, -1e300, 2.0), "metres within ±1e9"),
        Arguments.of("ego_pose", "translation", List.of(2e9, 0, 0), "metres within ±1e9"),
        Arguments.of(
            "sample_annotation", "num_lidar_pts", -1, "a whole number from 0 to 2147483647"),
        Arguments.of("sample_annotation", "num_lidar_pts", 1.5, "a whole number"),
        Arguments.of("sample_annotation", "attribute_tokens", List.of(7), "tokens"),
        Arguments.of("sample_data", "width", 1L << 40, "a whole number from 0 to 2147483647"),
        Arguments.of("sample_data", "is_key_frame", 1, "true or false"),
        Arguments.of("sample_data", "ego_pose_token", "", "must be a token"),
        Arguments.of("sample", "timestamp", -5, "microseconds"),
        Arguments.of("calibrated_sensor", "camera_intrinsic", List.of(List.of(1.0)), "3×3"),
        Arguments.of(
            "calibrated_sensor",
            "camera_intrinsic",
            List.of(List.of(-1.0, 0.0, 5.0), List.of(0.0, 1.0, 5.0), List.of(0, 0, 1)),
            "fx and fy at least 0.001"));
  }

  @ParameterizedTest
  @MethodSource("badValues")
  void badValuesAreNamed(String table, String field, Object value, String problem) {
    TinyNuScenes tiny = new TinyNuScenes(root);
    tiny.record(table, 1).put(field, value);
    tiny.write();
    assertThatThrownBy(() -> NuScenes.load(root))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining(table + ".json")
        .hasMessageContaining("field " + field)
        .hasMessageContaining(problem);
  }

  @Test
  void doubledRecordsAndKeyFramesAreRefused() {
    TinyNuScenes tiny = new TinyNuScenes(root);
    tiny.table("category").add(tiny.record("category", 0));
    tiny.write();
    assertThatThrownBy(() -> NuScenes.load(root))
        .hasMessageContaining("two records")
        .hasMessageContaining("category.json");
    tiny.table("category").removeLast();
    Map<String, Object> twin = new LinkedHashMap<>(tiny.record("sample_data", 5));
    assertThat(twin).containsEntry("token", "CAM_BACK-0");
    twin.putAll(Map.of("token", "twin", "prev", "", "next", ""));
    tiny.table("sample_data").add(twin);
    tiny.write();
    assertThatThrownBy(() -> NuScenes.load(root))
        .hasMessageContaining("both key frames of CAM_BACK");
  }

  @Test
  void fileNamesCannotLeaveTheDataFolder() {
    for (String name :
        List.of("../secret.jpg", "/etc/passwd", "samples/../../x", "", "bad\0name")) {
      TinyNuScenes tiny = new TinyNuScenes(root);
      tiny.record("sample_data", 0).put("filename", name);
      NuScenes set = NuScenes.load(tiny.write().root);
      assertThatThrownBy(() -> set.path(set.keyFrame(set.sample("sample-0"), "LIDAR_TOP")))
          .isInstanceOf(NuScenesException.class)
          .hasMessageContaining("field filename");
    }
  }

  @Test
  void versionIsFoundOrTheChoiceIsNamed() throws Exception {
    assertThatThrownBy(() -> NuScenes.load(root))
        .hasMessageContaining("no table folder")
        .hasMessageContaining(root.toString());
    assertThatThrownBy(() -> NuScenes.load(root.resolve("absent")))
        .hasMessageContaining("absent does not exist");
    new TinyNuScenes(root).write();
    assertThat(NuScenes.findVersion(root)).isEqualTo("v1.0-mini");
    Files.createDirectory(root.resolve("v1.0-test"));
    assertThatThrownBy(() -> NuScenes.load(root)).hasMessageContaining("[v1.0-mini, v1.0-test]");
    assertThatCode(() -> NuScenes.load(root, "v1.0-mini")).doesNotThrowAnyException();
    assertThatThrownBy(() -> NuScenes.load(root, "v1.0-trainval"))
        .hasMessageContaining("v1.0-trainval does not exist");
    Files.delete(root.resolve("v1.0-mini/log.json"));
    assertThatThrownBy(() -> NuScenes.load(root, "v1.0-mini"))
        .hasMessageContaining("log.json does not exist");
  }

  /**
   * Any damage to a table file ends in a loaded set or in one clear sentence, and truncation never
   * loads.
   */
  @Test
  void damagedTablesGiveClearErrors() throws Exception {
    long seed = 4711;
    Random random = new Random(seed);
    TinyNuScenes tiny = new TinyNuScenes(root).write();
    List<String> tables = new ArrayList<>(tiny.tables.keySet());
    for (int trial = 0; trial < 600; trial++) {
      Path file =
          root.resolve(TinyNuScenes.VERSION)
              .resolve(tables.get(random.nextInt(tables.size())) + ".json");
      byte[] good = Files.readAllBytes(file);
      boolean truncate = random.nextBoolean();
      byte[] bad =
          truncate ? java.util.Arrays.copyOf(good, random.nextInt(good.length)) : good.clone();
      for (int i = 0; !truncate && i < 1 + trial % 3; i++) {
        bad[random.nextInt(bad.length)] = (byte) random.nextInt(256);
      }
      Files.write(file, bad);
      try {
        NuScenes.load(root);
        assertThat(truncate)
            .as("seed %d, trial %d: a truncated table loaded", seed, trial)
            .isFalse();
      } catch (NuScenesException e) {
        assertThat(e.getMessage())
            .as("seed %d, trial %d", seed, trial)
            .contains("table ")
            .doesNotContain("\n");
      }
      Files.write(file, good);
    }
  }

  @Test
  void syntheticEvaluationSetLoads() {
    NuScenes set = NuScenes.load(TestData.require("evaluation-fixtures/synthetic-set"));
    assertThat(set.samples()).hasSize(12);
    assertThat(set.tables().annotations()).hasSize(492);
    assertThat(
            set.tables().annotations().values().stream()
                .filter(a -> set.detectionClass(a).isPresent()))
        .hasSize(447);
  }

  /**
   * Order, names, attributes, sizes and velocities (unknown ones too) are those the nuScenes devkit
   * loads.
   */
  @Test
  void groundTruthIsTheDevkits() throws Exception {
    NuScenes set = NuScenes.load(TestData.require("evaluation-fixtures/synthetic-set"));
    Path expectedFile = TestData.require("evaluation-fixtures/synthetic-set/expected/loader.json");
    Map<?, ?> expected = JsonFile.object(JsonFile.read(expectedFile).get("gt_before_filter"));
    int unknown = 0;
    for (Sample sample : set.samples()) {
      List<?> boxes = JsonFile.list(expected.get(sample.token()));
      List<SampleAnnotation> mapped =
          set.annotations(sample).stream().filter(a -> set.detectionClass(a).isPresent()).toList();
      assertThat(mapped).as(sample.token()).hasSameSizeAs(boxes);
      for (int i = 0; i < boxes.size(); i++) {
        Map<?, ?> box = JsonFile.object(boxes.get(i));
        SampleAnnotation a = mapped.get(i);
        assertThat(set.detectionClass(a).orElseThrow().detectionName()).isEqualTo(box.get("name"));
        assertThat(String.join("", set.attributeNames(a))).isEqualTo(box.get("attr"));
        assertThat((double) a.lidarPoints() + a.radarPoints()).isEqualTo(box.get("num_pts"));
        Box3d global = set.globalBox(a);
        double[] t = JsonFile.numbers(box.get("t"));
        assertThat(new double[] {global.x(), global.y(), global.z()}).containsExactly(t);
        double[] v = JsonFile.numbers(box.get("v"));
        if (Double.isNaN(v[0])) {
          unknown++;
          assertThat(global.vx()).as(a.token()).isNaN();
        } else {
          assertThat(global.vx()).as(a.token()).isCloseTo(v[0], within(1e-9));
          assertThat(global.vy()).as(a.token()).isCloseTo(v[1], within(1e-9));
        }
      }
    }
    assertThat(unknown).isGreaterThan(5);
  }

  @Test
  void oneRealSampleLoads() {
    NuScenes set = NuScenes.load(TestData.require("nuscenes-one-sample"));
    Sample sample = set.samples().iterator().next();
    assertThat(sample.token()).isEqualTo("ca9a282c9e77460f8360f564131a8af5");
    assertThat(set.scene(sample).name()).isEqualTo("scene-0061");
    assertThat(set.keyFrames(sample)).hasSize(7);
    assertThat(set.annotations(sample)).hasSize(69);
    assertThat(set.annotations(sample))
        .allSatisfy(a -> assertThat(set.velocity(a)).containsOnly(Double.NaN));
  }

  @Test
  void realMiniValLoadsWithItsFilesAbsent() {
    NuScenes set = NuScenes.load(TestData.require("nuscenes-mini-val"));
    assertThat(set.scenes())
        .extracting(TableRecord.Scene::name)
        .containsExactly("scene-0103", "scene-0916");
    assertThat(set.samples()).hasSize(81);
    assertThat(set.tables().annotations()).hasSize(4514);
    assertThat(set.tables().instances()).hasSize(218);
    for (Sample sample : set.samples()) {
      assertThat(set.keyFrames(sample))
          .as(sample.token())
          .containsKey("LIDAR_TOP")
          .containsKeys(DetectionSample.CAMERA_ORDER.toArray(String[]::new));
    }
    long known =
        set.tables().annotations().values().stream()
            .filter(a -> Double.isFinite(set.globalBox(a).speed()))
            .count();
    assertThat(known).isGreaterThan(4000);
    double fastest =
        set.tables().annotations().values().stream()
            .mapToDouble(a -> set.globalBox(a).speed())
            .filter(Double::isFinite)
            .max()
            .orElseThrow();
    assertThat(fastest).as("fastest object, m/s").isBetween(3.0, 25.0);
    assertThatThrownBy(
            () ->
                DetectionSample.of(set, set.samples().iterator().next())
                    .cameras()
                    .getFirst()
                    .readImage())
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("does not exist");
  }
}
