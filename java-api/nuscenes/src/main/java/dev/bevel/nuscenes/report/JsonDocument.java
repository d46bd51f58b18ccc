package dev.bevel.nuscenes.report;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import dev.bevel.nuscenes.Counted;
import dev.bevel.nuscenes.JsonFaults;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.PathFaults;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A small JSON file, or a value in it, that knows where it stands: every error names the file and
 * the place. NaN literals are numbers, as the devkit writes them.
 */
final class JsonDocument {
  /** A file of metrics has about 800 kB; in memory values take up to ten times a file's size. */
  private static final long MAX_BYTES = 8L << 20;

  private static final JsonFactory JSON =
      JsonFactory.builder()
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxStringLength(1 << 16)
                  .maxNumberLength(64)
                  .maxNestingDepth(16)
                  .build())
          .build();

  private final Path file;
  private final String place;
  private final @Nullable Object value;

  private JsonDocument(Path file, String place, @Nullable Object value) {
    this.file = file;
    this.place = place;
    this.value = value;
  }

  /**
   * Reads a file that must hold one object.
   *
   * @throws NuScenesException if it cannot be read, is too large or no JSON object
   */
  static JsonDocument read(Path file) {
    try (JsonParser json = JSON.createParser(RunFolder.content(file, MAX_BYTES))) {
      json.nextToken();
      JsonDocument root = new JsonDocument(file, "", value(json));
      root.object();
      if (json.nextToken() != null) {
        throw root.broken("goes on after its end");
      }
      return root;
    } catch (JsonProcessingException e) {
      throw new NuScenesException("file " + file + " is not valid JSON" + JsonFaults.told(e), e);
    } catch (IOException e) {
      throw new NuScenesException(
          String.format(Locale.ROOT, "file %s cannot be read: %s", file, PathFaults.reason(e)), e);
    }
  }

  /** Jackson gives no place for what exceeds its limits. */
  private static @Nullable Object value(JsonParser json) throws IOException {
    JsonToken token = json.currentToken();
    if (token == null) {
      return null;
    }
    return switch (token) {
      case START_OBJECT -> {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        while (json.nextToken() == JsonToken.FIELD_NAME) {
          String name = json.currentName();
          json.nextToken();
          map.put(name, value(json));
        }
        yield map;
      }
      case START_ARRAY -> {
        List<@Nullable Object> list = new ArrayList<>();
        while (json.nextToken() != JsonToken.END_ARRAY) {
          list.add(value(json));
        }
        yield list;
      }
      case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> json.getNumberValue();
      case VALUE_STRING -> json.getText();
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      default -> null;
    };
  }

  /** Names of the fields, in the file's order. */
  Set<String> names() {
    return object().keySet();
  }

  /** The value of a field; empty if it is not there or null. */
  Optional<JsonDocument> find(String name) {
    Object found = object().get(name);
    return found == null ? Optional.empty() : Optional.of(at(name, found));
  }

  /** The value of a field that must be there. */
  JsonDocument get(String name) {
    return find(name).orElseThrow(() -> broken("has no field '" + name + "'"));
  }

  String text() {
    if (value instanceof String text) {
      return text;
    }
    throw broken("must be a string");
  }

  Path path() {
    try {
      return Path.of(text());
    } catch (InvalidPathException e) {
      throw new NuScenesException(
          String.format(Locale.ROOT, "file %s%s is no path: %s", file, place, e.getReason()), e);
    }
  }

  /** A whole number from {@code least} to {@code most}. */
  long integer(long least, long most) {
    if (value instanceof Integer || value instanceof Long) {
      long number = ((Number) value).longValue();
      if (number >= least && number <= most) {
        return number;
      }
    }
    throw broken(
        String.format(
            Locale.ROOT,
            "must be %s, got %s",
            Counted.wholeNumber(least, most),
            value instanceof Number number ? number : "none"));
  }

  /** A number, which may be NaN. */
  double number() {
    if (value instanceof Number number) {
      return number.doubleValue();
    }
    throw broken("must be a number");
  }

  /** An array of strings. */
  List<String> texts() {
    List<?> list = list();
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < list.size(); i++) {
      texts.add(at(Integer.toString(i), list.get(i)).text());
    }
    return texts;
  }

  private List<?> list() {
    if (value instanceof List<?> list) {
      return list;
    }
    throw broken("must be an array");
  }

  /** An array of numbers, which may be NaN. */
  double[] numbers() {
    List<?> list = list();
    double[] numbers = new double[list.size()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = at(Integer.toString(i), list.get(i)).number();
    }
    return numbers;
  }

  /** That this value is not as it must be. */
  NuScenesException broken(String how) {
    return new NuScenesException("file " + file + place + " " + how);
  }

  private JsonDocument at(String name, @Nullable Object found) {
    return new JsonDocument(file, (place.isEmpty() ? ", field " : place + ".") + name, found);
  }

  @SuppressWarnings("unchecked") // made above, with names for keys
  private Map<String, @Nullable Object> object() {
    if (value instanceof Map<?, ?> map) {
      return (Map<String, @Nullable Object>) map;
    }
    throw broken("must be an object");
  }
}
