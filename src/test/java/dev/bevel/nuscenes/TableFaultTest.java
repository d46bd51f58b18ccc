package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every kind of fault in every table and field is named: table, record and field. Missing fields,
 * other types and links that lead nowhere are {@link NuScenesTest}'s.
 */
class TableFaultTest {
  @TempDir Path root;

  private void assertNamed(
      TinyNuScenes tiny, String table, @Nullable Object token, String field, String why) {
    tiny.write();
    assertThatThrownBy(() -> NuScenes.load(root))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("table ")
        .hasMessageContaining(table)
        .hasMessageContaining(String.valueOf(token))
        .hasMessageContaining("field " + field)
        .hasMessageContaining(why);
  }

  /** All fields of the made-up set that hold arrays of numbers. */
  static Stream<Arguments> arrays() {
    return fields(
        value -> value instanceof List<?> l && !l.isEmpty() && l.get(0) instanceof Number);
  }

  /** All fields that hold whole numbers. */
  static Stream<Arguments> integers() {
    return fields(value -> value instanceof Integer || value instanceof Long);
  }

  private static Stream<Arguments> fields(Predicate<Object> kind) {
    List<Arguments> fields = new ArrayList<>();
    new TinyNuScenes(Path.of("unused"))
        .tables.forEach(
            (table, records) ->
                records
                    .getFirst()
                    .forEach(
                        (field, value) -> {
                          if (kind.test(value)) {
                            fields.add(Arguments.of(table, field));
                          }
                        }));
    return fields.stream();
  }

  @ParameterizedTest
  @MethodSource("arrays")
  void arraysHaveTheirLengthAndFiniteNumbers(String table, String field) throws IOException {
    for (int change = 0; change < 4; change++) {
      TinyNuScenes tiny = new TinyNuScenes(root);
      Map<String, Object> record = tiny.record(table, 0);
      List<Object> numbers = new ArrayList<>((List<?>) Objects.requireNonNull(record.get(field)));
      switch (change) {
        case 0 -> numbers.removeLast();
        case 1 -> numbers.add(1.0);
        case 2 -> numbers.set(1, "1.0");
        default -> numbers.set(1, List.of(1.0));
      }
      record.put(field, numbers);
      String expected =
          "an array of " + (numbers.size() + (change == 0 ? 1 : change == 1 ? -1 : 0));
      assertNamed(tiny, table, record.get("token"), field, expected);
    }
    // A number beyond a double's range.
    TinyNuScenes tiny = new TinyNuScenes(root);
    Map<String, Object> record = tiny.record(table, 0);
    List<Object> numbers = new ArrayList<>((List<?>) Objects.requireNonNull(record.get(field)));
    numbers.set(1, 0.987654321);
    record.put(field, numbers);
    tiny.write();
    for (String number : List.of("1e999", "-1e999", "NaN", "Infinity")) {
      Path file = root.resolve(TinyNuScenes.VERSION).resolve(table + ".json");
      tiny.write();
      Files.writeString(file, Files.readString(file).replaceFirst("0\\.987654321", number));
      assertThatThrownBy(() -> NuScenes.load(root))
          .as(number)
          .isInstanceOf(NuScenesException.class)
          .hasMessageContaining(table + ".json")
          .hasMessageContaining(number.contains("e") ? "field " + field : "line 1, column");
    }
  }

  @ParameterizedTest
  @MethodSource("integers")
  void wholeNumbersAreInRange(String table, String field) {
    for (Object bad : List.of(-1, 0.5, "7", true, 1e30, List.of(1))) {
      TinyNuScenes tiny = new TinyNuScenes(root);
      Map<String, Object> record = tiny.record(table, 0);
      record.put(field, bad);
      assertNamed(tiny, table, record.get("token"), field, "must be");
    }
  }

  static Stream<String> tables() {
    return new TinyNuScenes(Path.of("unused")).tables.keySet().stream();
  }

