package dev.bevel.nuscenes;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Reads one table, a JSON array of flat objects, record by record: memory is one record beside the
 * result. Every error names the file and, where there is one, the record and field.
 */
final class TableReader {
  private static final JsonFactory JSON =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxStringLength(1 << 20)
                  .maxNumberLength(64)
                  .maxNestingDepth(16)
                  .build())
          .build();

  private TableReader() {}

  /**
   * Reads all records of a table.
   *
   * @param factory makes a record of the fields of one object
   * @param pool keeps one copy of each token of all tables
   * @return the records by token, in file order
   */
  static <T extends TableRecord> Map<String, T> read(
      Path folder, String table, Map<String, String> pool, Function<TableFields, T> factory) {
    Path file = folder.resolve(table + ".json");
    if (!Files.isRegularFile(file)) {
      throw new NuScenesException("table file " + file + " does not exist");
    }
    Map<String, T> records = new LinkedHashMap<>();
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16);
        JsonParser parser = JSON.createParser(in)) {
      if (parser.nextToken() != JsonToken.START_ARRAY) {
        throw new NuScenesException(
            "table file " + file + " must hold a JSON array of records" + at(parser));
      }
      TableFields fields = new TableFields(file, pool);
      while (parser.nextToken() == JsonToken.START_OBJECT) {
        fields.read(parser, records.size());
        T record = factory.apply(fields);
        if (records.putIfAbsent(record.token(), record) != null) {
          throw new NuScenesException(
              "table file " + file + " holds two records with token " + record.token());
        }
      }
      if (parser.currentToken() != JsonToken.END_ARRAY) {
        throw new NuScenesException(
            "table file " + file + " must hold nothing but records in its array" + at(parser));
      }
      if (parser.nextToken() != null) {
        throw new NuScenesException(
            "table file " + file + " goes on after the end of its array" + at(parser));
      }
      return records;
    } catch (JsonProcessingException e) {
      throw new NuScenesException(
          "table file %s is not valid JSON%s: %s"
              .formatted(file, at(e.getLocation()), e.getOriginalMessage()),
          e);
    } catch (IOException e) {
      throw new NuScenesException(
          "table file %s cannot be read: %s".formatted(file, SensorFiles.reason(e)), e);
    }
  }

  private static String at(JsonParser parser) {
    return at(parser.currentLocation());
  }

  private static String at(@Nullable JsonLocation location) {
    return location == null
        ? ""
        : " (line %d, column %d)".formatted(location.getLineNr(), location.getColumnNr());
  }
}
