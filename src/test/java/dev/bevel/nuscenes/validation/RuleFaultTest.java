package dev.bevel.nuscenes.validation;

import static dev.bevel.nuscenes.validation.EditableSet.add;
import static dev.bevel.nuscenes.validation.EditableSet.list;
import static dev.bevel.nuscenes.validation.EditableSet.number;
import static dev.bevel.nuscenes.validation.EditableSet.text;
import static dev.bevel.nuscenes.validation.EditableSet.token;
import static dev.bevel.nuscenes.validation.EditableSet.turn;
import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.testing.Seed;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** One fault of each kind beyond fields and references: the validator names rule and record. */
class RuleFaultTest {
  private static final Random RANDOM = Seed.random(RuleFaultTest.class);

  @TempDir private static Path folder;
  private static Path base = Path.of("");
  private static int writes;

  @BeforeAll
  static void simulate() {
    base = EditableSet.simulate(folder);
  }

  /** Where the fault must be found. */
  record Place(Rule rule, String table, String token, String field) {}

  /** Damages a set. */
  interface Damage {
    Place apply(EditableSet set);
  }

  private static Named<Damage> fault(String name, Damage damage) {
    return Named.of(name, damage);
  }

  private static Place at(Rule rule, String table, Map<String, Object> record, String field) {
    return new Place(rule, table, token(record), field);
  }

  @ParameterizedTest
  @MethodSource({"chains", "keyFrames", "agreements", "mountings", "motions", "splits"})
  void isNamed(Damage damage) throws InterruptedException {
    EditableSet set = new EditableSet(base);
    Place place = damage.apply(set);
    ValidationReport report =
        DataSetValidator.of(set.write(folder.resolve("set" + writes++)))
            .files(FileScope.MAPS)
            .validate();
    assertThat(report.isAccepted()).isFalse();
    assertThat(report.findings())
        .as("%s", place)
        .anyMatch(
            finding ->
                finding.rule() == place.rule
                    && finding.table().equals(place.table)
                    && finding.token().equals(place.token)
                    && finding.plainField().equals(place.field));
  }

  static Stream<Named<Damage>> chains() {
    List<Named<Damage>> faults = new ArrayList<>();
    for (String table : List.of("sample", "sample_data", "sample_annotation")) {
      for (String link : List.of("prev", "next")) {
        faults.add(
            fault(
                table + " whose " + link + " is itself",
                set -> {
                  Map<String, Object> record = set.any(table, link, RANDOM);
                  record.put(link, token(record));
                  return at(Rule.CHAIN, table, record, link);
                }));
        faults.add(
            fault(
                table + " cut in two at " + link,
                set -> {
                  Map<String, Object> record = set.any(table, link, RANDOM);
                  Map<String, Object> other = set.follow(record, link, table);
                  record.put(link, "");
                  other.put(link.equals("prev") ? "next" : "prev", "");
                  return at(Rule.CHAIN, table, record, link);
                }));
      }
      faults.add(
          fault(
              table + " chain closed to a circle",
              set -> {
                Map<String, Object> record = set.any(table, "next", RANDOM);
                Map<String, Object> last = record;
                while (!text(last, "next").isEmpty()) {
                  last = set.follow(last, "next", table);
                }
                Map<String, Object> first = record;
                while (!text(first, "prev").isEmpty()) {
                  first = set.follow(first, "prev", table);
                }
                last.put("next", token(first));
                first.put("prev", token(last));
                String field = table.equals("sample_annotation") ? "sample_token" : "timestamp";
                return at(Rule.CHAIN, table, first, field);
              }));
      faults.add(
          fault(
              table + " chain backwards",
              set -> {
                Map<String, Object> first =
                    set.table(table).stream()
                        .filter(r -> text(r, "prev").isEmpty() && !text(r, "next").isEmpty())
                        .min(Comparator.comparing(EditableSet::token))
                        .orElseThrow();
                for (Map<String, Object> each : set.table(table)) {
                  Object next = each.get("next");
                  each.put("next", text(each, "prev"));
                  each.put("prev", next);
                }
                return at(Rule.CHAIN, table, first, "next");
              }));
    }
    faults.add(count("scene", "nbr_samples"));
    faults.add(count("instance", "nbr_annotations"));
    return faults.stream();
  }

