package dev.bevel.nuscenes.validation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.testing.Seed;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Tables and fields that are missing, malformed, of another type or out of range. */
class FieldFaultTest {
  private static final Random RANDOM = Seed.random(FieldFaultTest.class);

  @TempDir private static Path folder;
  private static Path base = Path.of("");
  private static int writes;

  @BeforeAll
  static void simulate() {
    base = EditableSet.simulate(folder);
  }

  private static ValidationReport validate(EditableSet set) throws InterruptedException {
    return DataSetValidator.of(set.write(folder.resolve("set" + writes++)), EditableSet.VERSION)
        .files(FileScope.MAPS)
        .validate();
  }

  private static void assertOnly(ValidationReport report, Rule rule, String table, String field) {
    assertThat(report.findings())
        .isNotEmpty()
        .allMatch(
            finding ->
                finding.rule() == rule
                    && finding.table().equals(table)
                    && finding.plainField().equals(field));
  }

  @ParameterizedTest
  @FieldSource("dev.bevel.nuscenes.validation.EditableSet#TABLES")
  void missingTable(String table) throws InterruptedException {
    EditableSet set = new EditableSet(base);
    set.removeTable(table);
    ValidationReport report = validate(set);
    assertOnly(report, Rule.TABLE, table, "");
    assertThat(report.findings().getFirst().actual()).isEqualTo("no such file");
  }

  @ParameterizedTest
  @FieldSource("dev.bevel.nuscenes.validation.EditableSet#TABLES")
  void tableThatIsCutOff(String table) throws InterruptedException {
    EditableSet set = new EditableSet(base);
    String json = set.json(table);
    set.replaceText(table + ".json", json.substring(0, RANDOM.nextInt(json.length())));
    assertOnly(validate(set), Rule.TABLE, table, "");
  }

  @ParameterizedTest
  @FieldSource("dev.bevel.nuscenes.validation.EditableSet#TABLES")
  void tableThatIsNoArrayOfRecords(String table) throws InterruptedException {
    EditableSet set = new EditableSet(base);
    String json = set.json(table);
    for (String wrong :
        List.of(
            "{\"records\":" + json + "}",
            "[" + json + "]",
            json + "[]",
            json.replace("}]", "}, 3]"),
            "",
            "null",
            "[".repeat(100_000),
            "\u0000\u0001")) {
      set.replaceText(table + ".json", wrong);
      assertOnly(validate(set), Rule.TABLE, table, "");
    }
  }

  static Stream<Arguments> fields() {
    EditableSet set = new EditableSet(base);
    return EditableSet.TABLES.stream()
        .flatMap(
            table ->
                set.table(table).getFirst().keySet().stream()
                    .map(field -> Arguments.of(table, field)));
  }

  @ParameterizedTest
  @MethodSource("fields")
  void missingField(String table, String field) throws InterruptedException {
    EditableSet set = new EditableSet(base);
    int row = RANDOM.nextInt(set.table(table).size());
    Map<String, Object> record = set.table(table).get(row);
    Object token = field.equals("token") ? "record " + row : EditableSet.token(record);
    record.remove(field);
    assertThat(validate(set).findings())
        .anySatisfy(
            finding -> {
              assertThat(finding.rule()).isEqualTo(Rule.FIELD);
              assertThat(finding.table()).isEqualTo(table);
              assertThat(finding.token()).isEqualTo(token);
              assertThat(finding.field()).isEqualTo(field);
              assertThat(finding.actual()).isEqualTo("no such field");
            });
  }

