package dev.bevel.nuscenes.simulator;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.CameraIntrinsics;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.simulator.SceneRecord.Annotated;
import dev.bevel.nuscenes.simulator.SceneRecord.Annotation;
import dev.bevel.nuscenes.simulator.SensorRig.Mounted;
import dev.bevel.nuscenes.simulator.Timeline.Shot;
import dev.bevel.nuscenes.simulator.scene.Seeds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/** Writes the thirteen tables and the splits of a simulated data set. */
final class Tables {
  private final Path folder;
  private final SimulationSettings settings;
  private final List<SceneRecord> scenes;

  private Tables(Path folder, SimulationSettings settings, List<SceneRecord> scenes) {
    this.folder = folder;
    this.settings = settings;
    this.scenes = scenes;
  }

  /**
   * Writes the tables.
   *
   * @param folder of the version; must exist
   */
  static void write(Path folder, SimulationSettings settings, List<SceneRecord> scenes)
      throws IOException {
    Tables tables = new Tables(folder, settings, scenes);
    tables.taxonomy("category", Taxonomy.CATEGORIES);
    tables.taxonomy("attribute", Taxonomy.ATTRIBUTES);
    tables.visibilities();
    tables.sensors();
    tables.calibratedSensors();
    tables.egoPoses();
    tables.logs();
    tables.scenes();
    tables.samples();
    tables.sampleData();
    tables.instances();
    tables.annotations();
    tables.maps();
    SceneSplit.write(folder, scenes.stream().map(SceneRecord::name).toList());
  }

  /** 32 hexadecimal digits from the seed, the table and what identifies the record. */
  static String token(SimulationSettings settings, String table, long... key) {
    HexFormat hex = HexFormat.of();
    return hex.toHexDigits(Seeds.mix(settings.seed(), "token " + table, key))
        + hex.toHexDigits(Seeds.mix(~settings.seed(), table, key));
  }

  private String token(String table, long... key) {
    return token(settings, table, key);
  }

  private String named(String table, String name) {
    return token(table, Seeds.mix(0, name));
  }

  private void taxonomy(String table, Map<String, String> names) throws IOException {
    try (TableWriter out = new TableWriter(folder, table)) {
      for (Map.Entry<String, String> each : names.entrySet()) {
        out.record(named(table, each.getKey()))
            .text("name", each.getKey())
            .text("description", each.getValue());
      }
    }
  }

  private void visibilities() throws IOException {
    try (TableWriter out = new TableWriter(folder, "visibility")) {
      for (int i = 0; i < Taxonomy.VISIBILITIES.size(); i++) {
        String level = Taxonomy.VISIBILITIES.get(i);
        out.record(Integer.toString(i + 1))
            .text("level", level)
            .text("description", Taxonomy.visibilityDescription(level));
      }
    }
  }

  private void sensors() throws IOException {
    try (TableWriter out = new TableWriter(folder, "sensor")) {
      for (Mounted sensor : scenes.getFirst().rig().sensors()) {
        out.record(named("sensor", sensor.channel()))
            .text("channel", sensor.channel())
            .text("modality", sensor.intrinsics().isPresent() ? "camera" : "lidar");
      }
    }
  }

  private String calibrated(SceneRecord scene, String channel) {
    return token("calibrated_sensor", scene.index(), Seeds.mix(0, channel));
  }

  private void calibratedSensors() throws IOException {
    try (TableWriter out = new TableWriter(folder, "calibrated_sensor")) {
      for (SceneRecord scene : scenes) {
        for (Mounted sensor : scene.rig().sensors()) {
          out.record(calibrated(scene, sensor.channel()))
              .text("sensor_token", named("sensor", sensor.channel()));
          pose(out, sensor.sensorToEgo());
          out.matrix(
              "camera_intrinsic",
              sensor.intrinsics().map(CameraIntrinsics::matrix).orElse(new double[0]));
        }
      }
    }
  }

  private static void pose(TableWriter out, Pose pose) throws IOException {
    out.numbers("translation", pose.tx(), pose.ty(), pose.tz())
        .numbers("rotation", pose.qw(), pose.qx(), pose.qy(), pose.qz());
  }

  /** Of a recording and, as in the real data, of its ego pose. */
  private String recording(SceneRecord scene, Shot shot) {
    return token("sample_data", scene.index(), Seeds.mix(0, shot.channel()), shot.timestamp());
  }

  private void egoPoses() throws IOException {
    try (TableWriter out = new TableWriter(folder, "ego_pose")) {
      for (SceneRecord scene : scenes) {
        List<Shot> shots = scene.timeline().shots();
        for (int i = 0; i < shots.size(); i++) {
          out.record(recording(scene, shots.get(i))).number("timestamp", shots.get(i).timestamp());
          pose(out, scene.egoPoses().get(i));
        }
      }
    }
  }

  private void logs() throws IOException {
    try (TableWriter out = new TableWriter(folder, "log")) {
      for (SceneRecord scene : scenes) {
        out.record(token("log", scene.index()))
            .text("logfile", scene.timeline().logFile())
            .text("vehicle", "n900")
            .text("date_captured", scene.timeline().date())
            .text("location", "simulated-town");
      }
    }
  }

  private void scenes() throws IOException {
    try (TableWriter out = new TableWriter(folder, "scene")) {
      for (SceneRecord scene : scenes) {
        out.record(token("scene", scene.index()))
            .text("log_token", token("log", scene.index()))
            .number("nbr_samples", settings.samples())
            .text("first_sample_token", sample(scene, 0))
            .text("last_sample_token", sample(scene, settings.samples() - 1))
            .text("name", scene.name())
            .text("description", "Simulated town, " + settings.traffic().word() + " traffic");
      }
    }
  }

