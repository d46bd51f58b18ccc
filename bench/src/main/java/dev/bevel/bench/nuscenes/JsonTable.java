package dev.bevel.bench.nuscenes;

import com.fasterxml.jackson.core.JsonEncoding;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Writes a table as nuScenes' own files are: one value a line, nothing indented. */
final class JsonTable implements AutoCloseable {
  private static final JsonFactory JSON = new JsonFactory();

  private final JsonGenerator json;

  JsonTable(Path folder, String table) throws IOException {
    json = JSON.createGenerator(folder.resolve(table + ".json").toFile(), JsonEncoding.UTF8);
    DefaultIndenter lines = new DefaultIndenter("", "\n");
    json.setPrettyPrinter(
        new DefaultPrettyPrinter(
                Separators.createDefaultInstance()
                    .withObjectFieldValueSpacing(Separators.Spacing.AFTER)
                    .withArrayEmptySeparator(""))
            .withObjectIndenter(lines)
            .withArrayIndenter(lines));
    json.writeStartArray();
  }

  /** Begins a record. */
  JsonTable begin(String token) throws IOException {
    json.writeStartObject();
    return text("token", token);
  }

  JsonTable text(String name, String value) throws IOException {
    json.writeStringField(name, value);
    return this;
  }

  JsonTable number(String name, long value) throws IOException {
    json.writeNumberField(name, value);
    return this;
  }

  JsonTable truth(String name, boolean value) throws IOException {
    json.writeBooleanField(name, value);
    return this;
  }

  JsonTable numbers(String name, double... values) throws IOException {
    json.writeFieldName(name);
    writeArray(values);
    return this;
  }

  JsonTable matrix(String name, double[]... rows) throws IOException {
    json.writeArrayFieldStart(name);
    for (double[] row : rows) {
      writeArray(row);
    }
    json.writeEndArray();
    return this;
  }

  JsonTable tokens(String name, List<String> tokens) throws IOException {
    json.writeArrayFieldStart(name);
    for (String token : tokens) {
      json.writeString(token);
    }
    json.writeEndArray();
    return this;
  }

  private void writeArray(double[] values) throws IOException {
    json.writeStartArray();
    for (double value : values) {
      json.writeNumber(value);
    }
    json.writeEndArray();
  }

  void end() throws IOException {
    json.writeEndObject();
  }

  @Override
  public void close() throws IOException {
    json.writeEndArray();
    json.close();
  }
}
