package dev.bevel.nuscenes;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads a JSON file, NaN literals included, into maps and lists; numbers become doubles, null NaN.
 */
final class JsonFile {
  private JsonFile() {}

  /** A file that holds an object. */
  static Map<?, ?> read(Path file) throws IOException {
    return object(readValue(file));
  }

  /** A file that holds anything. */
  static Object readValue(Path file) throws IOException {
    try (JsonParser json =
        JsonFactory.builder()
            .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
            .build()
            .createParser(file.toFile())) {
      json.nextToken();
      Object value = value(json);
      assertThat(json.nextToken()).as("after the end of %s", file).isNull();
      return value;
    }
  }

  private static Object value(JsonParser json) throws IOException {
    return switch (json.currentToken()) {
      case START_OBJECT -> {
        Map<String, Object> map = new LinkedHashMap<>();
        while (json.nextToken() == JsonToken.FIELD_NAME) {
          String name = json.currentName();
          json.nextToken();
          map.put(name, value(json));
        }
        yield map;
      }
      case START_ARRAY -> {
        List<Object> list = new ArrayList<>();
        while (json.nextToken() != JsonToken.END_ARRAY) {
          list.add(value(json));
        }
        yield list;
      }
      case VALUE_NUMBER_FLOAT, VALUE_NUMBER_INT -> json.getDoubleValue();
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      case VALUE_NULL -> Double.NaN;
      default -> json.getText();
    };
  }

  static Map<?, ?> object(@Nullable Object value) {
    return (Map<?, ?>) requireNonNull(value);
  }

  static List<?> list(@Nullable Object value) {
    return (List<?>) requireNonNull(value);
  }

  static double[] numbers(@Nullable Object value) {
    return list(value).stream().mapToDouble(Double.class::cast).toArray();
  }
}
