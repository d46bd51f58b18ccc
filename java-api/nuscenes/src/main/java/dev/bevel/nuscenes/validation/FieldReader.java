package dev.bevel.nuscenes.validation;

import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import dev.bevel.nuscenes.FieldRules;
import dev.bevel.nuscenes.PathNames;
import dev.bevel.nuscenes.Printable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Checks the values of a table's fields and stores them in the table's last row. */
final class FieldReader {
  private static final long MAX_DECIMAL = 1L << 53;
  private static final int SHOWN = 120;

  private final TableData table;
  private final Map<String, TableData> tables;

  /** What is wrong with a value. */
  record Fault(Rule rule, String actual) {}

  FieldReader(TableData table, Map<String, TableData> tables) {
    this.table = table;
    this.tables = tables;
  }

  static String expectation(Schema.Field field) {
    return switch (field.kind()) {
      case KEY -> "a token that no other record has";
      case NAME_KEY -> "a token that no other record has, " + PathNames.NAME;
      case REFERENCE -> "the token of a record of table " + field.target();
      case REFERENCE_OR_BLANK -> "the token of a record of table " + field.target() + " or \"\"";
      case REFERENCES -> "a list of tokens of records of table " + field.target();
      case TEXT, NOTE -> "a string";
      case COUNT -> FieldRules.COUNT;
      case TIME -> FieldRules.TIME;
      case FLAG -> "true or false";
      case POSITION -> FieldRules.POSITION;
      case ROTATION -> FieldRules.ROTATION;
      case SIZE -> FieldRules.SIZE;
      case INTRINSIC -> FieldRules.INTRINSIC;
    };
  }

  /** The value the parser stands at: String, Long, Double, Boolean, List or JsonToken. */
  static Object value(JsonParser json) throws IOException {
    return switch (json.currentToken()) {
      case VALUE_STRING -> json.getText();
      case VALUE_NUMBER_INT ->
          json.getNumberType() == JsonParser.NumberType.BIG_INTEGER
              ? (Object) json.getDoubleValue()
              : (Object) json.getLongValue();
      case VALUE_NUMBER_FLOAT -> json.getDoubleValue();
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      case START_ARRAY -> {
        List<Object> list = new ArrayList<>(4);
        while (json.nextToken() != JsonToken.END_ARRAY) {
          list.add(value(json));
        }
        yield list;
      }
      case START_OBJECT -> {
        json.skipChildren();
        yield JsonToken.START_OBJECT;
      }
      default -> json.currentToken();
    };
  }

