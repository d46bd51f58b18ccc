package dev.bevel.bench.nuscenes;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.Pose;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.LongStream;

/** Writes the thirteen tables of a made-up data set, scene by scene. */
final class SyntheticTables implements Closeable {
  private static final List<String> LOCATIONS =
      List.of(
          "singapore-onenorth",
          "singapore-hollandvillage",
          "singapore-queenstown",
          "boston-seaport");
  private static final List<String> VISIBILITIES = List.of("v0-40", "v40-60", "v60-80", "v80-100");

  private static final double NEAR = 10;

  private final SyntheticSize size;
  private final SyntheticTokens tokens;
  private final Path folder;
  private final List<JsonTable> open = new ArrayList<>();
  private final JsonTable scenes;
  private final JsonTable samples;
  private final JsonTable calibrations;
  private final JsonTable sensorFiles;
  private final JsonTable egoPoses;
  private final JsonTable instances;
  private final JsonTable annotations;
  private long sampleCount;
  private long fileCount;
  private long instanceCount;
  private long annotationCount;

  /** Begins the tables, and writes those that do not depend on the scenes. */
  SyntheticTables(Path folder, SyntheticSize size, SyntheticTokens tokens) throws IOException {
    this.folder = folder;
    this.size = size;
    this.tokens = tokens;
    try {
      writeTaxonomy();
      writeDrives();
      scenes = open("scene");
      samples = open("sample");
      calibrations = open("calibrated_sensor");
      sensorFiles = open("sample_data");
      egoPoses = open("ego_pose");
      instances = open("instance");
      annotations = open("sample_annotation");
    } catch (IOException | RuntimeException e) {
      close();
      throw e;
    }
  }

  private JsonTable open(String table) throws IOException {
    JsonTable opened = new JsonTable(folder, table);
    open.add(opened);
    return opened;
  }

  private void writeTaxonomy() throws IOException {
    try (JsonTable categories = new JsonTable(folder, "category")) {
      for (int i = 0; i < ObjectKind.ALL.size(); i++) {
        named(categories, tokens.of("category", i), ObjectKind.ALL.get(i).category());
      }
    }
    try (JsonTable attributes = new JsonTable(folder, "attribute")) {
      for (int i = 0; i < ObjectKind.ATTRIBUTES.size(); i++) {
        named(attributes, tokens.of("attribute", i), ObjectKind.ATTRIBUTES.get(i));
      }
    }
    try (JsonTable visibilities = new JsonTable(folder, "visibility")) {
      for (int i = 0; i < VISIBILITIES.size(); i++) {
        visibilities.begin(Integer.toString(i + 1)).text("level", VISIBILITIES.get(i));
        visibilities.text("description", "").end();
      }
    }
    try (JsonTable sensors = new JsonTable(folder, "sensor")) {
      for (int i = 0; i < SyntheticSensor.ALL.size(); i++) {
        SyntheticSensor sensor = SyntheticSensor.ALL.get(i);
        sensors.begin(tokens.of("sensor", i)).text("channel", sensor.channel());
        sensors.text("modality", sensor.modality()).end();
      }
    }
  }

  private static void named(JsonTable table, String token, String name) throws IOException {
    table.begin(token).text("name", name).text("description", "made up").end();
  }

  private void writeDrives() throws IOException {
    try (JsonTable logs = new JsonTable(folder, "log")) {
      for (int i = 0; i < size.logs(); i++) {
        logs.begin(tokens.of("log", i)).text("logfile", logfile(i)).text("vehicle", "n015");
        logs.text("date_captured", "2018-07-24").text("location", location(i)).end();
      }
    }
    try (JsonTable maps = new JsonTable(folder, "map")) {
      for (int i = 0; i < LOCATIONS.size(); i++) {
        int map = i;
        List<String> own =
            LongStream.range(0, size.logs())
                .filter(log -> location((int) log).equals(LOCATIONS.get(map)))
                .mapToObj(log -> tokens.of("log", log))
                .toList();
        maps.begin(tokens.of("map", i)).text("category", "semantic_prior");
        maps.text("filename", "maps/" + tokens.of("map", i) + ".png").tokens("log_tokens", own);
        maps.end();
      }
    }
  }

  private static String location(int log) {
    return LOCATIONS.get(log % LOCATIONS.size());
  }

  private static String logfile(int log) {
    return String.format(Locale.ROOT, "n015-2018-07-%02d-11-%02d-45+0800", 1 + log % 28, log / 28);
  }

  private int logOf(int scene) {
    return (int) ((long) scene * size.logs() / size.scenes());
  }

  /** The token of a sample of the next scene to write. */
  String sampleToken(int sample) {
    return tokens.of("sample", sampleCount + sample);
  }

