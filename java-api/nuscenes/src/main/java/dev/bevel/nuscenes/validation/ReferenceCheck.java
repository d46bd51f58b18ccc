package dev.bevel.nuscenes.validation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Every token of every table leads to a record of the table the schema names. */
final class ReferenceCheck {
  private final DataSet set;
  private final Findings findings;

  private ReferenceCheck(DataSet set, Findings findings) {
    this.set = set;
    this.findings = findings;
  }

  static void run(DataSet set, Findings findings) {
    ReferenceCheck check = new ReferenceCheck(set, findings);
    for (TableData table : set.tables().values()) {
      for (Schema.Field field : table.fields()) {
        if (field.kind() == Schema.Kind.REFERENCES) {
          check.lists(table, field);
        } else if (field.isReference()) {
          check.single(table, field);
        }
      }
    }
    check.mapsOfLogs();
  }

  private void single(TableData table, Schema.Field field) {
    TableData target = set.table(field.target());
    Column.Ints references = table.ints(field.name());
    boolean blankVisibility =
        field.name().equals("visibility_token") && !set.allows(Allowance.BLANK_VISIBILITY);
    for (int row = 0; row < table.rows(); row++) {
      int token = references.get(row);
      if (token >= 0 && target.row(token) == TableData.NONE) {
        fault(table, row, field.name(), target, token);
      } else if (token == Column.Ints.BLANK && blankVisibility) {
        findings.add(
            new Finding(
                Rule.REFERENCE,
                table.name(),
                table.label(row),
                field.name(),
                "the token of a record of table visibility",
                "\"\" (allowed by " + Allowance.BLANK_VISIBILITY.label() + ")"));
      }
    }
  }

  private void lists(TableData table, Schema.Field field) {
    TableData target = set.table(field.target());
    Column.Lists lists = table.lists(field.name());
    boolean foreignAllowed = field.target().equals("log") && set.allows(Allowance.FOREIGN_LOGS);
    for (int row = 0; row < table.rows(); row++) {
      for (int i = lists.start(row); i < lists.end(row); i++) {
        int token = lists.element(i);
        String name = String.format(Locale.ROOT, "%s[%d]", field.name(), i - lists.start(row));
        if (target.row(token) == TableData.NONE && !foreignAllowed) {
          fault(table, row, name, target, token);
        }
        for (int j = lists.start(row); j < i; j++) {
          if (lists.element(j) == token) {
            findings.add(
                new Finding(
                    Rule.UNIQUE,
                    table.name(),
                    table.label(row),
                    name,
                    "each token once",
                    '"' + target.tokens().text(token) + "\" again"));
            break;
          }
        }
      }
    }
  }

  private void fault(TableData table, int row, String field, TableData target, int token) {
    String text = target.tokens().text(token);
    List<String> elsewhere = new ArrayList<>();
    for (TableData other : set.tables().values()) {
      if (other.defines(text)) {
        elsewhere.add(other.name());
      }
    }
    findings.add(
        new Finding(
            Rule.REFERENCE,
            table.name(),
            table.label(row),
            field,
            "the token of a record of table " + target.name(),
            FieldReader.describe(text)
                + (elsewhere.isEmpty()
                    ? ", which no record has"
                    : ", a token of table " + String.join(", ", elsewhere))));
  }

  /** Each drive has exactly one map. */
  private void mapsOfLogs() {
    TableData logs = set.table("log");
    TableData maps = set.table("map");
    Column.Lists lists = maps.lists("log_tokens");
    int[] mapOfLog = new int[logs.rows()];
    Arrays.fill(mapOfLog, TableData.NONE);
    for (int map = 0; map < maps.rows(); map++) {
      for (int i = lists.start(map); i < lists.end(map); i++) {
        int log = logs.row(lists.element(i));
        if (log == TableData.NONE || mapOfLog[log] == map) {
          continue;
        }
        if (mapOfLog[log] != TableData.NONE) {
          sharedLog(map, mapOfLog[log], log);
          sharedLog(mapOfLog[log], map, log);
        }
        mapOfLog[log] = map;
      }
    }
    for (int log = 0; log < mapOfLog.length; log++) {
      if (mapOfLog[log] == TableData.NONE) {
        findings.add(
            new Finding(
                Rule.REFERENCE,
                "log",
                logs.label(log),
                "",
                "a map whose log_tokens name this log",
                "none"));
      }
    }
  }

  private void sharedLog(int map, int other, int log) {
    TableData maps = set.table("map");
    Column.Lists lists = maps.lists("log_tokens");
    int index = 0;
    while (set.table("log").row(lists.element(lists.start(map) + index)) != log) {
      index++;
    }
    findings.add(
        new Finding(
            Rule.REFERENCE,
            "map",
            maps.label(map),
            String.format(Locale.ROOT, "log_tokens[%d]", index),
            "logs that no other map names",
            String.format(
                Locale.ROOT,
                "\"%s\", which map %s names too",
                set.table("log").label(log),
                maps.label(other))));
  }
}