  /**
   * The object the parser stands at, by name.
   *
   * @throws JsonParseException if it stands at something else
   */
  static Map<String, Object> object(JsonParser json) throws IOException {
    if (json.currentToken() != JsonToken.START_OBJECT) {
      throw new JsonParseException(json, "not an object but " + describe(json.currentToken()));
    }
    Map<String, Object> object = new LinkedHashMap<>();
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String name = json.currentName();
      json.nextToken();
      if (object.putIfAbsent(name, value(json)) != null) {
        throw new JsonParseException(
            json, String.format(Locale.ROOT, "\"%s\" appears twice", name));
      }
    }
    return object;
  }

  /** A value as a finding shows it. */
  static String describe(@Nullable Object value) {
    String text =
        switch (value) {
          case null -> "the end of the file";
          case String s -> '"' + s + '"';
          case JsonToken.START_OBJECT -> "an object";
          case JsonToken.START_ARRAY -> "an array";
          case JsonToken.VALUE_NULL -> "null";
          default -> value.toString();
        };
    return Printable.of(text, SHOWN);
  }

  /**
   * Stores a value in the table's last row.
   *
   * @return what is wrong with it, and then the row stays without a value; null if nothing is
   */
  @Nullable Fault store(Schema.Field field, Object value) {
    boolean isKey = field.kind() == Schema.Kind.KEY || field.kind() == Schema.Kind.NAME_KEY;
    if (isKey && value instanceof String token && !token.isEmpty()) {
      int first = table.setToken(token);
      if (first != TableData.NONE) {
        return new Fault(
            Rule.UNIQUE, "a second record with it (the first is record " + first + ")");
      }
      if (field.kind() == Schema.Kind.KEY || PathNames.isName(token)) {
        return null;
      }
    }
    return !isKey && isStored(field, value) ? null : new Fault(Rule.FIELD, describe(value));
  }

  private boolean isStored(Schema.Field field, Object value) {
    String name = field.name();
    return switch (field.kind()) {
      case KEY, NAME_KEY -> false; // see store
      case NOTE -> value instanceof String;
      case TEXT -> value instanceof String text && setInt(name, table.texts().add(text));
      case REFERENCE, REFERENCE_OR_BLANK -> reference(field, value);
      case REFERENCES -> references(field, value);
      case FLAG -> value instanceof Boolean flag && setInt(name, flag ? 1 : 0);
      case COUNT -> {
        long count = whole(value);
        yield FieldRules.isCount(count) && setInt(name, (int) count);
      }
      case TIME -> {
        long time = whole(value);
        boolean valid = FieldRules.isTime(time);
        if (valid) {
          table.longs(name).setLast(time);
        }
        yield valid;
      }
      case POSITION, ROTATION, SIZE -> vector(field, value);
      case INTRINSIC -> intrinsic(name, value);
    };
  }

  private boolean setInt(String field, int value) {
    table.ints(field).setLast(value);
    return true;
  }

  private TextIndex target(Schema.Field field) {
    return Objects.requireNonNull(tables.get(field.target())).tokens();
  }

  private boolean reference(Schema.Field field, Object value) {
    if (!(value instanceof String token)) {
      return false;
    }
    if (token.isEmpty()) {
      return setInt(field.name(), Column.Ints.BLANK)
          && field.kind() == Schema.Kind.REFERENCE_OR_BLANK;
    }
    return setInt(field.name(), target(field).add(token));
  }

  private boolean references(Schema.Field field, Object value) {
    if (!(value instanceof List<?> list)
        || !list.stream().allMatch(e -> e instanceof String token && !token.isEmpty())) {
      return false;
    }
    for (Object token : list) {
      table.lists(field.name()).append(target(field).add((String) token));
    }
    return true;
  }

  /** A whole number, or −1. Some writers give whole numbers as 1.5e15 or 12.0. */
  private static long whole(Object value) {
    if (value instanceof Long l) {
      return l;
    }
    return value instanceof Double d && d == Math.rint(d) && d >= 0 && d < MAX_DECIMAL
        ? d.longValue()
        : -1;
  }

  private static double @Nullable [] numbers(@Nullable Object value, int length) {
    if (!(value instanceof List<?> list) || list.size() != length) {
      return null;
    }
    double[] numbers = new double[length];
    for (int i = 0; i < length; i++) {
      if (!(list.get(i) instanceof Number n) || !Double.isFinite(n.doubleValue())) {
        return null;
      }
      numbers[i] = n.doubleValue();
    }
    return numbers;
  }

  private boolean vector(Schema.Field field, Object value) {
    double[] v = numbers(value, field.kind() == Schema.Kind.ROTATION ? 4 : 3);
    if (v == null) {
      return false;
    }
    boolean valid =
        switch (field.kind()) {
          case ROTATION -> FieldRules.isRotation(v);
          case SIZE -> FieldRules.isSize(v);
          default -> FieldRules.isPosition(v);
        };
    if (valid) {
      table.doubles(field.name()).setLast(v);
    }
    return valid;
  }

  private boolean intrinsic(String name, Object value) {
    if (!(value instanceof List<?> rows)) {
      return false;
    }
    if (rows.isEmpty()) {
      return true;
    }
    double[] k = new double[9];
    for (int i = 0; i < 3; i++) {
      double[] row = rows.size() == 3 ? numbers(rows.get(i), 3) : null;
      if (row == null) {
        return false;
      }
      System.arraycopy(row, 0, k, 3 * i, 3);
    }
    boolean valid = FieldRules.isIntrinsic(k);
    if (valid) {
      table.doubles(name).setLast(k);
    }
    return valid;
  }
}
