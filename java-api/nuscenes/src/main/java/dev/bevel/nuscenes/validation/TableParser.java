package dev.bevel.nuscenes.validation;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import dev.bevel.nuscenes.JsonFaults;
import dev.bevel.nuscenes.PathFaults;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** Reads one table by its schema, record by record; every fault becomes a finding. */
final class TableParser {
  /** Not-a-number literals are read, so that the finding can name their record. */
  static final JsonFactory JSON =
      JsonFactory.builder()
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxStringLength(1 << 20)
                  .maxNumberLength(64)
                  .maxNestingDepth(16)
                  .build())
          .build();

  private static final int MAX_FIELDS = 64;

  private final TableData table;
  private final Findings findings;
  private final FieldReader reader;
  private final Map<String, Schema.Field> fields = new HashMap<>();
  private final Set<Schema.Field> seen = new HashSet<>();

  /** Names of the record's fields that the schema does not have. */
  private final Set<String> others = new HashSet<>();

  private final Map<Schema.Field, FieldReader.Fault> faults = new HashMap<>();

  private TableParser(TableData table, Map<String, TableData> tables, Findings findings) {
    this.table = table;
    this.findings = findings;
    this.reader = new FieldReader(table, tables);
    for (Schema.Field field : table.fields()) {
      fields.put(field.name(), field);
    }
  }

  /**
   * Reads {@code <folder>/<table>.json} into the table.
   *
   * @param tables all of them, empty or not: references are numbered in their targets
   * @return whether the file could be read to its end
   */
  static boolean read(
      Path folder, TableData table, Map<String, TableData> tables, Findings findings) {
    Path file = folder.resolve(table.name() + ".json");
    String fault = PathFaults.asFile(file); // a pipe would never end
    if (fault != null) {
      String actual = fault.equals("does not exist") ? "no such file" : "one that " + fault;
      findings.add(new Finding(Rule.TABLE, table.name(), "", "", "a file " + file, actual));
      return false;
    }
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16);
        JsonParser json = JSON.createParser(in)) {
      return new TableParser(table, tables, findings).readArray(json);
    } catch (JsonProcessingException e) {
      findings.add(
          new Finding(
              Rule.TABLE,
              table.name(),
              table.rows() == 0 ? "" : "after record " + (table.rows() - 1),
              "",
              "valid JSON",
              JsonFaults.words(e) + JsonFaults.at(e.getLocation())));
    } catch (IOException e) {
      findings.add(
          new Finding(
              Rule.TABLE, table.name(), "", "", "a readable file " + file, PathFaults.reason(e)));
    }
    return false;
  }

  private boolean readArray(JsonParser json) throws IOException {
    if (json.nextToken() != JsonToken.START_ARRAY) {
      return fail("a JSON array of records", FieldReader.describe(json.currentToken()));
    }
    while (json.nextToken() == JsonToken.START_OBJECT) {
      readRecord(json);
    }
    if (json.currentToken() != JsonToken.END_ARRAY) {
      return fail("nothing but records in the array", FieldReader.describe(json.currentToken()));
    }
    if (json.nextToken() != null) {
      return fail("the end of the file after the array", FieldReader.describe(json.currentToken()));
    }
    return true;
  }

  private boolean fail(String expected, String actual) {
    findings.add(new Finding(Rule.TABLE, table.name(), "", "", expected, actual));
    return false;
  }

  private void readRecord(JsonParser json) throws IOException {
    table.addRow();
    seen.clear();
    faults.clear();
    others.clear();
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String name = json.currentName();
      Schema.Field field = fields.get(name);
      json.nextToken();
      if (field == null) {
        other(name, json);
        continue;
      }
      Object value = FieldReader.value(json);
      FieldReader.Fault fault =
          seen.add(field)
              ? reader.store(field, value)
              : new FieldReader.Fault(Rule.FIELD, "the field twice");
      if (fault != null) {
        faults.put(field, fault);
      }
    }
    report();
  }

  /** A field that the schema does not have: anything may be in it, but it must be JSON, and one. */
  private void other(String name, JsonParser json) throws IOException {
    String problem = others.add(name) ? null : "the field twice";
    if (seen.size() + others.size() > MAX_FIELDS) {
      problem = "one more field";
    }
    int depth = 0;
    do {
      depth += json.currentToken().isStructStart() ? 1 : json.currentToken().isStructEnd() ? -1 : 0;
      if (json.currentToken() == JsonToken.VALUE_NUMBER_FLOAT && json.isNaN()) {
        problem = "NaN or Infinity, which JSON does not have";
      }
    } while (depth > 0 && json.nextToken() != null);
    if (problem != null) {
      String expected = "one value of JSON in a record of at most " + MAX_FIELDS + " fields";
      String label = table.label(table.rows() - 1);
      findings.add(new Finding(Rule.FIELD, table.name(), label, name, expected, problem));
    }
  }

  /** At the record's end, when its token is known. */
  private void report() {
    for (Schema.Field field : table.fields()) {
      FieldReader.Fault fault =
          seen.contains(field)
              ? faults.get(field)
              : new FieldReader.Fault(Rule.FIELD, "no such field");
      if (fault != null) {
        findings.add(
            new Finding(
                fault.rule(),
                table.name(),
                table.label(table.rows() - 1),
                field.name(),
                FieldReader.expectation(field),
                fault.actual()));
      }
    }
  }
}
