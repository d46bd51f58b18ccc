package dev.bevel.nuscenes;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import javax.imageio.ImageIO;

/**
 * A made-up data set in nuScenes tables: one scene, three key frames 0.5 s apart, six cameras of
 * 160×90 pixels and a LiDAR, two objects of detection classes and one of an ignored category. Tests
 * change {@link #tables} before {@link #write} to plant faults.
 */
public final class TinyNuScenes {
  static final String VERSION = "v1.0-mini";
  static final int WIDTH = 160;
  static final int HEIGHT = 90;
  static final double FOCAL = 126;

  /** Velocity of the car in the global frame, m/s. */
  static final double[] CAR_VELOCITY = {4, -2, 0};

  final Path root;
  final Map<String, List<Map<String, Object>>> tables = new LinkedHashMap<>();

  /** A set to be written to {@code root}. */
  public TinyNuScenes(Path root) {
    this.root = root;
    taxonomy();
    sensors();
    scene();
    objects();
  }

  List<Map<String, Object>> table(String table) {
    return Objects.requireNonNull(tables.get(table));
  }

  Map<String, Object> record(String table, int index) {
    return table(table).get(index);
  }

  private Map<String, Object> add(String table, String token, Object... namesAndValues) {
    Map<String, Object> record = new LinkedHashMap<>();
    record.put("token", token);
    for (int i = 0; i < namesAndValues.length; i += 2) {
      record.put((String) namesAndValues[i], namesAndValues[i + 1]);
    }
    tables.computeIfAbsent(table, t -> new ArrayList<>()).add(record);
    return record;
  }

  private void taxonomy() {
    for (String name : List.of("vehicle.car", "human.pedestrian.adult", "animal")) {
      add("category", "category-" + name, "name", name, "description", "");
    }
    add("attribute", "attribute-moving", "name", "vehicle.moving", "description", "");
    add("visibility", "4", "level", "v80-100", "description", "");
    add(
        "log",
        "log-0",
        "logfile",
        "n000",
        "vehicle",
        "n000",
        "date_captured",
        "2018-01-01",
        "location",
        "boston-seaport");
    add(
        "map",
        "map-0",
        "category",
        "semantic_prior",
        "filename",
        "maps/none.png",
        "log_tokens",
        List.of("log-0", "log-of-a-larger-set"));
  }

  private void sensors() {
    double h = Math.sqrt(0.5);
    add("sensor", "sensor-LIDAR_TOP", "channel", "LIDAR_TOP", "modality", "lidar");
    add(
        "calibrated_sensor",
        "calibrated-LIDAR_TOP",
        "sensor_token",
        "sensor-LIDAR_TOP",
        "translation",
        List.of(0.94, 0.0, 1.84),
        "rotation",
        List.of(h, 0.0, 0.0, -h),
        "camera_intrinsic",
        List.of());
    double[] yaws = {55, 0, -55, 110, 180, -110};
    for (int i = 0; i < 6; i++) {
      String channel = DetectionSample.CAMERA_ORDER.get(i);
      Pose mounted =
          Pose.ofYaw(1.5, 0.1 * i, 1.5, Math.toRadians(yaws[i]))
              .compose(new Pose(.5, -.5, .5, -.5, 0, 0, 0));
      add("sensor", "sensor-" + channel, "channel", channel, "modality", "camera");
      add(
          "calibrated_sensor",
          "calibrated-" + channel,
          "sensor_token",
          "sensor-" + channel,
          "translation",
          List.of(mounted.tx(), mounted.ty(), mounted.tz()),
          "rotation",
          List.of(mounted.qw(), mounted.qx(), mounted.qy(), mounted.qz()),
          "camera_intrinsic",
          List.of(
              List.of(FOCAL, 0.0, WIDTH / 2.0),
              List.of(0.0, FOCAL, HEIGHT / 2.0),
              List.of(0, 0, 1)));
    }
  }

  private static long time(int sample) {
    return 1_500_000_000_000_000L + 500_000L * sample;
  }

  private void scene() {
    add(
        "scene",
        "scene-0",
        "name",
        "scene-0001",
        "description",
        "made up",
        "log_token",
        "log-0",
        "nbr_samples",
        3,
        "first_sample_token",
        "sample-0",
        "last_sample_token",
        "sample-2");
    for (int s = 0; s < 3; s++) {
      add(
          "sample",
          "sample-" + s,
          "timestamp",
          time(s),
          "scene_token",
          "scene-0",
          "prev",
          near("sample", s - 1),
          "next",
          near("sample", s + 1));
      sensorFile(s, "LIDAR_TOP", time(s), "pcd", 0, 0);
      for (int i = 0; i < 6; i++) {
        sensorFile(
            s,
            DetectionSample.CAMERA_ORDER.get(i),
            time(s) - 7_000L * (i + 1),
            "jpg",
            WIDTH,
            HEIGHT);
      }
    }
  }

  private static String near(String prefix, int index) {
    return index < 0 || index > 2 ? "" : prefix + "-" + index;
  }

  private void sensorFile(int s, String channel, long time, String format, int width, int height) {
    double seconds = (time - time(0)) * 1e-6;
    Pose ego = Pose.ofYaw(100 + 8 * seconds, 50 + 3 * seconds, 0, 0.3 + 0.1 * seconds);
    String token = channel + "-" + s;
    add(
        "ego_pose",
        token,
        "timestamp",
        time,
        "translation",
        List.of(ego.tx(), ego.ty(), ego.tz()),
        "rotation",
        List.of(ego.qw(), ego.qx(), ego.qy(), ego.qz()));
    add(
        "sample_data",
        token,
        "sample_token",
        "sample-" + s,
        "ego_pose_token",
        token,
        "calibrated_sensor_token",
        "calibrated-" + channel,
        "filename",
        "samples/" + channel + "/" + token + extension(channel),
        "fileformat",
        format,
        "width",
        width,
        "height",
        height,
        "timestamp",
        time,
        "is_key_frame",
        true,
        "prev",
        near(channel, s - 1),
        "next",
        near(channel, s + 1));
  }