  @ParameterizedTest
  @MethodSource("tables")
  void tokensAreUnique(String table) {
    TinyNuScenes tiny = new TinyNuScenes(root);
    tiny.table(table).add(tiny.record(table, 0));
    tiny.write();
    assertThatThrownBy(() -> NuScenes.load(root))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining(table + ".json")
        .hasMessageContaining("two records")
        .hasMessageContaining((String) tiny.record(table, 0).get("token"));
  }

  @ParameterizedTest
  @MethodSource("tables")
  void absentTablesAndOtherJsonAreNamed(String table) throws IOException {
    Path file = root.resolve(TinyNuScenes.VERSION).resolve(table + ".json");
    for (String text :
        List.of("", "{}", "[1]", "[[]]", "[{}]", "null", "[] []", "[{\"token\": 5}]")) {
      new TinyNuScenes(root).write();
      Files.writeString(file, text);
      assertThatThrownBy(() -> NuScenes.load(root))
          .as(text)
          .isInstanceOf(NuScenesException.class)
          .hasMessageContaining(table + ".json");
    }
    Files.delete(file);
    assertThatThrownBy(() -> NuScenes.load(root)).hasMessageContaining(table + ".json does not");
  }

  /**
   * A chain's fault: record, field, the token it leads to, and how the message puts it. A link back
   * that is wrong is named at the record it does not come back to.
   */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "sample_annotation|car-0|next|car-2|leads to car-2, whose prev is car-1",
        "sample_annotation|car-2|prev|car-0|record car-1, field next: leads to car-2, whose prev is car-0",
        "sample_annotation|car-1|next|car-1|leads to car-1, whose prev is car-0",
        "sample_annotation|car-2|next|dog-0|leads to dog-0 of instance-dog, this is of instance-car",
        "sample_annotation|car-0|prev|dog-2|leads to dog-2 of instance-dog, this is of instance-car",
        "sample_annotation|car-2|next|car-0|time goes back from",
        "sample|sample-0|next|sample-2|leads to sample-2, whose prev is sample-1",
        "sample|sample-2|next|sample-0|time goes back from 1500000001000000 to 1500000000000000 µs",
        "sample_data|LIDAR_TOP-2|prev|CAM_BACK-1|record LIDAR_TOP-1, field next: leads to LIDAR_TOP-2, whose prev is CAM_BACK-1",
        "sample_data|LIDAR_TOP-0|prev|CAM_BACK-2|of sensor-CAM_BACK, this is of sensor-LIDAR_TOP",
        "sample_data|LIDAR_TOP-0|prev|LIDAR_TOP-2|time goes back from",
      })
  void brokenChainsAreNamed(String table, String token, String field, String to, String problem) {
    TinyNuScenes tiny = new TinyNuScenes(root);
    tiny.table(table).stream()
        .filter(record -> token.equals(record.get("token")))
        .forEach(record -> record.put(field, to));
    String where =
        problem.startsWith("record")
            ? ""
            : String.format(Locale.ROOT, "record %s, field %s: ", token, field);
    tiny.write();
    assertThatThrownBy(() -> NuScenes.load(root))
        .isInstanceOf(NuScenesException.class)
        .hasMessageStartingWith("table " + table + ", " + where)
        .hasMessageContaining(problem);
  }

  @Test
  void chainsThatLeaveTheSceneAreNamed() {
    TinyNuScenes tiny = new TinyNuScenes(root);
    Map<String, Object> other = new LinkedHashMap<>(tiny.record("scene", 0));
    other.put("token", "scene-1");
    tiny.table("scene").add(other);
    tiny.record("sample", 1).put("scene_token", "scene-1");
    assertNamed(
        tiny,
        "table sample",
        "sample-0",
        "next",
        "leads to sample-1 of scene-1, this is of scene-0");
  }

  /** Trimmed sets cut chains on one side only. */
  @Test
  void chainsMayEndOnOneSide() {
    for (String field : List.of("prev", "next")) {
      TinyNuScenes tiny = new TinyNuScenes(root);
      for (String table : List.of("sample", "sample_data", "sample_annotation")) {
        tiny.table(table).forEach(record -> record.put(field, ""));
      }
      assertThat(NuScenes.load(tiny.write().root).samples()).hasSize(3);
    }
  }
}