  @ParameterizedTest
  @MethodSource("fields")
  void fieldOfAnotherType(String table, String field) throws InterruptedException {
    EditableSet set = new EditableSet(base);
    int row = RANDOM.nextInt(set.table(table).size());
    Map<String, Object> record = set.table(table).get(row);
    Object token = field.equals("token") ? "record " + row : EditableSet.token(record);
    record.put(field, Map.of("a", List.of(1, 2)));
    assertThat(validate(set).findings())
        .anyMatch(
            finding ->
                finding.rule() == Rule.FIELD
                    && finding.table().equals(table)
                    && finding.token().equals(token)
                    && finding.field().equals(field)
                    && finding.actual().equals("an object"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "ego_pose | translation | [1.0, NaN, 0.0]",
        "ego_pose | translation | [1.0, 2.0]",
        "ego_pose | translation | [1.0, \"2\", 0.0]",
        "ego_pose | translation | [1.0, 1e400, 0.0]",
        "ego_pose | translation | [1.0, 1e10, 0.0]",
        "ego_pose | rotation | [Infinity, 0, 0, 0]",
        "ego_pose | rotation | [0, 0, 0, 0]",
        "ego_pose | rotation | [0.9, 0, 0, 0]",
        "ego_pose | rotation | [1, 0, 0]",
        "ego_pose | timestamp | -1",
        "ego_pose | timestamp | 1500000000.5",
        "ego_pose | timestamp | 99999999999999999999",
        "calibrated_sensor | rotation | [1, 1, 0, 0]",
        "calibrated_sensor | camera_intrinsic | [[1, 0, 0], [0, 1, 0]]",
        "calibrated_sensor | camera_intrinsic | [[-1, 0, 0], [0, 1, 0], [0, 0, 1]]",
        "calibrated_sensor | camera_intrinsic | [[1, 0, 0], [0, 1, 0], [0, 0, 2]]",
        "calibrated_sensor | camera_intrinsic | [[1, 0, NaN], [0, 1, 0], [0, 0, 1]]",
        "sample_annotation | size | [1, 0, 1]",
        "sample_annotation | size | [1, 1, -1]",
        "sample_annotation | size | [1, NaN, 1]",
        "sample_annotation | rotation | [NaN, 0, 0, 0]",
        "sample_annotation | num_lidar_pts | -1",
        "sample_annotation | num_lidar_pts | 1.5",
        "sample_annotation | num_radar_pts | 2147483648",
        "sample_annotation | attribute_tokens | [\"\"]",
        "sample_annotation | attribute_tokens | null",
        "sample_data | is_key_frame | 1",
        "sample_data | width | \"160\"",
        "sample_data | filename | null",
        "instance | nbr_annotations | true",
        "map | log_tokens | \"\"",
      })
  void valueOutOfRange(String table, String field, String json) throws InterruptedException {
    EditableSet set = new EditableSet(base);
    Map<String, Object> record = set.any(table, field, RANDOM);
    record.put(field, "the value");
    set.replaceText(table + ".json", set.json(table).replace("\"the value\"", json));
    assertThat(validate(set).findings())
        .anyMatch(
            finding ->
                finding.rule() == Rule.FIELD
                    && finding.table().equals(table)
                    && finding.token().equals(EditableSet.token(record))
                    && finding.field().equals(field));
  }

  @Test
  void wholeNumbersMayBeWrittenWithAFraction() throws InterruptedException {
    EditableSet set = new EditableSet(base);
    for (Map<String, Object> record : set.table("sample_data")) {
      record.put("timestamp", (double) EditableSet.number(record, "timestamp"));
      record.put("width", (double) EditableSet.number(record, "width"));
    }
    assertThat(validate(set).findings()).isEmpty();
  }

  @ParameterizedTest
  @FieldSource("dev.bevel.nuscenes.validation.EditableSet#TABLES")
  void tokenThatTwoRecordsHave(String table) throws InterruptedException {
    EditableSet set = new EditableSet(base);
    Map<String, Object> record = set.any(table, "token", RANDOM);
    set.table(table).add(record);
    assertThat(validate(set).findings())
        .anyMatch(
            finding ->
                finding.rule() == Rule.UNIQUE
                    && finding.table().equals(table)
                    && finding.token().equals(EditableSet.token(record))
                    && finding.field().equals("token"));
  }

  @Test
  void fieldThatARecordHasTwice() throws InterruptedException {
    EditableSet set = new EditableSet(base);
    Map<String, Object> record = set.any("sample", "token", RANDOM);
    String token = EditableSet.token(record);
    set.replaceText(
        "sample.json",
        set.json("sample")
            .replace("{\"token\":\"" + token, "{\"timestamp\":5,\"token\":\"" + token));
    assertThat(validate(set).findings())
        .anyMatch(
            finding ->
                finding.rule() == Rule.FIELD
                    && finding.table().equals("sample")
                    && finding.token().equals(token)
                    && finding.field().equals("timestamp")
                    && finding.actual().equals("the field twice"));
  }

  @Test
  void fieldsBeyondTheSchemaAreNoFault() throws InterruptedException {
    EditableSet set = new EditableSet(base);
    set.table("category").forEach(record -> record.put("index", 3));
    set.table("sample").forEach(record -> record.put("mine", Map.of("a", List.of(1))));
    assertThat(validate(set).findings()).isEmpty();
  }

  @Test
  void ofAMillionEqualFaultsFewAreKeptAndAllCounted() {
    Findings findings = new Findings();
    for (int i = 0; i < 1_000_000; i++) {
      findings.add(
          new Finding(
              Rule.FIELD,
              "sample",
              String.format(Locale.ROOT, "%07d", i * 7 % 1_000_000),
              "prev",
              "a",
              "b"));
    }
    findings.add(new Finding(Rule.FIELD, "sample", "x", "next", "a", "b"));
    assertThat(findings.counts())
        .extracting(ValidationReport.KindCount::count)
        .containsExactly(1L, 1_000_000L);
    assertThat(findings.kept()).hasSize(Findings.KEPT + 1);
    assertThat(findings.kept().get(1).token()).isEqualTo("0000000");
    assertThat(findings.kept().getLast().token()).isEqualTo("0000049");
  }
}
