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
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;

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
    Reader r = new Reader(folder, new HashMap<>());
    NuScenesTables tables =
        new NuScenesTables(
            r.read(
                "category",
                f -> new Category(f.token("token"), f.text("name"), f.text("description"))),
            r.read(
                "attribute",
                f -> new Attribute(f.token("token"), f.text("name"), f.text("description"))),
            r.read(
                "visibility",
                f -> new Visibility(f.token("token"), f.text("level"), f.text("description"))),
            r.read("instance", NuScenesTables::instance),
            r.read(
                "sensor", f -> new Sensor(f.token("token"), f.text("channel"), f.text("modality"))),
            r.read("calibrated_sensor", NuScenesTables::calibratedSensor),
            r.read(
                "ego_pose", f -> new EgoPose(f.token("token"), f.timestamp("timestamp"), f.pose())),
            r.read("log", NuScenesTables::log),
            r.read("scene", NuScenesTables::scene),
            r.read("sample", NuScenesTables::sample),
            r.read("sample_data", NuScenesTables::sampleData),
            r.read("sample_annotation", NuScenesTables::annotation),
            r.read(
                "map",
                f ->
                    new MapMask(
                        f.token("token"),
                        f.text("category"),
                        f.text("filename"),
                        f.tokens("log_tokens"))));
    tables.checkLinks();
    return tables;
  }

  private record Reader(Path folder, Map<String, String> pool) {
    <T extends TableRecord> Map<String, T> read(String table, Function<TableFields, T> factory) {
      return TableReader.read(folder, table, pool, factory);
    }
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
        f.token("token"),
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

  private void checkLinks() {
    link("instance", instances, "category_token", Instance::categoryToken, "category", categories);
    link(
        "instance",
        instances,
        "first_annotation_token",
        Instance::firstAnnotationToken,
        "sample_annotation",
        annotations);
    link(
        "instance",
        instances,
        "last_annotation_token",
        Instance::lastAnnotationToken,
        "sample_annotation",
        annotations);
    link(
        "calibrated_sensor",
        calibratedSensors,
        "sensor_token",
        CalibratedSensor::sensorToken,
        "sensor",
        sensors);
    link("scene", scenes, "log_token", Scene::logToken, "log", logs);
    link("scene", scenes, "first_sample_token", Scene::firstSampleToken, "sample", samples);
    link("scene", scenes, "last_sample_token", Scene::lastSampleToken, "sample", samples);
    link("sample", samples, "scene_token", Sample::sceneToken, "scene", scenes);
    link("sample", samples, "prev", Sample::prev, "sample", samples);
    link("sample", samples, "next", Sample::next, "sample", samples);
    link("sample_data", sampleData, "sample_token", SampleData::sampleToken, "sample", samples);
    link(
        "sample_data",
        sampleData,
        "ego_pose_token",
        SampleData::egoPoseToken,
        "ego_pose",
        egoPoses);
    link(
        "sample_data",
        sampleData,
        "calibrated_sensor_token",
        SampleData::calibratedSensorToken,
        "calibrated_sensor",
        calibratedSensors);
    link("sample_data", sampleData, "prev", SampleData::prev, "sample_data", sampleData);
    link("sample_data", sampleData, "next", SampleData::next, "sample_data", sampleData);
    String annotation = "sample_annotation";
    link(annotation, annotations, "sample_token", SampleAnnotation::sampleToken, "sample", samples);
    link(
        annotation,
        annotations,
        "instance_token",
        SampleAnnotation::instanceToken,
        "instance",
        instances);
    link(
        annotation,
        annotations,
        "visibility_token",
        SampleAnnotation::visibilityToken,
        "visibility",
        visibilities);
    link(annotation, annotations, "prev", SampleAnnotation::prev, annotation, annotations);
    link(annotation, annotations, "next", SampleAnnotation::next, annotation, annotations);
    for (SampleAnnotation a : annotations.values()) {
      for (String token : a.attributeTokens()) {
        checkLink(annotation, a, "attribute_tokens", token, "attribute", attributes);
      }
    }
  }

  private static <T extends TableRecord> void link(
      String table,
      Map<String, T> from,
      String field,
      Function<T, String> token,
      String target,
      Map<String, ?> to) {
    for (T record : from.values()) {
      checkLink(table, record, field, token.apply(record), target, to);
    }
  }

  private static void checkLink(
      String table,
      TableRecord record,
      String field,
      String token,
      String target,
      Map<String, ?> to) {
    if (!token.isEmpty() && !to.containsKey(token)) {
      throw new NuScenesException(
          "table %s, record %s, field %s: there is no record %s in table %s"
              .formatted(table, record.token(), field, token, target));
    }
  }

  static <T> T get(Map<String, T> table, String name, String token) {
    T record = table.get(token);
    if (record == null) {
      throw new NuScenesException("there is no record " + token + " in table " + name);
    }
    return record;
  }
}