  /**
   * Writes all records of the next scene; its sensor files and annotations in no order, as those of
   * the real tables are.
   */
  void write(SyntheticScene scene, SplittableRandom random) throws IOException {
    writeScene(scene);
    writeFiles(scene, random);
    writeObjects(scene, random);
    sampleCount += scene.samples();
  }

  private void writeScene(SyntheticScene scene) throws IOException {
    String token = tokens.of("scene", scene.index());
    scenes.begin(token).text("log_token", tokens.of("log", logOf(scene.index())));
    scenes.number("nbr_samples", scene.samples()).text("first_sample_token", sampleToken(0));
    scenes.text("last_sample_token", sampleToken(scene.samples() - 1));
    scenes.text("name", name(scene.index())).text("description", "made up").end();
    for (int i = 0; i < scene.samples(); i++) {
      samples.begin(sampleToken(i)).number("timestamp", scene.time(i));
      samples.text("prev", i == 0 ? "" : sampleToken(i - 1));
      samples.text("next", i == scene.samples() - 1 ? "" : sampleToken(i + 1));
      samples.text("scene_token", token).end();
    }
  }

  /** Names that no official split has. */
  static String name(int scene) {
    return String.format(Locale.ROOT, "scene-%05d", 10_000 + scene);
  }

  private void writeFiles(SyntheticScene scene, SplittableRandom random) throws IOException {
    int sensors = SyntheticSensor.ALL.size();
    double[] rates = SyntheticSensor.ALL.stream().mapToDouble(SyntheticSensor::rate).toArray();
    int total = size.ofScene(size.sampleData(), scene.index());
    int[] counts = SyntheticSize.apportion(total, rates);
    int[] sensorOf = new int[total];
    int[] firstOf = new int[sensors];
    int end = 0;
    for (int i = 0; i < sensors; i++) {
      writeCalibration(SyntheticSensor.ALL.get(i), i, calibration(scene, i), random);
      firstOf[i] = end;
      end += counts[i];
      Arrays.fill(sensorOf, firstOf[i], end, i);
    }
    for (int file : shuffled(total, random)) {
      int sensor = sensorOf[file];
      writeFile(scene, sensor, file - firstOf[sensor], counts[sensor], fileCount + file);
    }
    fileCount += total;
  }

  private String calibration(SyntheticScene scene, int sensor) {
    return tokens.of(
        "calibrated_sensor", (long) scene.index() * SyntheticSensor.ALL.size() + sensor);
  }

  /**
   * Writes one of the files of a sensor, which lie evenly in time; of those up to a sample's time
   * the last is its key frame.
   *
   * @param i number of the file among the sensor's in the scene, in order of time
   * @param count of the sensor's files in the scene
   * @param number of the record
   */
  private void writeFile(SyntheticScene scene, int sensorIndex, int i, int count, long number)
      throws IOException {
    SyntheticSensor sensor = SyntheticSensor.ALL.get(sensorIndex);
    int sample = (int) (((long) (i + 1) * scene.samples() - 1) / count);
    boolean key = i + 1 == (int) ((long) (sample + 1) * count / scene.samples());
    long late = sensor.isLidar() ? 0 : 1_000L * (sensorIndex + 1);
    long time =
        sensor.isLidar() && key
            ? scene.time(sample)
            : scene.time((i + 1.0) / count * scene.samples() - 1) - late;
    String token = tokens.of("sample_data", number);
    writePose(token, time, scene.path().at(scene.seconds(time)));
    sensorFiles.begin(token).text("sample_token", sampleToken(sample));
    sensorFiles.text("ego_pose_token", token);
    sensorFiles.text("calibrated_sensor_token", calibration(scene, sensorIndex));
    sensorFiles.number("timestamp", time).text("fileformat", sensor.isCamera() ? "jpg" : "pcd");
    sensorFiles.truth("is_key_frame", key).number("height", sensor.isCamera() ? 900 : 0);
    sensorFiles.number("width", sensor.isCamera() ? 1600 : 0);
    sensorFiles.text("filename", filename(logOf(scene.index()), sensor, time, key));
    sensorFiles.text("prev", i == 0 ? "" : tokens.of("sample_data", number - 1));
    sensorFiles.text("next", i == count - 1 ? "" : tokens.of("sample_data", number + 1)).end();
  }

  private static String filename(int log, SyntheticSensor sensor, long time, boolean key) {
    String channel = sensor.channel();
    return (key ? "samples/" : "sweeps/")
        + channel
        + "/"
        + logfile(log)
        + "__"
        + channel
        + "__"
        + time
        + sensor.ending();
  }