  private static Named<Damage> count(String table, String field) {
    return fault(
        table + "." + field + " one too high",
        set -> {
          Map<String, Object> record = set.any(table, field, RANDOM);
          record.put(field, number(record, field) + 1);
          return at(Rule.CHAIN_END, table, record, field);
        });
  }

  static Stream<Named<Damage>> keyFrames() {
    return Stream.of(
        fault(
            "a key frame that is none",
            set -> {
              Map<String, Object> record = set.files("CAM_BACK", true).getFirst();
              record.put("is_key_frame", false);
              Map<String, Object> sample = set.follow(record, "sample_token", "sample");
              return at(Rule.KEY_FRAME, "sample", sample, "CAM_BACK");
            }),
        fault(
            "a sweep as a second key frame",
            set -> {
              Map<String, Object> record = set.files("LIDAR_TOP", false).getLast();
              record.put("is_key_frame", true);
              Map<String, Object> key =
                  set.files("LIDAR_TOP", true).stream()
                      .filter(r -> text(r, "sample_token").equals(text(record, "sample_token")))
                      .findFirst()
                      .orElseThrow();
              List<Map<String, Object>> data = set.table("sample_data");
              Collections.swap(
                  data,
                  data.indexOf(data.indexOf(key) > data.indexOf(record) ? key : record),
                  data.size() - 1);
              return at(Rule.KEY_FRAME, "sample_data", data.getLast(), "is_key_frame");
            }),
        fault(
            "no LiDAR at all",
            set -> {
              List<Map<String, Object>> lidar = new ArrayList<>(set.files("LIDAR_TOP", true));
              lidar.addAll(set.files("LIDAR_TOP", false));
              set.table("sample_data").removeAll(lidar);
              return at(Rule.KEY_FRAME, "sample", set.table("sample").getFirst(), "LIDAR_TOP");
            }),
        fault(
            "a camera 0.2 s off its sample",
            set -> {
              Map<String, Object> record = set.files("CAM_FRONT", true).getLast();
              record.put("timestamp", number(record, "timestamp") - 200_000);
              return at(Rule.KEY_FRAME, "sample_data", record, "timestamp");
            }),
        fault(
            "a LiDAR file 1 µs off its sample",
            set -> {
              Map<String, Object> record = set.files("LIDAR_TOP", true).getLast();
              record.put("timestamp", number(record, "timestamp") + 1);
              return at(Rule.KEY_FRAME, "sample_data", record, "timestamp");
            }),
        fault(
            "a sample 1 µs off its LiDAR file",
            set -> {
              Map<String, Object> record = set.any("sample", "next", RANDOM);
              record.put("timestamp", number(record, "timestamp") + 1);
              return at(Rule.KEY_FRAME, "sample", record, "timestamp");
            }),
        fault(
            "an ego pose of another time",
            set -> {
              Map<String, Object> record = set.files("CAM_FRONT", true).getLast();
              Map<String, Object> pose = set.follow(record, "ego_pose_token", "ego_pose");
              pose.put("timestamp", number(pose, "timestamp") + 1);
              return at(Rule.KEY_FRAME, "sample_data", record, "ego_pose_token");
            }),
        fault("a LiDAR sweep of the sample before", set -> sweepOfSampleBefore(set, "LIDAR_TOP")),
        fault(
            "a camera sweep of the sample before",
            set -> sweepOfSampleBefore(set, "CAM_BACK_LEFT")));
  }

  private static Place sweepOfSampleBefore(EditableSet set, String channel) {
    Map<String, Object> record =
        set.files(channel, false).stream()
            .filter(r -> !text(set.follow(r, "sample_token", "sample"), "prev").isEmpty())
            .findFirst()
            .orElseThrow();
    record.put("sample_token", text(set.follow(record, "sample_token", "sample"), "prev"));
    return at(Rule.KEY_FRAME, "sample_data", record, "sample_token");
  }

