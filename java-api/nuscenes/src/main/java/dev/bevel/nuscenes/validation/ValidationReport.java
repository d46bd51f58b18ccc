package dev.bevel.nuscenes.validation;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.bevel.nuscenes.AtomicFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What was found, and what was looked at.
 *
 * @param data folder of the set
 * @param version folder of its tables
 * @param records how many of each table
 * @param files sensor and map files looked into
 * @param boxes boxes whose points were counted again
 * @param findings sorted by rule, table, field and token; at most 50 of one rule, table and field
 * @param counts how many there are of each kind in all
 */
public record ValidationReport(
    Path data,
    String version,
    Map<String, Integer> records,
    long files,
    long boxes,
    List<Finding> findings,
    List<KindCount> counts) {
  /**
   * How often one rule was broken in one field.
   *
   * @param count findings, those left out of the list included
   */
  public record KindCount(Rule rule, String table, String field, long count) {}

  /** Keeps what it is given in lists and maps of its own. */
  public ValidationReport {
    records = Collections.unmodifiableMap(new LinkedHashMap<>(records));
    findings = List.copyOf(findings);
    counts = List.copyOf(counts);
  }

  /** Whether nothing was found. */
  public boolean isAccepted() {
    return findings.isEmpty();
  }

  /** The findings of one kind, in the list's order; not more than are in the list. */
  public List<Finding> findings(KindCount kind) {
    return findings.stream()
        .filter(
            finding ->
                finding.rule() == kind.rule()
                    && finding.table().equals(kind.table())
                    && finding.plainField().equals(kind.field()))
        .toList();
  }

  /** All findings, those left out of the list included. */
  public long total() {
    return counts.stream().mapToLong(KindCount::count).sum();
  }

  /**
   * Writes the report as one JSON object: data, version, accepted, records, files, boxes, findings
   * (rule, table, token, field, expected, actual) and counts (rule, table, field, count).
   *
   * @throws dev.bevel.nuscenes.NuScenesException if the file cannot be written
   */
  public void write(Path file) {
    AtomicFile.write(
        file,
        out -> {
          JsonGenerator json = new JsonFactory().createGenerator(out);
          json.disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);
          json.useDefaultPrettyPrinter();
          writeTo(json);
          json.close();
        });
  }

  private void writeTo(JsonGenerator json) throws IOException {
    json.writeStartObject();
    json.writeStringField("data", data.toString());
    json.writeStringField("version", version);
    json.writeBooleanField("accepted", isAccepted());
    json.writeObjectFieldStart("records");
    for (var table : records.entrySet()) {
      json.writeNumberField(table.getKey(), table.getValue());
    }
    json.writeEndObject();
    json.writeNumberField("files", files);
    json.writeNumberField("boxes", boxes);
    json.writeArrayFieldStart("findings");
    for (Finding finding : findings) {
      json.writeStartObject();
      json.writeStringField("rule", finding.rule().label());
      json.writeStringField("table", finding.table());
      json.writeStringField("token", finding.token());
      json.writeStringField("field", finding.field());
      json.writeStringField("expected", finding.expected());
      json.writeStringField("actual", finding.actual());
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeArrayFieldStart("counts");
    for (KindCount count : counts) {
      json.writeStartObject();
      json.writeStringField("rule", count.rule().label());
      json.writeStringField("table", count.table());
      json.writeStringField("field", count.field());
      json.writeNumberField("count", count.count());
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeEndObject();
  }
}
