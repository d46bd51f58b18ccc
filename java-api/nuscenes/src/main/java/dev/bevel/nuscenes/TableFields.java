package dev.bevel.nuscenes;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import dev.bevel.nuscenes.FieldValue.Kind;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongPredicate;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The fields of the record being read, by name, with typed access. One instance serves a whole
 * table.
 */
final class TableFields {
  /** More than any table has; fields are searched for one after the other. */
  private static final int MAX_FIELDS = 64;

  private final Path file;
  private final TokenPool pool;

  /** One copy of each list of tokens: most annotations have one of a few. */
  private final Map<List<String>, List<String>> lists = new HashMap<>();

  private final List<FieldValue> values = new ArrayList<>();
  private int count;
  private int index;

  TableFields(Path file, TokenPool pool) {
    this.file = file;
    this.pool = pool;
  }

  /** Takes over the object the parser stands at, up to its closing brace. */
  void read(JsonParser parser, int recordIndex) throws IOException {
    count = 0;
    index = recordIndex;
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.currentName();
      parser.nextToken();
      if (find(name) != null) {
        throw fault(name, "appears twice");
      }
      if (count == MAX_FIELDS) {
        throw fault(name, "is one too many, a record may have " + MAX_FIELDS);
      }
      if (count == values.size()) {
        values.add(new FieldValue());
      }
      values.get(count).read(name, parser);
      count++;
    }
  }

  private @Nullable FieldValue find(String name) {
    for (int i = 0; i < count; i++) {
      FieldValue value = values.get(i);
      if (value.isNamed(name)) {
        return value;
      }
    }
    return null;
  }

  /** A key of this or another record, never blank. */
  String token(String name) {
    String token = tokenOrBlank(name);
    if (token.isEmpty()) {
      throw fault(name, "must be a token, got \"\"");
    }
    return token;
  }

  /** A key of this record that files and folders are named by. */
  String nameToken(String name) {
    String token = token(name);
    if (!PathNames.isName(token)) {
      throw wrongType(name, require(name, PathNames.NAME), PathNames.NAME);
    }
    return token;
  }

  /** A key of another record, or {@code ""}. */
  String tokenOrBlank(String name) {
    return require(name, Kind.TEXT, "a string").text(pool);
  }

  String text(String name) {
    return require(name, Kind.TEXT, "a string").text();
  }

  /** A string of which the set holds few different ones. */
  String sharedText(String name) {
    return tokenOrBlank(name);
  }

  boolean bool(String name) {
    return require(name, Kind.TRUTH, "true or false").truth();
  }

  int count(String name) {
    return (int) integer(name, FieldRules.COUNT, FieldRules::isCount);
  }

  /** Microseconds. */
  long timestamp(String name) {
    return integer(name, FieldRules.TIME, FieldRules::isTime);
  }

  private long integer(String name, String expected, LongPredicate allowed) {
    FieldValue value = require(name, expected);
    // Some converters write whole numbers as 1.5e15 or 12.0.
    double decimal = value.kind() == Kind.DECIMAL ? value.decimal() : Double.NaN;
    boolean whole =
        value.kind() == Kind.INTEGER
            || (decimal == Math.rint(decimal) && Math.abs(decimal) < 1L << 53);
    long number = value.kind() == Kind.INTEGER ? value.integer() : (long) decimal;
    if (!whole || !allowed.test(number)) {
      throw wrongType(name, value, expected);
    }
    return number;
  }

  List<String> tokens(String name) {
    String expected = "an array of tokens";
    FieldValue value = require(name, expected);
    if (value.kind() != Kind.LIST && value.kind() != Kind.NUMBERS) {
      throw wrongType(name, value, expected);
    }
    List<String> tokens = new ArrayList<>();
    for (Object element : value.list()) {
      if (!(element instanceof String s) || s.isEmpty()) {
        throw wrongType(name, value, expected);
      }
      tokens.add(pool.get(s));
    }
    List<String> copy = List.copyOf(tokens);
    List<String> shared = lists.putIfAbsent(copy, copy);
    return shared == null ? copy : shared;
  }

  private double[] numbers(String name, String expected, Predicate<double[]> allowed) {
    FieldValue value = require(name, Kind.NUMBERS, expected);
    double[] numbers = value.numbers();
    if (!allowed.test(numbers)) {
      throw wrongType(name, value, expected);
    }
    return numbers;
  }

  Pose pose() {
    return Pose.of(
        numbers("translation", FieldRules.POSITION, FieldRules::isPosition),
        numbers("rotation", FieldRules.ROTATION, FieldRules::isRotation));
  }

  /**
   * The box of an annotation: gravity centre, size as (width, length, height), rotation; velocity
   * NaN.
   */
  Box3d box() {
    Pose pose = pose();
    double[] size = numbers("size", FieldRules.SIZE, FieldRules::isSize);
    return new Box3d(pose, size[0], size[1], size[2], Double.NaN, Double.NaN, Double.NaN);
  }

  /** A camera's 3×3 K, or nothing for {@code []}. */
  Optional<CameraIntrinsics> intrinsics(String name) {
    String expected = FieldRules.INTRINSIC;
    FieldValue value = require(name, expected);
    if (value.kind() != Kind.LIST && value.kind() != Kind.NUMBERS) {
      throw wrongType(name, value, expected);
    }
    List<?> rows = value.list();
    if (rows.isEmpty()) {
      return Optional.empty();
    }
    double[] k = new double[9];
    for (int i = 0; i < 9; i++) {
      boolean present =
          rows.size() == 3 && rows.get(i / 3) instanceof List<?> row && row.size() == 3;
      if (!present || !(((List<?>) rows.get(i / 3)).get(i % 3) instanceof Double d)) {
        throw wrongType(name, value, expected);
      }
      k[i] = d;
    }
    if (!FieldRules.isIntrinsic(k)) {
      throw wrongType(name, value, expected);
    }
    return Optional.of(new CameraIntrinsics(k[0], k[1], k[4], k[2], k[5]));
  }

  private FieldValue require(String name, Kind kind, String expected) {
    FieldValue value = require(name, expected);
    if (value.kind() != kind) {
      throw wrongType(name, value, expected);
    }
    return value;
  }

  private FieldValue require(String name, String expected) {
    FieldValue value = find(name);
    if (value == null || value.kind() == Kind.NULL) {
      throw fault(name, (value == null ? "is missing" : "is null") + ", expected " + expected);
    }
    return value;
  }

  private NuScenesException wrongType(String name, FieldValue value, String expected) {
    return fault(name, "must be " + expected + ", got " + value.describe());
  }

  private NuScenesException fault(String name, String problem) {
    return new NuScenesException(where(name) + " " + problem);
  }

  private String where(String name) {
    FieldValue token = find("token");
    String told =
        token != null && token.kind() == Kind.TEXT ? "record " + token.describe() : "record";
    return String.format(
        Locale.ROOT, "table file %s, %s (number %d), field %s", file, told, index, name);
  }
}