  static Stream<Named<Damage>> agreements() {
    return Stream.of(
        put("sensor", "modality", "sonar", Rule.AGREEMENT),
        put("sensor", "modality", "radar", Rule.AGREEMENT),
        put("visibility", "level", "v0-100", Rule.AGREEMENT),
        put("sample_data", "fileformat", "png", Rule.AGREEMENT),
        put("sample_data", "timestamp", 1, Rule.AGREEMENT),
        put("sample_annotation", "num_radar_pts", 2, Rule.AGREEMENT),
        same("sensor", "channel"),
        same("scene", "name"),
        same("category", "name"),
        same("attribute", "name"),
        same("sample_data", "filename"),
        fault("a camera without pixels", set -> camera(set, "width", 0)),
        fault("a camera file in another channel's folder", set -> otherFolder(set)),
        fault(
            "a LiDAR with pixels",
            set -> {
              Map<String, Object> record = set.files("LIDAR_TOP", true).getFirst();
              record.put("height", 90);
              return at(Rule.AGREEMENT, "sample_data", record, "height");
            }),
        fault(
            "a camera without matrix",
            set -> {
              Map<String, Object> record = set.any("calibrated_sensor", "camera_intrinsic", RANDOM);
              record.put("camera_intrinsic", List.of());
              return at(Rule.AGREEMENT, "calibrated_sensor", record, "camera_intrinsic");
            }),
        fault(
            "a file of another log",
            set -> {
              Map<String, Object> record = set.files("CAM_BACK", true).getLast();
              record.put("filename", text(record, "filename").replace("__CAM_BACK", "x__CAM_BACK"));
              return at(Rule.AGREEMENT, "sample_data", record, "filename");
            }),
        fault(
            "a pedestrian's attribute on a car",
            set -> {
              Map<String, Object> record = annotation(set, "vehicle.car");
              list(record, "attribute_tokens").set(0, attribute(set, "pedestrian.standing"));
              return at(Rule.AGREEMENT, "sample_annotation", record, "attribute_tokens");
            }),
        fault(
            "two attributes of one car",
            set -> {
              Map<String, Object> record = annotation(set, "vehicle.car");
              record.put(
                  "attribute_tokens",
                  List.of(attribute(set, "vehicle.moving"), attribute(set, "vehicle.parked")));
              return at(Rule.AGREEMENT, "sample_annotation", record, "attribute_tokens");
            }),
        fault(
            "one attribute twice",
            set -> {
              Map<String, Object> record = annotation(set, "vehicle.car");
              Object moving = attribute(set, "vehicle.moving");
              record.put("attribute_tokens", List.of(moving, moving));
              return at(Rule.UNIQUE, "sample_annotation", record, "attribute_tokens");
            }),
        fault(
            "no scenes",
            set -> {
              set.table("scene").clear();
              return new Place(Rule.AGREEMENT, "scene", "", "");
            }));
  }

  private static Place camera(EditableSet set, String field, Object value) {
    Map<String, Object> record = set.files("CAM_FRONT", true).getLast();
    record.put(field, value);
    return at(Rule.AGREEMENT, "sample_data", record, field);
  }

  private static Place otherFolder(EditableSet set) {
    Map<String, Object> record = set.files("CAM_FRONT", true).getLast();
    record.put("filename", text(record, "filename").replace("CAM_FRONT", "CAM_BACK"));
    return at(Rule.AGREEMENT, "sample_data", record, "filename");
  }

  private static Map<String, Object> annotation(EditableSet set, String category) {
    return set.table("sample_annotation").stream()
        .filter(
            record -> {
              var instance = set.follow(record, "instance_token", "instance");
              return text(set.follow(instance, "category_token", "category"), "name")
                  .equals(category);
            })
        .findFirst()
        .orElseThrow();
  }