  private void writeCalibration(
      SyntheticSensor sensor, int index, String token, SplittableRandom random) throws IOException {
    Pose pose = sensor.sensorToEgo();
    calibrations.begin(token).text("sensor_token", tokens.of("sensor", index));
    calibrations.numbers(
        "translation", pose.tx() + random.nextDouble(-0.02, 0.02), pose.ty(), pose.tz());
    calibrations.numbers("rotation", pose.qw(), pose.qx(), pose.qy(), pose.qz());
    if (sensor.isCamera()) {
      double focal = sensor.focal() * random.nextDouble(0.99, 1.01);
      calibrations.matrix(
          "camera_intrinsic",
          new double[] {focal, 0, random.nextDouble(790, 830)},
          new double[] {0, focal, random.nextDouble(470, 510)},
          new double[] {0, 0, 1});
    } else {
      calibrations.numbers("camera_intrinsic");
    }
    calibrations.end();
  }

  private void writePose(String token, long time, Pose pose) throws IOException {
    egoPoses.begin(token).number("timestamp", time);
    egoPoses.numbers("rotation", pose.qw(), pose.qx(), pose.qy(), pose.qz());
    egoPoses.numbers("translation", pose.tx(), pose.ty(), pose.tz()).end();
  }

  private void writeObjects(SyntheticScene scene, SplittableRandom random) throws IOException {
    int total = size.ofScene(size.annotations(), scene.index());
    int[] objectOf = new int[total];
    int[] firstOf = new int[scene.objects().size()];
    int end = 0;
    for (int i = 0; i < firstOf.length; i++) {
      SyntheticObject object = scene.objects().get(i);
      firstOf[i] = end;
      end += object.samples();
      Arrays.fill(objectOf, firstOf[i], end, i);
      instances.begin(tokens.of("instance", instanceCount + i));
      instances.text(
          "category_token", tokens.of("category", ObjectKind.ALL.indexOf(object.kind())));
      instances.number("nbr_annotations", object.samples());
      instances.text("first_annotation_token", annotation(annotationCount + firstOf[i]));
      instances.text("last_annotation_token", annotation(annotationCount + end - 1)).end();
    }
    for (int box : shuffled(total, random)) {
      int object = objectOf[box];
      writeAnnotation(scene, object, box - firstOf[object], annotationCount + box, random);
    }
    instanceCount += firstOf.length;
    annotationCount += total;
  }

  /**
   * Writes one of the boxes of an object.
   *
   * @param i number of the box among the object's
   * @param number of the record
   */
  private void writeAnnotation(
      SyntheticScene scene, int objectIndex, int i, long number, SplittableRandom random)
      throws IOException {
    SyntheticObject object = scene.objects().get(objectIndex);
    int sample = object.first() + i;
    Box3d box = object.at(sample);
    Pose pose = box.pose();
    Pose ego = scene.path().at(scene.seconds(scene.time(sample)));
    double squared = square(box.x() - ego.tx()) + square(box.y() - ego.ty());
    annotations.begin(annotation(number)).text("sample_token", sampleToken(sample));
    annotations.text("instance_token", tokens.of("instance", instanceCount + objectIndex));
    // Of near boxes the cameras may see nothing: between two of them, or below.
    int visibility = squared < NEAR * NEAR ? 1 : random.nextInt(1, 5);
    annotations.text("visibility_token", Integer.toString(visibility));
    int attribute = ObjectKind.ATTRIBUTES.indexOf(object.attribute());
    annotations.tokens(
        "attribute_tokens", attribute < 0 ? List.of() : List.of(tokens.of("attribute", attribute)));
    annotations.numbers("translation", pose.tx(), pose.ty(), pose.tz());
    annotations.numbers("size", box.width(), box.length(), box.height());
    annotations.numbers("rotation", pose.qw(), pose.qx(), pose.qy(), pose.qz());
    annotations.text("prev", i == 0 ? "" : annotation(number - 1));
    annotations.text("next", i == object.samples() - 1 ? "" : annotation(number + 1));
    annotations.number("num_lidar_pts", (long) (random.nextDouble(8000) / (squared + 1)));
    annotations.number("num_radar_pts", random.nextInt(4) / 3).end();
  }

  private String annotation(long number) {
    return tokens.of("sample_annotation", number);
  }

  private static int[] shuffled(int count, SplittableRandom random) {
    int[] order = new int[count];
    for (int i = 0; i < count; i++) {
      int other = random.nextInt(i + 1);
      order[i] = order[other];
      order[other] = i;
    }
    return order;
  }

  private static double square(double value) {
    return value * value;
  }

  /** Ends the tables. */
  @Override
  public void close() throws IOException {
    IOException failed = null;
    for (JsonTable table : open) {
      try {
        table.close();
      } catch (IOException e) {
        failed = e;
      }
    }
    if (failed != null) {
      throw failed;
    }
  }
}
