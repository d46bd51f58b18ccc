package dev.bevel.nuscenes;

import dev.bevel.nuscenes.TableRecord.CalibratedSensor;
import dev.bevel.nuscenes.TableRecord.Instance;
import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.TableRecord.SampleAnnotation;
import dev.bevel.nuscenes.TableRecord.SampleData;
import dev.bevel.nuscenes.TableRecord.Scene;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.ToLongFunction;

/**
 * Checks that every link of the tables leads to a record; {@code ""} is no link. Of the chains made
 * by {@code prev} and {@code next}, on which velocities and sweeps rest, also that they stay with
 * one scene, sensor or object, go on in time, and that a neighbour's link back, where it has one,
 * comes back.
 */
final class LinkCheck {
  private final NuScenesTables t;
  private final Workers workers;
  private final List<Future<?>> checks = new ArrayList<>();
  private final List<Runnable> chains = new ArrayList<>();

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
    samples.chain(new Chain<>(Sample::prev, Sample::next, Sample::sceneToken, Sample::timestamp));
    Links<SampleData> data = new Links<>("sample_data", t.sampleData());
    data.to("sample_token", SampleData::sampleToken, "sample", t.samples());
    data.to("ego_pose_token", SampleData::egoPoseToken, "ego_pose", t.egoPoses());
    data.to(
        "calibrated_sensor_token",
        SampleData::calibratedSensorToken,
        "calibrated_sensor",
        t.calibratedSensors());
    data.chain(
        new Chain<>(SampleData::prev, SampleData::next, this::sensor, SampleData::timestamp));
    Links<SampleAnnotation> boxes = new Links<>("sample_annotation", t.annotations());
    boxes.to("sample_token", SampleAnnotation::sampleToken, "sample", t.samples());
    boxes.to("instance_token", SampleAnnotation::instanceToken, "instance", t.instances());
    boxes.to("visibility_token", SampleAnnotation::visibilityToken, "visibility", t.visibilities());
    boxes.chain(
        new Chain<>(
            SampleAnnotation::prev,
            SampleAnnotation::next,
            SampleAnnotation::instanceToken,
            a -> NuScenesTables.get(t.samples(), "sample", a.sampleToken()).timestamp()));
    boxes.toEach(
        "attribute_tokens", SampleAnnotation::attributeTokens, "attribute", t.attributes());
    Workers.await(checks);
    checks.clear();
    chains.forEach(Runnable::run); // they follow other links, checked by now
    Workers.await(checks);
  }

  private String sensor(SampleData data) {
    return NuScenesTables.get(
            t.calibratedSensors(), "calibrated_sensor", data.calibratedSensorToken())
        .sensorToken();
  }

  /**
   * How records of a table follow each other.
   *
   * @param owner token of what all records of a chain share
   * @param time microseconds
   */
  private record Chain<T>(
      Function<T, String> prev,
      Function<T, String> next,
      Function<T, String> owner,
      ToLongFunction<T> time) {}

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

    void chain(Chain<T> chain) {
      chains.add(() -> begin(record -> checkNext(record, chain)));
      chains.add(() -> begin(record -> checkPrev(record, chain)));
    }

    private void checkNext(T record, Chain<T> chain) {
      String token = chain.next.apply(record);
      if (!token.isEmpty()) {
        T next = neighbour(record, "next", token);
        checkBack(record, "next", next, "prev", chain.prev.apply(next));
        checkNeighbours(record, "next", next, true, chain);
      }
    }

    private void checkPrev(T record, Chain<T> chain) {
      String token = chain.prev.apply(record);
      if (!token.isEmpty()) {
        T prev = neighbour(record, "prev", token);
        String back = chain.next.apply(prev);
        checkBack(record, "prev", prev, "next", back);
        if (back.isEmpty()) { // else the other way is checked
          checkNeighbours(record, "prev", prev, false, chain);
        }
      }
    }

    private T neighbour(T record, String field, String token) {
      T neighbour = records.get(token);
      if (neighbour == null) {
        throw dangling(record, field, token, table);
      }
      return neighbour;
    }

    private void checkBack(T record, String field, T neighbour, String backField, String back) {
      if (!back.isEmpty() && !back.equals(record.token())) {
        throw fault(
            record,
            field,
            String.format(
                Locale.ROOT, "leads to %s, whose %s is %s", neighbour.token(), backField, back));
      }
    }

    private void checkNeighbours(T record, String field, T other, boolean forward, Chain<T> chain) {
      String owner = chain.owner.apply(record);
      if (!owner.equals(chain.owner.apply(other))) {
        throw fault(
            record,
            field,
            String.format(
                Locale.ROOT,
                "leads to %s of %s, this is of %s",
                other.token(),
                chain.owner.apply(other),
                owner));
      }
      long before = chain.time.applyAsLong(forward ? record : other);
      long after = chain.time.applyAsLong(forward ? other : record);
      if (before >= after) {
        throw fault(
            record,
            field,
            String.format(
                Locale.ROOT,
                "leads to %s, but time %s µs",
                other == record ? "itself" : other.token(),
                before == after
                    ? "does not go on from " + before
                    : "goes back from " + before + " to " + after));
      }
    }

    private NuScenesException dangling(T record, String field, String token, String target) {
      return fault(
          record,
          field,
          String.format(Locale.ROOT, "there is no record %s in table %s", token, target));
    }

    private NuScenesException fault(T record, String field, String problem) {
      return new NuScenesException(
          String.format(
              Locale.ROOT,
              "table %s, record %s, field %s: %s",
              table,
              record.token(),
              field,
              problem));
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
        throw dangling(record, field, token, target);
      }
    }
  }
}