  private static Object attribute(EditableSet set, String name) {
    return set.table("attribute").stream()
        .filter(record -> name.equals(record.get("name")))
        .map(EditableSet::token)
        .findFirst()
        .orElseThrow();
  }

  private static Named<Damage> put(String table, String field, Object value, Rule rule) {
    return fault(
        String.format(Locale.ROOT, "%s.%s = %s", table, field, value),
        set -> {
          Map<String, Object> record = set.any(table, "token", RANDOM);
          record.put(field, value);
          return at(rule, table, record, field);
        });
  }

  private static Named<Damage> same(String table, String field) {
    return fault(
        String.format(Locale.ROOT, "two of one %s.%s", table, field),
        set -> {
          Map<String, Object> last = set.table(table).getLast();
          last.put(field, text(set.table(table).getFirst(), field));
          return at(Rule.UNIQUE, table, last, field);
        });
  }

  private static Map<String, Object> calibration(EditableSet set, String channel) {
    return set.follow(
        set.files(channel, true).getFirst(), "calibrated_sensor_token", "calibrated_sensor");
  }

  private static Named<Damage> calibrated(
      String name, String channel, String field, Consumer<Map<String, Object>> damage) {
    return fault(
        name,
        set -> {
          Map<String, Object> record = calibration(set, channel);
          damage.accept(record);
          return at(Rule.MOUNTING, "calibrated_sensor", record, field);
        });
  }

  static Stream<Named<Damage>> mountings() {
    return Stream.of(
        calibrated("a camera turned about", "CAM_FRONT", "rotation", r -> turn(r, 180)),
        calibrated("a camera turned to its neighbour", "CAM_BACK", "rotation", r -> turn(r, 70)),
        calibrated("a camera 25° off", "CAM_FRONT_LEFT", "rotation", r -> turn(r, 25)),
        calibrated("a LiDAR whose x points forward", "LIDAR_TOP", "rotation", r -> turn(r, 90)),
        calibrated(
            "a quaternion in the order x, y, z, w",
            "CAM_FRONT_LEFT",
            "rotation",
            r -> Collections.rotate(list(r, "rotation"), -1)),
        calibrated(
            "an inverse rotation",
            "CAM_FRONT_RIGHT",
            "rotation",
            r -> list(r, "rotation").set(0, -((Number) list(r, "rotation").get(0)).doubleValue())),
        calibrated(
            "a mounting in centimetres",
            "CAM_FRONT",
            "translation",
            r -> add(r, "translation", 0, 150)),
        calibrated(
            "a matrix for another image size",
            "CAM_BACK",
            "camera_intrinsic",
            r ->
                r.put(
                    "camera_intrinsic",
                    List.of(List.of(800, 0, 800), List.of(0, 800, 450), List.of(0, 0, 1)))));
  }

  private static Named<Damage> pose(
      String name, Consumer<Map<String, Object>> damage, String field) {
    return fault(
        name,
        set -> {
          Map<String, Object> file = set.files("CAM_FRONT", true).get(1);
          Map<String, Object> record = set.follow(file, "ego_pose_token", "ego_pose");
          damage.accept(record);
          return at(Rule.MOTION, "ego_pose", record, field);
        });
  }

  private static Named<Damage> object(
      String name, String field, Consumer<Map<String, Object>> damage) {
    return fault(
        name,
        set -> {
          // In the middle of its life, where it has neighbours to be compared with.
          Map<String, Object> record =
              set.table("sample_annotation").stream()
                  .filter(r -> !text(r, "prev").isEmpty() && !text(r, "next").isEmpty())
                  .findFirst()
                  .orElseThrow();
          damage.accept(record);
          return at(Rule.MOTION, "sample_annotation", record, field);
        });
  }

