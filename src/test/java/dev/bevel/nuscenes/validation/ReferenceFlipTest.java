package dev.bevel.nuscenes.validation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.testing.Seed;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Every foreign key of every table, flipped in every way: the validator names the record. */
class ReferenceFlipTest {
  private static final int RECORDS_EACH = 2;
  private static final Random RANDOM = Seed.random(ReferenceFlipTest.class);

  @TempDir private static Path folder;
  private static Path base = Path.of("");
  private static int writes;

  /** A field of a table that leads to another. */
  record Key(String table, String field, String target, boolean isList) {
    @Override
    public String toString() {
      return String.format(Locale.ROOT, "%s.%s → %s", table, field, target);
    }
  }

  /** The published schema's foreign keys, written down again. */
  static List<Key> keys() {
    return List.of(
        key("instance", "category_token", "category"),
        key("instance", "first_annotation_token", "sample_annotation"),
        key("instance", "last_annotation_token", "sample_annotation"),
        key("calibrated_sensor", "sensor_token", "sensor"),
        key("scene", "log_token", "log"),
        key("scene", "first_sample_token", "sample"),
        key("scene", "last_sample_token", "sample"),
        key("sample", "scene_token", "scene"),
        key("sample", "prev", "sample"),
        key("sample", "next", "sample"),
        key("sample_data", "sample_token", "sample"),
        key("sample_data", "ego_pose_token", "ego_pose"),
        key("sample_data", "calibrated_sensor_token", "calibrated_sensor"),
        key("sample_data", "prev", "sample_data"),
        key("sample_data", "next", "sample_data"),
        key("sample_annotation", "sample_token", "sample"),
        key("sample_annotation", "instance_token", "instance"),
        key("sample_annotation", "visibility_token", "visibility"),
        new Key("sample_annotation", "attribute_tokens", "attribute", true),
        key("sample_annotation", "prev", "sample_annotation"),
        key("sample_annotation", "next", "sample_annotation"),
        new Key("map", "log_tokens", "log", true));
  }

  private static Key key(String table, String field, String target) {
    return new Key(table, field, target, false);
  }

  @BeforeAll
  static void simulate() {
    base = EditableSet.simulate(folder);
  }

  private ValidationReport validate(EditableSet set) throws InterruptedException {
    return DataSetValidator.of(set.write(folder.resolve("set" + writes++)))
        .files(FileScope.MAPS)
        .validate();
  }

  private static void set(Map<String, Object> record, Key key, Object value) {
    record.put(key.field, key.isList ? List.of(value) : value);
  }

  private static void assertNamed(ValidationReport report, Key key, Map<String, Object> record) {
    assertThat(report.findings())
        .as("%s of %s", key, EditableSet.token(record))
        .anyMatch(
            finding ->
                finding.table().equals(key.table)
                    && finding.token().equals(EditableSet.token(record))
                    && finding.plainField().equals(key.field));
  }

  @ParameterizedTest
  @MethodSource("keys")
  void tokenOfNoRecord(Key key) throws InterruptedException {
    for (int i = 0; i < RECORDS_EACH; i++) {
      EditableSet set = new EditableSet(base);
      Map<String, Object> record = set.any(key.table, key.field, RANDOM);
      set(record, key, "0123456789abcdef0123456789abcdef");
      ValidationReport report = validate(set);
      assertNamed(report, key, record);
      assertThat(report.findings())
          .anyMatch(
              finding ->
                  finding.rule() == Rule.REFERENCE
                      && finding.expected().endsWith("table " + key.target)
                      && finding.actual().endsWith("which no record has"));
    }
  }