  /** Token of a key frame, {@code ""} before the first and after the last. */
  private String sample(SceneRecord scene, int index) {
    boolean there = index >= 0 && index < settings.samples();
    return there ? token("sample", scene.index(), index) : "";
  }

  private void samples() throws IOException {
    try (TableWriter out = new TableWriter(folder, "sample")) {
      for (SceneRecord scene : scenes) {
        for (Shot shot : scene.timeline().shots()) {
          if (shot.keyFrame() && shot.channel().equals(SensorRig.LIDAR)) {
            out.record(sample(scene, shot.sample()))
                .number("timestamp", shot.timestamp())
                .text("prev", sample(scene, shot.sample() - 1))
                .text("next", sample(scene, shot.sample() + 1))
                .text("scene_token", token("scene", scene.index()));
          }
        }
      }
    }
  }

  private void sampleData() throws IOException {
    try (TableWriter out = new TableWriter(folder, "sample_data")) {
      for (SceneRecord scene : scenes) {
        List<Shot> shots = scene.timeline().shots();
        for (int i = 0; i < shots.size(); i++) {
          Shot shot = shots.get(i);
          boolean image = !shot.channel().equals(SensorRig.LIDAR);
          out.record(recording(scene, shot))
              .text("sample_token", sample(scene, shot.sample()))
              .text("ego_pose_token", recording(scene, shot))
              .text("calibrated_sensor_token", calibrated(scene, shot.channel()))
              .number("timestamp", shot.timestamp())
              .text("fileformat", image ? "jpg" : "pcd")
              .flag("is_key_frame", shot.keyFrame())
              .number("height", image ? settings.imageHeight() : 0)
              .number("width", image ? settings.imageWidth() : 0)
              .text("filename", scene.timeline().file(shot))
              .text("prev", neighbour(scene, shots, i, i - 1))
              .text("next", neighbour(scene, shots, i, i + 1));
        }
      }
    }
  }

  /** Token of another recording of the same sensor, {@code ""} if it is of another one. */
  private String neighbour(SceneRecord scene, List<Shot> shots, int index, int other) {
    boolean same =
        other >= 0
            && other < shots.size()
            && shots.get(other).channel().equals(shots.get(index).channel());
    return same ? recording(scene, shots.get(other)) : "";
  }

  private String annotation(SceneRecord scene, Annotated object, int index) {
    boolean there = index >= 0 && index < object.annotations().size();
    return there
        ? token(
            "sample_annotation",
            scene.index(),
            object.id(),
            object.annotations().get(index).sample())
        : "";
  }

  private void instances() throws IOException {
    try (TableWriter out = new TableWriter(folder, "instance")) {
      for (SceneRecord scene : scenes) {
        for (Annotated object : scene.objects()) {
          int count = object.annotations().size();
          out.record(token("instance", scene.index(), object.id()))
              .text("category_token", named("category", object.category()))
              .number("nbr_annotations", count)
              .text("first_annotation_token", annotation(scene, object, 0))
              .text("last_annotation_token", annotation(scene, object, count - 1));
        }
      }
    }
  }

  private void annotations() throws IOException {
    try (TableWriter out = new TableWriter(folder, "sample_annotation")) {
      for (SceneRecord scene : scenes) {
        for (Annotated object : scene.objects()) {
          for (int i = 0; i < object.annotations().size(); i++) {
            annotation(out, scene, object, i);
          }
        }
      }
    }
  }

  private void annotation(TableWriter out, SceneRecord scene, Annotated object, int index)
      throws IOException {
    Annotation at = object.annotations().get(index);
    Box3d box = at.box();
    out.record(annotation(scene, object, index))
        .text("sample_token", sample(scene, at.sample()))
        .text("instance_token", token("instance", scene.index(), object.id()))
        .text("visibility_token", Integer.toString(at.visibility()))
        .texts(
            "attribute_tokens",
            at.attribute().isEmpty() ? List.of() : List.of(named("attribute", at.attribute())));
    pose(out, box.pose());
    out.numbers("size", box.width(), box.length(), box.height())
        .text("prev", annotation(scene, object, index - 1))
        .text("next", annotation(scene, object, index + 1))
        .number("num_lidar_pts", at.lidarPoints())
        .number("num_radar_pts", 0);
  }

  /** Path, relative to the data folder, of a scene's map. */
  static String mapFile(SimulationSettings settings, int scene) {
    return "maps/" + token(settings, "map", scene) + ".png";
  }

  private void maps() throws IOException {
    try (TableWriter out = new TableWriter(folder, "map")) {
      for (SceneRecord scene : scenes) {
        out.record(token("map", scene.index()))
            .texts("log_tokens", List.of(token("log", scene.index())))
            .text("category", "semantic_prior")
            .text("filename", mapFile(settings, scene.index()));
      }
    }
  }

  /** Creates the folders that sensor files and maps go to. */
  static void createFolders(Path root) throws IOException {
    Files.createDirectories(root.resolve("maps"));
    for (String kind : List.of("samples", "sweeps")) {
      Files.createDirectories(root.resolve(kind).resolve(SensorRig.LIDAR));
      for (String camera : SensorRig.CAMERAS) {
        Files.createDirectories(root.resolve(kind).resolve(camera));
      }
    }
  }
}
