package dev.bevel.nuscenes.simulator;

import com.fasterxml.jackson.core.JsonEncoding;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.bevel.nuscenes.FileOutput;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Writes one table: an array of records, each an object of fields in the order of the calls. */
final class TableWriter implements AutoCloseable {
  private static final JsonFactory JSON = new JsonFactory();

  private final JsonGenerator json;
  private boolean inRecord;

  TableWriter(Path folder, String table) throws IOException {
    Path file = folder.resolve(table + ".json");
    json = JSON.createGenerator(FileOutput.open(file), JsonEncoding.UTF8);
    json.writeStartArray();
  }

  /** Begins a record. */
  TableWriter record(String token) throws IOException {
    endRecord();
    json.writeStartObject();
    inRecord = true;
    return text("token", token);
  }

  private void endRecord() throws IOException {
    if (inRecord) {
      json.writeEndObject();
      json.writeRaw('\n');
    }
  }

  TableWriter text(String field, String value) throws IOException {
    json.writeStringField(field, value);
    return this;
  }

  TableWriter number(String field, long value) throws IOException {
    json.writeNumberField(field, value);
    return this;
  }

  TableWriter flag(String field, boolean value) throws IOException {
    json.writeBooleanField(field, value);
    return this;
  }

  TableWriter numbers(String field, double... values) throws IOException {
    json.writeFieldName(field);
    json.writeArray(values, 0, values.length);
    return this;
  }

  TableWriter texts(String field, List<String> values) throws IOException {
    json.writeFieldName(field);
    json.writeArray(values.toArray(String[]::new), 0, values.size());
    return this;
  }

  /** A row-major matrix of three rows. */
  TableWriter matrix(String field, double[] values) throws IOException {
    json.writeArrayFieldStart(field);
    for (int row = 0; row < values.length / 3; row++) {
      json.writeArray(values, 3 * row, 3);
    }
    json.writeEndArray();
    return this;
  }

  @Override
  public void close() throws IOException {
    endRecord();
    json.writeEndArray();
    json.close();
  }
}