  @ParameterizedTest
  @MethodSource("keys")
  void tokenOfAnotherTable(Key key) throws InterruptedException {
    List<String> others = new ArrayList<>(EditableSet.TABLES);
    others.remove(key.target);
    for (String other : others) {
      EditableSet set = new EditableSet(base);
      // Ego poses have their files' own tokens, as in the released data: those prove nothing.
      Set<Object> right = new HashSet<>();
      set.table(key.target).forEach(r -> right.add(EditableSet.token(r)));
      List<String> wrong =
          set.table(other).stream()
              .map(EditableSet::token)
              .filter(token -> !right.contains(token))
              .toList();
      if (wrong.isEmpty()) {
        continue;
      }
      Map<String, Object> record = set.any(key.table, key.field, RANDOM);
      set(record, key, wrong.get(RANDOM.nextInt(wrong.size())));
      ValidationReport report = validate(set);
      assertNamed(report, key, record);
      assertThat(report.findings())
          .anyMatch(
              finding ->
                  finding.rule() == Rule.REFERENCE
                      && finding.actual().contains("a token of table")
                      && finding.actual().contains(other));
    }
  }

  @ParameterizedTest
  @MethodSource("keys")
  void blank(Key key) throws InterruptedException {
    for (int i = 0; i < RECORDS_EACH; i++) {
      EditableSet set = new EditableSet(base);
      Map<String, Object> record = set.any(key.table, key.field, RANDOM);
      set(record, key, "");
      assertNamed(validate(set), key, record);
    }
  }

  @ParameterizedTest
  @MethodSource("keys")
  void noToken(Key key) throws InterruptedException {
    for (Object value : List.of(17, true, List.of(1.5), Map.of())) {
      EditableSet set = new EditableSet(base);
      Map<String, Object> record = set.any(key.table, key.field, RANDOM);
      record.put(key.field, value);
      assertNamed(validate(set), key, record);
    }
  }

  @ParameterizedTest
  @MethodSource("keys")
  void recordThatItLeadsToIsGone(Key key) throws InterruptedException {
    EditableSet set = new EditableSet(base);
    Map<String, Object> record = set.any(key.table, key.field, RANDOM);
    Object token =
        key.isList
            ? EditableSet.list(record, key.field).getFirst()
            : EditableSet.text(record, key.field);
    set.table(key.target).remove(set.record(key.target, token));
    assertThat(validate(set).findings())
        .as("%s without %s", key, token)
        .anyMatch(
            finding ->
                finding.rule() == Rule.REFERENCE
                    && finding.table().equals(key.table)
                    && finding.plainField().equals(key.field)
                    && finding.actual().startsWith("\"" + token + "\"")
                    && set.record(key.table, finding.token()).toString().contains("" + token));
  }

  /** Which record of the right table is right is known from times, chains and names of files. */
  @ParameterizedTest
  @CsvSource({
    "instance, first_annotation_token",
    "instance, last_annotation_token",
    "calibrated_sensor, sensor_token",
    "scene, log_token",
    "scene, first_sample_token",
    "scene, last_sample_token",
    "sample, scene_token",
    "sample, prev",
    "sample, next",
    "sample_data, sample_token",
    "sample_data, ego_pose_token",
    "sample_data, calibrated_sensor_token",
    "sample_data, prev",
    "sample_data, next",
    "sample_annotation, instance_token",
    "sample_annotation, prev",
    "sample_annotation, next",
    "map, log_tokens"
  })
  void anotherRecordOfTheRightTable(String table, String field) throws InterruptedException {
    Key key =
        keys().stream()
            .filter(k -> k.table.equals(table) && k.field.equals(field))
            .findFirst()
            .orElseThrow();
    for (int i = 0; i < RECORDS_EACH; i++) {
      EditableSet set = new EditableSet(base);
      Map<String, Object> record = set.any(table, field, RANDOM);
      Object right =
          key.isList ? EditableSet.list(record, field).getFirst() : EditableSet.text(record, field);
      List<Map<String, Object>> others =
          set.table(key.target).stream().filter(o -> !EditableSet.token(o).equals(right)).toList();
      set(record, key, EditableSet.token(others.get(RANDOM.nextInt(others.size()))));
      assertNamed(validate(set), key, record);
    }
  }

  @Test
  void theSetBeforeAnyFlipIsAccepted() throws InterruptedException {
    assertThat(validate(new EditableSet(base)).findings()).isEmpty();
  }
}
