package dev.bevel.nuscenes.validation;

import static dev.bevel.nuscenes.validation.EditableSet.token;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.Printable;
import dev.bevel.nuscenes.Splits;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What a field of a table may hold: reader and validator both accept a value or both refuse it, and
 * then say the same was expected.
 */
class TableVerdictTest {
  @TempDir private static Path folder;
  private static Path base = Path.of("");
  private static int writes;

  @BeforeAll
  static void simulate() {
    base = EditableSet.simulate(folder);
  }

  /** A table's field and what it is to hold. */
  record Case(String table, String field, Object value, boolean allowed) {
    @Override
    public String toString() {
      return Printable.of(table + "." + field + " = " + value, 100);
    }
  }

  private static void add(List<Case> cases, String field, boolean allowed, Object... values) {
    String[] names = field.split("\\.");
    for (Object value : values) {
      cases.add(new Case(names[0], names[1], value, allowed));
    }
  }

  private static List<Object> matrix(double fx, double skew, double fy, double cx, double last) {
    return List.of(List.of(fx, skew, cx), List.of(0, fy, 45), List.of(0, 0, last));
  }

  static Stream<Case> cases() {
    List<Case> cases = new ArrayList<>();
    String size = "sample_annotation.size";
    add(cases, size, true, List.of(1e9, 1, 1e-9));
    add(cases, size, false, List.of(1e30, 1, 1), List.of(1.1e9, 1, 1), List.of(0, 1, 1));
    add(cases, size, false, List.of(1, -1, 1), List.of(1, 1), "1", List.of(1, 1, "1"));
    for (String table : List.of("ego_pose", "calibrated_sensor", "sample_annotation")) {
      add(cases, table + ".rotation", true, List.of(0, 0, 0, 1), List.of(1.0009, 0, 0, 0));
      add(cases, table + ".rotation", false, List.of(2, 0, 0, 0), List.of(0, 0, 0, 0));
      add(cases, table + ".rotation", false, List.of(0, 0, 0.998, 0), List.of(1e200, 0, 0, 1e200));
      add(cases, table + ".translation", true, List.of(-1e9, 1e9, 0));
      add(cases, table + ".translation", false, List.of(0, 0, -1.1e9), List.of(0, 1e300, 0));
    }
    String k = "calibrated_sensor.camera_intrinsic";
    add(cases, k, true, matrix(100, 0, 100, 80, 1), matrix(100, -1e9, 0.001, 1e9, 1), List.of());
    add(cases, k, false, matrix(100, 1e300, 100, 80, 1), matrix(100, 0, 100, 1e300, 1));
    add(cases, k, false, matrix(1e-300, 0, 100, 80, 1), matrix(1e10, 0, 100, 80, 1));
    add(cases, k, false, matrix(-100, 0, 100, 80, 1), matrix(100, 0, 100, 80, 2), List.of(1, 2));
    for (String count : List.of("sample_annotation.num_lidar_pts", "sample_data.width")) {
      add(cases, count, true, 0, 7.0, Integer.MAX_VALUE);
      add(cases, count, false, -1, 1L << 31, 0.5, 1e30, Long.MIN_VALUE, "7", true);
    }
    add(cases, "ego_pose.timestamp", true, 0, (1L << 53) - 1, 1.5e15);
    add(cases, "ego_pose.timestamp", false, -1, 1L << 53, 0.5, Long.MAX_VALUE, 1e300);
    return cases.stream();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void readerAndValidatorAgree(Case each) throws InterruptedException {
    EditableSet set = new EditableSet(base);
    Map<String, Object> record = set.table(each.table).getFirst();
    record.put(each.field, each.value);
    Path written = write(set);
    List<Finding> faults =
        findings(written, Rule.FIELD).stream()
            .filter(f -> f.table().equals(each.table) && f.plainField().equals(each.field))
            .toList();
    String refusal = refusal(written);
    assertThat(refusal.isEmpty()).as(refusal).isEqualTo(each.allowed);
    assertThat(faults.isEmpty()).as("%s", faults).isEqualTo(each.allowed);
    if (!each.allowed) {
      assertThat(refusal)
          .contains(token(record), "field " + each.field)
          .contains("must be " + faults.getFirst().expected() + ", got ");
    }
  }

  /** A sample's token names a folder of pictures: one rule for all who make or read it. */
  @Test
  void samplesHaveTokensThatFilesCanHave() throws InterruptedException {
    Map<String, Boolean> names =
        Map.ofEntries(
            Map.entry(".", false),
            Map.entry("..", false),
            Map.entry("../../x", false),
            Map.entry("/tmp/x", false),
            Map.entry("a/b", false),
            Map.entry("a\\b", false),
            Map.entry("C:x", false),
            Map.entry("a\u001b[2J", false),
            Map.entry("a\nb", false),
            Map.entry("a\0b", false),
            Map.entry("x".repeat(300), false),
            Map.entry("ä".repeat(128), false),
            Map.entry("x".repeat(255), true),
            Map.entry("run.json", true),
            Map.entry("bev.png", true),
            Map.entry(".bevel-lock", true),
            Map.entry("日本 1", true));
    for (Map.Entry<String, Boolean> name : names.entrySet()) {
      EditableSet set = new EditableSet(base);
      rename(set, token(set.table("sample").getFirst()), name.getKey());
      Path written = write(set);
      List<Finding> faults = findings(written, Rule.FIELD);
      String refusal = refusal(written);
      assertThat(refusal.isEmpty()).as(name.getKey() + refusal).isEqualTo(name.getValue());
      assertThat(faults.isEmpty()).as(name.getKey() + faults).isEqualTo(name.getValue());
      if (!name.getValue()) {
        String rule = "a name that a file can have, at most 255 bytes";
        assertThat(refusal).contains(rule).hasSizeLessThan(700);
        assertThat(faults.getFirst().expected()).contains(rule);
        assertThat(faults.getFirst().plainField()).isEqualTo("token");
      }
    }
  }

  private static void rename(EditableSet set, String from, String to) {
    for (String table : EditableSet.TABLES) {
      for (Map<String, Object> record : set.table(table)) {
        record.replaceAll((field, value) -> from.equals(value) ? to : value);
      }
    }
  }

  /** Of every chain: records that lead to themselves, and neighbours of one time. */
  @Test
  void chainsGoOnInTime() throws InterruptedException {
    BiFunction<EditableSet, String, Map<String, Object>> end =
        (set, table) ->
            set.table(table).stream()
                .filter(r -> "".equals(r.get("next")) && !"".equals(r.get("prev")))
                .findFirst()
                .orElseThrow();
    for (String table : List.of("sample", "sample_data", "sample_annotation")) {
      EditableSet loop = new EditableSet(base);
      Map<String, Object> record = end.apply(loop, table);
      loop.follow(record, "prev", table).put("next", "");
      record.put("prev", token(record));
      record.put("next", token(record));
      Path written = write(loop);
      assertThat(refusal(written)).contains("table " + table, token(record), "leads to itself");
      assertThat(findings(written, Rule.CHAIN)).anyMatch(f -> f.token().equals(token(record)));
      if (table.equals("sample_data")) {
        EditableSet still = new EditableSet(base);
        Map<String, Object> last = end.apply(still, table);
        last.put("timestamp", still.follow(last, "prev", table).get("timestamp"));
        written = write(still);
        assertThat(refusal(written)).contains("table " + table, "does not go on from");
        assertThat(findings(written, Rule.CHAIN)).anyMatch(f -> f.token().equals(token(last)));
      }
    }
  }

  @Test
  void aSplitNamesAScene() throws InterruptedException {
    EditableSet set = new EditableSet(base);
    set.replaceText("splits.json", "{\"own\": []}");
    Path written = write(set);
    assertThat(findings(written, Rule.SPLIT))
        .anyMatch(f -> f.token().equals("own") && f.actual().equals("an empty list"));
    NuScenes loaded = NuScenes.load(written);
    assertThatThrownBy(() -> Splits.scenes(loaded, "own"))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("splits.json: split 'own' must name a scene at least");
  }

  /** Where a number of pixels is none, nothing is said of how many it is. */
  @Test
  void noSentinelIsTold() throws InterruptedException {
    EditableSet set = new EditableSet(base);
    set.files("CAM_FRONT", true).getFirst().put("width", "many");
    set.files("CAM_BACK", true).getFirst().put("timestamp", -5);
    set.table("sample_annotation").getFirst().put("num_lidar_pts", -5);
    set.table("ego_pose").getFirst().put("timestamp", "now");
    ValidationReport report = DataSetValidator.of(write(set)).validate();
    assertThat(report.findings().toString())
        .contains("sample_data")
        .doesNotContain("" + Integer.MIN_VALUE, "" + Long.MIN_VALUE);
  }

  private static Path write(EditableSet set) {
    return set.write(folder.resolve("set" + writes++));
  }

  private static List<Finding> findings(Path set, Rule rule) throws InterruptedException {
    return DataSetValidator.of(set).files(FileScope.MAPS).validate().findings().stream()
        .filter(finding -> finding.rule() == rule)
        .toList();
  }

  /** Empty if the reader accepts the set. */
  private static String refusal(Path set) {
    try {
      assertThat(NuScenes.load(set).samples()).isNotEmpty();
      return "";
    } catch (NuScenesException e) {
      return String.valueOf(e.getMessage());
    }
  }
}
