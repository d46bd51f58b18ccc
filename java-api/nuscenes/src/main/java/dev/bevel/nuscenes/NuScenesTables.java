package dev.bevel.nuscenes;

import dev.bevel.nuscenes.TableRecord.Attribute;
import dev.bevel.nuscenes.TableRecord.CalibratedSensor;
import dev.bevel.nuscenes.TableRecord.Category;
import dev.bevel.nuscenes.TableRecord.EgoPose;
import dev.bevel.nuscenes.TableRecord.Instance;
import dev.bevel.nuscenes.TableRecord.Log;
import dev.bevel.nuscenes.TableRecord.MapMask;
import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.TableRecord.SampleAnnotation;
import dev.bevel.nuscenes.TableRecord.SampleData;
import dev.bevel.nuscenes.TableRecord.Scene;
import dev.bevel.nuscenes.TableRecord.Sensor;
import dev.bevel.nuscenes.TableRecord.Visibility;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.function.IntFunction;

/**
 * The thirteen tables, each a map from token to record in file order, unmodifiable. Made by {@link
 * NuScenes#load}, which has checked that every link leads to a record; only {@code ""} (no
 * neighbour, visibility not known) and the logs of maps are allowed to lead nowhere, since trimmed
 * sets have them.
 */
public record NuScenesTables(
    Map<String, Category> categories,
    Map<String, Attribute> attributes,
    Map<String, Visibility> visibilities,
    Map<String, Instance> instances,
    Map<String, Sensor> sensors,
    Map<String, CalibratedSensor> calibratedSensors,
    Map<String, EgoPose> egoPoses,
    Map<String, Log> logs,
    Map<String, Scene> scenes,
    Map<String, Sample> samples,
    Map<String, SampleData> sampleData,
    Map<String, SampleAnnotation> annotations,
    Map<String, MapMask> maps) {

  public NuScenesTables {
    categories = Collections.unmodifiableMap(categories);
    attributes = Collections.unmodifiableMap(attributes);
    visibilities = Collections.unmodifiableMap(visibilities);
    instances = Collections.unmodifiableMap(instances);
    sensors = Collections.unmodifiableMap(sensors);
    calibratedSensors = Collections.unmodifiableMap(calibratedSensors);
    egoPoses = Collections.unmodifiableMap(egoPoses);
    logs = Collections.unmodifiableMap(logs);
    scenes = Collections.unmodifiableMap(scenes);
    samples = Collections.unmodifiableMap(samples);
    sampleData = Collections.unmodifiableMap(sampleData);
    annotations = Collections.unmodifiableMap(annotations);
    maps = Collections.unmodifiableMap(maps);
  }

  static NuScenesTables read(Path folder) {
    TokenPool pool = new TokenPool();
    try (Workers workers = new Workers()) {
      Reader r = new Reader(folder, pool, workers);
      // The largest first, so that no processor is left waiting.
      var sampleData = r.begin("sample_data", NuScenesTables::sampleData, SampleData[]::new);
      var egoPoses = r.begin("ego_pose", NuScenesTables::egoPose, EgoPose[]::new);
      var annotations =
          r.begin("sample_annotation", NuScenesTables::annotation, SampleAnnotation[]::new);
      var instances = r.begin("instance", NuScenesTables::instance, Instance[]::new);
      var samples = r.begin("sample", NuScenesTables::sample, Sample[]::new);
      var calibratedSensors =
          r.begin("calibrated_sensor", NuScenesTables::calibratedSensor, CalibratedSensor[]::new);
      var scenes = r.begin("scene", NuScenesTables::scene, Scene[]::new);
      var categories = r.begin("category", NuScenesTables::category, Category[]::new);
      var attributes = r.begin("attribute", NuScenesTables::attribute, Attribute[]::new);
      var visibilities = r.begin("visibility", NuScenesTables::visibility, Visibility[]::new);
      var sensors = r.begin("sensor", NuScenesTables::sensor, Sensor[]::new);
      var logs = r.begin("log", NuScenesTables::log, Log[]::new);
      var maps = r.begin("map", NuScenesTables::map, MapMask[]::new);
      NuScenesTables tables =
          new NuScenesTables(
              Workers.result(categories),
              Workers.result(attributes),
              Workers.result(visibilities),
              Workers.result(instances),
              Workers.result(sensors),
              Workers.result(calibratedSensors),
              Workers.result(egoPoses),
              Workers.result(logs),
              Workers.result(scenes),
              Workers.result(samples),
              Workers.result(sampleData),
              Workers.result(annotations),
              Workers.result(maps));
      new LinkCheck(tables, workers).run();
      return tables;
    }
  }

  private record Reader(Path folder, TokenPool pool, Workers workers) {
    <T extends TableRecord> Future<TokenTable<T>> begin(
        String table, Function<TableFields, T> factory, IntFunction<T[]> array) {
      return workers.begin(() -> TableReader.read(folder, table, pool, factory, array));
    }
  }

  private static Category category(TableFields f) {
    return new Category(f.token("token"), f.text("name"), f.text("description"));
  }

  private static Attribute attribute(TableFields f) {
    return new Attribute(f.token("token"), f.text("name"), f.text("description"));
  }

  private static Visibility visibility(TableFields f) {
    return new Visibility(f.token("token"), f.text("level"), f.text("description"));
  }

  private static Sensor sensor(TableFields f) {
    return new Sensor(f.token("token"), f.text("channel"), f.text("modality"));
  }

  private static EgoPose egoPose(TableFields f) {
    return new EgoPose(f.token("token"), f.timestamp("timestamp"), f.pose());
  }

  private static MapMask map(TableFields f) {
    return new MapMask(
        f.token("token"), f.text("category"), f.text("filename"), f.tokens("log_tokens"));
  }

  private static Instance instance(TableFields f) {
    return new Instance(
        f.token("token"),
        f.token("category_token"),
        f.count("nbr_annotations"),
        f.token("first_annotation_token"),
        f.token("last_annotation_token"));
  }

  private static CalibratedSensor calibratedSensor(TableFields f) {
    return new CalibratedSensor(
        f.token("token"), f.token("sensor_token"), f.pose(), f.intrinsics("camera_intrinsic"));
  }

  private static Log log(TableFields f) {
    return new Log(
        f.token("token"),
        f.text("logfile"),
        f.text("vehicle"),
        f.text("date_captured"),
        f.text("location"));
  }

  private static Scene scene(TableFields f) {
    return new Scene(
        f.token("token"),
        f.text("name"),
        f.text("description"),
        f.token("log_token"),
        f.count("nbr_samples"),
        f.token("first_sample_token"),
        f.token("last_sample_token"));
  }

  private static Sample sample(TableFields f) {
    return new Sample(
        f.nameToken("token"), // names a folder of pictures
        f.timestamp("timestamp"),
        f.token("scene_token"),
        f.tokenOrBlank("prev"),
        f.tokenOrBlank("next"));
  }

  private static SampleData sampleData(TableFields f) {
    return new SampleData(
        f.token("token"),
        f.token("sample_token"),
        f.token("ego_pose_token"),
        f.token("calibrated_sensor_token"),
        f.text("filename"),
        f.sharedText("fileformat"),
        f.count("width"),
        f.count("height"),
        f.timestamp("timestamp"),
        f.bool("is_key_frame"),
        f.tokenOrBlank("prev"),
        f.tokenOrBlank("next"));
  }

  private static SampleAnnotation annotation(TableFields f) {
    return new SampleAnnotation(
        f.token("token"),
        f.token("sample_token"),
        f.token("instance_token"),
        f.tokens("attribute_tokens"),
        f.tokenOrBlank("visibility_token"),
        f.box(),
        f.count("num_lidar_pts"),
        f.count("num_radar_pts"),
        f.tokenOrBlank("prev"),
        f.tokenOrBlank("next"));
  }

  static <T> T get(Map<String, T> table, String name, String token) {
    T record = table.get(token);
    if (record == null) {
      throw new NuScenesException("there is no record " + token + " in table " + name);
    }
    return record;
  }
}
