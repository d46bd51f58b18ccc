package dev.bevel.nuscenes.validation;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.testing.Seed;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever the tables hold, the validator ends with a report. */
class ValidatorFuzzTest {
  @TempDir private Path folder;

  private static final List<Object> STRANGE =
      List.of(
          "",
          "x",
          "\u0000",
          "../../etc/passwd",
          "x".repeat(10_000),
          0,
          -1,
          Integer.MAX_VALUE,
          Long.MAX_VALUE,
          1e308,
          -1e9,
          Double.NaN,
          Double.NEGATIVE_INFINITY,
          true,
          List.of(),
          List.of(0, 0, 0),
          List.of(1e9, -1e9, 1e9),
          List.of(0, 0, 0, 1),
          List.of(1e-300, 1e-300, 1e-300),
          List.of(List.of(1e300, 0, 0), List.of(0, 1e300, 0), List.of(0, 0, 1)),
          List.of(List.of(1e-300, 1e300, 1e300), List.of(0, 1e-300, 0), List.of(0, 0, 1)),
          Map.of("token", "x"));

  @Test
  void anyTablesEndInAReport() throws InterruptedException {
    Random random = Seed.random(ValidatorFuzzTest.class);
    Path base = EditableSet.simulate(folder);
    int rejected = 0;
    int variants = Integer.getInteger("bevel.test.fuzz.sets", 150);
    for (int i = 0; i < variants; i++) {
      EditableSet set = new EditableSet(base);
      int changes = 1 << random.nextInt(8);
      for (int j = 0; j < changes; j++) {
        change(set, random);
      }
      ValidationReport report =
          DataSetValidator.of(set.write(folder.resolve("set" + i)), EditableSet.VERSION)
              .files(random.nextInt(10) == 0 ? FileScope.ALL : FileScope.MAPS)
              .threads(2)
              .validate();
      rejected += report.isAccepted() ? 0 : 1;
    }
    // Some changes are to descriptions, or to the value that was there.
    assertThat(rejected).isGreaterThan(variants * 8 / 10);
  }

  private static void change(EditableSet set, Random random) {
    String table = EditableSet.TABLES.get(random.nextInt(EditableSet.TABLES.size()));
    List<Map<String, Object>> records = set.table(table);
    if (records.isEmpty()) {
      return;
    }
    Map<String, Object> record = records.get(random.nextInt(records.size()));
    List<String> fields = new ArrayList<>(record.keySet());
    if (fields.isEmpty()) {
      return;
    }
    String field = fields.get(random.nextInt(fields.size()));
    switch (random.nextInt(12)) {
      case 0 -> record.remove(field);
      case 1 -> records.remove(record);
      case 2 -> records.add(record);
      case 3 -> records.clear();
      case 4, 5, 6 -> {
        Object other = records.get(random.nextInt(records.size())).get(field);
        if (other != null) {
          record.put(field, other);
        }
      }
      default -> record.put(field, STRANGE.get(random.nextInt(STRANGE.size())));
    }
  }
}
