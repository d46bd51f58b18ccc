package dev.bevel.nuscenes;

import dev.bevel.nuscenes.TableRecord.CalibratedSensor;
import dev.bevel.nuscenes.TableRecord.Instance;
import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.TableRecord.SampleAnnotation;
import dev.bevel.nuscenes.TableRecord.SampleData;
import dev.bevel.nuscenes.TableRecord.Scene;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.function.Function;

/** Checks that every link of the tables leads to a record; {@code ""} is no link. */
final class LinkCheck {
  private final NuScenesTables t;
  private final Workers workers;
  private final List<Future<?>> checks = new ArrayList<>();

  LinkCheck(NuScenesTables tables, Workers workers) {
    this.t = tables;
    this.workers = workers;
  }

  /**
   * Checks the fields one by one, several at a time.
   *
   * @throws NuScenesException naming table, record, field and token of the first that is broken
   */
  void run() {
    Links<Instance> instances = new Links<>("instance", t.instances());
    instances.to("category_token", Instance::categoryToken, "category", t.categories());
    instances.to(
        "first_annotation_token",
        Instance::firstAnnotationToken,
        "sample_annotation",
        t.annotations());
    instances.to(
        "last_annotation_token",
        Instance::lastAnnotationToken,
        "sample_annotation",
        t.annotations());
    Links<CalibratedSensor> calibrated = new Links<>("calibrated_sensor", t.calibratedSensors());
    calibrated.to("sensor_token", CalibratedSensor::sensorToken, "sensor", t.sensors());
    Links<Scene> scenes = new Links<>("scene", t.scenes());
    scenes.to("log_token", Scene::logToken, "log", t.logs());
    scenes.to("first_sample_token", Scene::firstSampleToken, "sample", t.samples());
    scenes.to("last_sample_token", Scene::lastSampleToken, "sample", t.samples());
    Links<Sample> samples = new Links<>("sample", t.samples());
    samples.to("scene_token", Sample::sceneToken, "scene", t.scenes());
    samples.to("prev", Sample::prev, "sample", t.samples());
    samples.to("next", Sample::next, "sample", t.samples());
    Links<SampleData> data = new Links<>("sample_data", t.sampleData());
    data.to("sample_token", SampleData::sampleToken, "sample", t.samples());
    data.to("ego_pose_token", SampleData::egoPoseToken, "ego_pose", t.egoPoses());
    data.to(
        "calibrated_sensor_token",
        SampleData::calibratedSensorToken,
        "calibrated_sensor",
        t.calibratedSensors());
    data.to("prev", SampleData::prev, "sample_data", t.sampleData());
    data.to("next", SampleData::next, "sample_data", t.sampleData());
    Links<SampleAnnotation> boxes = new Links<>("sample_annotation", t.annotations());
    boxes.to("sample_token", SampleAnnotation::sampleToken, "sample", t.samples());
    boxes.to("instance_token", SampleAnnotation::instanceToken, "instance", t.instances());
    boxes.to("visibility_token", SampleAnnotation::visibilityToken, "visibility", t.visibilities());
    boxes.to("prev", SampleAnnotation::prev, "sample_annotation", t.annotations());
    boxes.to("next", SampleAnnotation::next, "sample_annotation", t.annotations());
    boxes.toEach(
        "attribute_tokens", SampleAnnotation::attributeTokens, "attribute", t.attributes());
    Workers.await(checks);
  }

  /** The links of one table. */
  private final class Links<T extends TableRecord> {
    private final String table;
    private final Map<String, T> records;

    Links(String table, Map<String, T> records) {
      this.table = table;
      this.records = records;
    }

    void to(String field, Function<T, String> token, String target, Map<String, ?> to) {
      begin(record -> check(record, field, token.apply(record), target, to));
    }

    void toEach(String field, Function<T, List<String>> tokens, String target, Map<String, ?> to) {
      begin(
          record -> {
            for (String token : tokens.apply(record)) {
              check(record, field, token, target, to);
            }
          });
    }

    private void begin(Consumer<T> check) {
      checks.add(
          workers.begin(
              () -> {
                records.values().forEach(check);
                return null;
              }));
    }

    private void check(T record, String field, String token, String target, Map<String, ?> to) {
      if (!token.isEmpty() && !to.containsKey(token)) {
        throw new NuScenesException(
            "table %s, record %s, field %s: there is no record %s in table %s"
                .formatted(table, record.token(), field, token, target));
      }
    }
  }
}