  static Stream<Named<Damage>> motions() {
    return Stream.of(
        pose("an ego pose 40 m off", r -> add(r, "translation", 1, 40), "translation"),
        pose("an ego pose above the ground", r -> add(r, "translation", 2, 0.5), "translation"),
        pose("an ego pose upside down", r -> r.put("rotation", List.of(0, 1, 0, 0)), "rotation"),
        object("an object 60 m off", "translation", r -> add(r, "translation", 0, 60)),
        object(
            "an object in the ego frame",
            "translation",
            r -> r.put("translation", List.of(-2000.0, 10.0, 1.0))),
        object(
            "an object on its side", "rotation", r -> r.put("rotation", List.of(0.6, 0.8, 0, 0))),
        object(
            "an object twice as long",
            "size",
            r -> list(r, "size").set(1, 2 * ((Number) list(r, "size").get(1)).doubleValue())),
        fault(
            "an ego vehicle that drives sideways",
            set -> {
              set.table("ego_pose").forEach(r -> turn(r, 90));
              Map<String, Object> file = set.files("LIDAR_TOP", true).getFirst();
              return at(
                  Rule.MOTION,
                  "ego_pose",
                  set.follow(file, "ego_pose_token", "ego_pose"),
                  "rotation");
            }),
        fault("vehicles that drive sideways", RuleFaultTest::sideways),
        fault(
            "an object high above all pictures that is well visible",
            set -> {
              Map<String, Object> record = set.any("sample_annotation", "token", RANDOM);
              add(record, "translation", 2, 300);
              record.put("visibility_token", "4");
              return at(Rule.VISIBILITY, "sample_annotation", record, "visibility_token");
            }));
  }

  /** All objects turned; the place is the last fast step of one that drove three such steps. */
  private static Place sideways(EditableSet set) {
    set.table("sample_annotation").forEach(record -> turn(record, 90));
    Map<String, Object> place =
        set.table("sample_annotation").stream()
            .filter(record -> fastSteps(set, record) >= 3)
            .filter(record -> fastSteps(set, set.follow(record, "next", "sample_annotation")) == 0)
            .findFirst()
            .orElseThrow();
    return at(Rule.MOTION, "sample_annotation", place, "rotation");
  }

  /** Steps above 5.5 m/s of a vehicle, without a pause up to the one that begins at a record. */
  private static int fastSteps(EditableSet set, Map<String, Object> record) {
    var instance = set.follow(record, "instance_token", "instance");
    String category = text(set.follow(instance, "category_token", "category"), "name");
    if (text(record, "next").isEmpty() || !category.startsWith("vehicle.")) {
      return 0;
    }
    Map<String, Object> next = set.follow(record, "next", "sample_annotation");
    double way = 0;
    for (int i = 0; i < 2; i++) {
      double from = ((Number) list(record, "translation").get(i)).doubleValue();
      double to = ((Number) list(next, "translation").get(i)).doubleValue();
      way = Math.hypot(way, to - from);
    }
    if (way < 5.5 * 0.5) {
      return 0;
    }
    return text(record, "prev").isEmpty()
        ? 1
        : 1 + fastSteps(set, set.follow(record, "prev", "sample_annotation"));
  }

  static Stream<Named<Damage>> splits() {
    return Stream.of(
        split("{\"sim_train\": [\"scene-0001\", \"scene-9999\"]}", "sim_train", "[1]"),
        split("{\"sim_train\": [\"scene-0001\", 5]}", "sim_train", "[1]"),
        split("{\"sim_train\": [\"scene-0001\", \"scene-0001\"]}", "sim_train", "[1]"),
        split("{\"a_train\": [\"scene-0001\"], \"a_val\": [\"scene-0001\"]}", "a_val", ""),
        split("{\"sim_train\": \"scene-0001\"}", "sim_train", ""),
        split("{\"a\": [], \"a\": []}", "", ""),
        split("{\"sim_train\": [\"scene-0001\"", "", ""),
        split("[\"scene-0001\"]", "", ""),
        split("{} {}", "", ""));
  }

  private static Named<Damage> split(String json, String split, String field) {
    return fault(
        "splits.json " + json,
        set -> {
          set.replaceText("splits.json", json);
          return new Place(Rule.SPLIT, "splits", split, field.replaceAll("\\[.*", ""));
        });
  }
}
