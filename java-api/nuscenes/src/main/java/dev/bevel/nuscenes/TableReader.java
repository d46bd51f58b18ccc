package dev.bevel.nuscenes;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.IntFunction;

/**
 * Reads one table, a JSON array of flat objects, record by record: memory is one record beside the
 * result. Every error names the file and, where there is one, the record and field.
 */
final class TableReader {
  /** Not shared: a factory remembers the field names of all that it has read. */
  private static JsonFactory json() {
    return JsonFactory.builder()
        .enable(StreamReadFeature.USE_FAST_DOUBLE_PARSER) // correctly rounded, too
        .streamReadConstraints(
            StreamReadConstraints.builder()
                .maxStringLength(1 << 20)
                .maxNumberLength(64)
                .maxNestingDepth(16)
                .build())
        .build();
  }

  private TableReader() {}

  /**
   * Reads all records of a table.
   *
   * @param factory makes a record of the fields of one object
   * @param array makes an array of records
   * @param pool keeps one copy of each token of all tables
   * @return the records by token, in file order
   */
  static <T extends TableRecord> TokenTable<T> read(
      Path folder,
      String table,
      TokenPool pool,
      Function<TableFields, T> factory,
      IntFunction<T[]> array) {
    Path file = folder.resolve(table + ".json");
    SensorFiles.require(file, "table file");
    List<T> records = new ArrayList<>();
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16);
        JsonParser parser = json().createParser(in)) {
      if (parser.nextToken() != JsonToken.START_ARRAY) {
        throw new NuScenesException(
            "table file " + file + " must hold a JSON array of records" + at(parser));
      }
      TableFields fields = new TableFields(file, pool);
      while (parser.nextToken() == JsonToken.START_OBJECT) {
        fields.read(parser, records.size());
        records.add(factory.apply(fields));
      }
      if (parser.currentToken() != JsonToken.END_ARRAY) {
        throw new NuScenesException(
            "table file " + file + " must hold nothing but records in its array" + at(parser));
      }
      if (parser.nextToken() != null) {
        throw new NuScenesException(
            "table file " + file + " goes on after the end of its array" + at(parser));
      }
      return new TokenTable<>(records.toArray(array), "table file " + file);
    } catch (JsonProcessingException e) {
      throw new NuScenesException(
          "table file " + file + " is not valid JSON" + JsonFaults.told(e), e);
    } catch (IOException e) {
      throw SensorFiles.unreadable(file, "table file", e);
    }
  }

  private static String at(JsonParser parser) {
    return JsonFaults.at(parser.currentLocation());
  }
}