  private static String extension(String channel) {
    return switch (channel.substring(0, channel.indexOf('_'))) {
      case "LIDAR" -> ".pcd.bin";
      case "RADAR" -> ".pcd";
      default -> ".jpg";
    };
  }

  /** Adds a radar at the vehicle's nose, turned by {@code yaw}, with a file in each key frame. */
  TinyNuScenes addRadar(String channel, double yaw) {
    Pose mounted = Pose.ofYaw(3.4, 0.2, 0.5, yaw);
    add("sensor", "sensor-" + channel, "channel", channel, "modality", "radar");
    add(
        "calibrated_sensor",
        "calibrated-" + channel,
        "sensor_token",
        "sensor-" + channel,
        "translation",
        List.of(mounted.tx(), mounted.ty(), mounted.tz()),
        "rotation",
        List.of(mounted.qw(), mounted.qx(), mounted.qy(), mounted.qz()),
        "camera_intrinsic",
        List.of());
    for (int s = 0; s < 3; s++) {
      sensorFile(s, channel, time(s) - 20_000, "pcd", 0, 0);
    }
    return this;
  }

  private void objects() {
    object(
        "car",
        "vehicle.car",
        List.of("attribute-moving"),
        CAR_VELOCITY,
        115,
        58,
        0.9,
        List.of(1.9, 4.6, 1.7));
    object("dog", "animal", List.of(), new double[3], 105, 60, 0.3, List.of(0.3, 0.8, 0.6));
    object(
        "person",
        "human.pedestrian.adult",
        List.of(),
        new double[] {0, 1, 0},
        96,
        40,
        0.9,
        List.of(0.6, 0.7, 1.8));
  }

  private void object(
      String name,
      String category,
      List<String> attributes,
      double[] v,
      double x,
      double y,
      double z,
      List<Double> size) {
    add(
        "instance",
        "instance-" + name,
        "category_token",
        "category-" + category,
        "nbr_annotations",
        3,
        "first_annotation_token",
        name + "-0",
        "last_annotation_token",
        name + "-2");
    for (int s = 0; s < 3; s++) {
      add(
          "sample_annotation",
          name + "-" + s,
          "sample_token",
          "sample-" + s,
          "instance_token",
          "instance-" + name,
          "visibility_token",
          s == 0 ? "" : "4",
          "attribute_tokens",
          attributes,
          "translation",
          List.of(x + v[0] * 0.5 * s, y + v[1] * 0.5 * s, z),
          "size",
          size,
          "rotation",
          List.of(Math.cos(0.2), 0.0, 0.0, Math.sin(0.2)),
          "num_lidar_pts",
          s,
          "num_radar_pts",
          0,
          "prev",
          near(name, s - 1),
          "next",
          near(name, s + 1));
    }
  }

  /** Writes the tables. */
  public TinyNuScenes write() {
    try {
      Path folder = Files.createDirectories(root.resolve(VERSION));
      for (var table : tables.entrySet()) {
        try (JsonGenerator json =
            new JsonFactory()
                .createGenerator(Files.newOutputStream(folder.resolve(table.getKey() + ".json")))) {
          writeValue(json, table.getValue());
        }
      }
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void writeValue(JsonGenerator json, Object value) throws IOException {
    switch (value) {
      case List<?> list -> {
        json.writeStartArray();
        for (Object element : list) {
          writeValue(json, element);
        }
        json.writeEndArray();
      }
      case Map<?, ?> map -> {
        json.writeStartObject();
        for (var entry : map.entrySet()) {
          json.writeFieldName((String) entry.getKey());
          writeValue(json, entry.getValue());
        }
        json.writeEndObject();
      }
      case Double d -> json.writeNumber(d);
      case Integer i -> json.writeNumber(i);
      case Long l -> json.writeNumber(l);
      case Boolean b -> json.writeBoolean(b);
      default -> json.writeString(value.toString());
    }
  }

  /** Writes six JPEGs, each of one grey level, and the LiDAR file of one key frame. */
  public TinyNuScenes writeSensorFiles(int sample, float... lidar) {
    try {
      for (int i = 0; i < 6; i++) {
        String channel = DetectionSample.CAMERA_ORDER.get(i);
        Path file = root.resolve("samples/" + channel + "/" + channel + "-" + sample + ".jpg");
        Files.createDirectories(file.getParent());
        BufferedImage image = new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_3BYTE_BGR);
        for (int p = 0; p < WIDTH * HEIGHT; p++) {
          image.setRGB(p % WIDTH, p / WIDTH, 0x010101 * (40 * i + 20));
        }
        ImageIO.write(image, "jpg", file.toFile());
      }
      return writeLidar(sample, lidar);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes the LiDAR file of one key frame. */
  TinyNuScenes writeLidar(int sample, float... lidar) {
    ByteBuffer bytes = ByteBuffer.allocate(lidar.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(lidar);
    return writeFile("samples/LIDAR_TOP/LIDAR_TOP-" + sample + ".pcd.bin", bytes.array());
  }

  /** Writes one file. */
  TinyNuScenes writeFile(String name, byte[] bytes) {
    try {
      Path file = root.resolve(name);
      Files.createDirectories(file.getParent());
      Files.write(file, bytes);
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
