package dev.bevel.nuscenes.validation;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.bevel.nuscenes.simulator.SimulationSettings;
import dev.bevel.nuscenes.simulator.Simulator;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;

/**
 * A simulated data set, two scenes of 2 s with sweeps at 160×90, in memory to be damaged. What is
 * written has its own tables and links to the files of the sound set.
 */
final class EditableSet {
  static final String VERSION = Simulator.VERSION;

  static final List<String> TABLES =
      List.of(
          "attribute",
          "calibrated_sensor",
          "category",
          "ego_pose",
          "instance",
          "log",
          "map",
          "sample",
          "sample_annotation",
          "sample_data",
          "scene",
          "sensor",
          "visibility");

  private static final ObjectMapper JSON =
      JsonMapper.builder().disable(JsonWriteFeature.WRITE_NAN_AS_STRINGS).build();

  private final Path base;
  private final Map<String, List<Map<String, Object>>> tables = new LinkedHashMap<>();
  private final Map<String, String> texts = new HashMap<>();
  private final Map<String, Optional<byte[]>> files = new HashMap<>();

  /** Simulates the set that all tests start from. */
  static Path simulate(Path folder) {
    Path set = folder.resolve("simulated");
    Simulator.run(
        SimulationSettings.of(2, 2, 7).withImageSize(160, 90).withSweeps(2, 1).withThreads(2),
        set,
        (done, all) -> {});
    return set;
  }

  /** Reads a set. */
  EditableSet(Path base) {
    this.base = base;
    for (String table : TABLES) {
      try {
        tables.put(
            table,
            JSON.readValue(
                base.resolve(VERSION).resolve(table + ".json").toFile(), new TypeReference<>() {}));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  List<Map<String, Object>> table(String table) {
    return requireNonNull(tables.get(table));
  }

  Map<String, Object> record(String table, Object token) {
    return table(table).stream()
        .filter(record -> token.equals(record.get("token")))
        .findFirst()
        .orElseThrow();
  }

  /** One of the records in which a field is neither blank nor empty. */
  Map<String, Object> any(String table, String field, Random random) {
    List<Map<String, Object>> candidates =
        table(table).stream()
            .filter(record -> !List.of("", List.of()).contains(record.get(field)))
            .toList();
    return candidates.get(random.nextInt(candidates.size()));
  }

  /** Where a field leads. */
  Map<String, Object> follow(Map<String, Object> record, String field, String table) {
    return record(table, requireNonNull(record.get(field)));
  }

  /** The records of one channel. */
  List<Map<String, Object>> files(String channel, boolean keyFrames) {
    return table("sample_data").stream()
        .filter(record -> keyFrames == (boolean) requireNonNull(record.get("is_key_frame")))
        .filter(record -> channel.equals(channel(record)))
        .toList();
  }

  Object channel(Map<String, Object> sampleData) {
    Map<String, Object> calibrated =
        follow(sampleData, "calibrated_sensor_token", "calibrated_sensor");
    return requireNonNull(follow(calibrated, "sensor_token", "sensor").get("channel"));
  }

  static String token(Map<String, Object> record) {
    return (String) requireNonNull(record.get("token"));
  }

  static String text(Map<String, Object> record, String field) {
    return (String) requireNonNull(record.get(field));
  }

  static long number(Map<String, Object> record, String field) {
    return ((Number) requireNonNull(record.get(field))).longValue();
  }

  @SuppressWarnings("unchecked")
  static List<Object> list(Map<String, Object> record, String field) {
    return (List<Object>) requireNonNull(record.get(field));
  }

  /** Adds to one element of a list of numbers. */
  static void add(Map<String, Object> record, String field, int element, double amount) {
    List<Object> list = list(record, field);
    list.set(element, ((Number) list.get(element)).doubleValue() + amount);
  }

  /** Turns a rotation by an angle about the vertical of the outer frame. */
  static void turn(Map<String, Object> record, double degrees) {
    double[] q =
        list(record, "rotation").stream().mapToDouble(n -> ((Number) n).doubleValue()).toArray();
    double c = Math.cos(Math.toRadians(degrees) / 2);
    double s = Math.sin(Math.toRadians(degrees) / 2);
    record.put(
        "rotation",
        List.of(
            c * q[0] - s * q[3], c * q[1] - s * q[2], c * q[2] + s * q[1], c * q[3] + s * q[0]));
  }

  /** A table or split file that is written as it stands here. */
  void replaceText(String name, String text) {
    texts.put(name, text);
  }

  /** A table as it would be written. */
  String json(String table) {
    try {
      return JSON.writeValueAsString(table(table));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void removeTable(String table) {
    tables.remove(table);
  }

  byte[] file(String name) {
    try {
      return Files.readAllBytes(base.resolve(name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A sensor or map file with other content. */
  void replaceFile(String name, byte[] content) {
    files.put(name, Optional.of(content));
  }

  /** A sensor or map file that is not there. */
  void removeFile(String name) {
    files.put(name, Optional.empty());
  }

  Path write(Path folder) {
    try {
      Path tableFolder = Files.createDirectories(folder.resolve(VERSION));
      for (String table : tables.keySet()) {
        Files.writeString(tableFolder.resolve(table + ".json"), json(table));
      }
      Files.copy(base.resolve(VERSION).resolve("splits.json"), tableFolder.resolve("splits.json"));
      for (var text : texts.entrySet()) {
        Files.writeString(tableFolder.resolve(text.getKey()), text.getValue());
      }
      for (String top : List.of("samples", "sweeps", "maps")) {
        link(base.resolve(top), folder.resolve(top));
      }
      for (var file : files.entrySet()) {
        Path target = folder.resolve(file.getKey());
        Files.delete(target);
        if (file.getValue().isPresent()) {
          Files.write(target, file.getValue().get());
        }
      }
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Whole folders, or file by file where one of them is another. */
  private void link(Path from, Path to) throws IOException {
    if (files.isEmpty() || Files.isRegularFile(from)) {
      Files.createSymbolicLink(to, from);
      return;
    }
    Files.createDirectory(to);
    try (Stream<Path> entries = Files.list(from)) {
      for (Path entry : entries.toList()) {
        link(entry, to.resolve(entry.getFileName()));
      }
    }
  }
}
