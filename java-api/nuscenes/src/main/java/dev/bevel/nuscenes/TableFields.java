package dev.bevel.nuscenes;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The fields of the record being read, by name, with typed access. One instance serves a whole
 * table.
 */
final class TableFields {
  /** Farther than any place on Earth; keeps all that is computed from positions finite. */
  private static final double MAX_METRES = 1e9;

  private static final Object OBJECT =
      new Object() {
        @Override
        public String toString() {
          return "an object";
        }
      };

  private final Path file;
  private final Map<String, String> pool;
  private final Map<String, @Nullable Object> values = new HashMap<>();
  private int index;

  TableFields(Path file, Map<String, String> pool) {
    this.file = file;
    this.pool = pool;
  }

  /** Takes over the object the parser stands at, up to its closing brace. */
  void read(JsonParser parser, int recordIndex) throws IOException {
    values.clear();
    index = recordIndex;
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.currentName();
      parser.nextToken();
      Object value = value(parser);
      if (values.containsKey(name)) {
        throw fault(name, "appears twice");
      }
      values.put(name, value);
    }
  }

  private @Nullable Object value(JsonParser parser) throws IOException {
    return switch (parser.currentToken()) {
      case VALUE_STRING -> parser.getText();
      case VALUE_NUMBER_INT -> integer(parser);
      case VALUE_NUMBER_FLOAT -> parser.getDoubleValue();
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      case START_ARRAY -> {
        List<@Nullable Object> list = new ArrayList<>(4);
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          list.add(value(parser));
        }
        yield list;
      }
      case START_OBJECT -> {
        parser.skipChildren();
        yield OBJECT;
      }
      default -> null;
    };
  }

  private static Object integer(JsonParser parser) throws IOException {
    return parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER
        ? (Object) parser.getDoubleValue()
        : (Object) parser.getLongValue();
  }

  /** A key of this or another record, never blank. */
  String token(String name) {
    String token = tokenOrBlank(name);
    if (token.isEmpty()) {
      throw fault(name, "must be a token, got \"\"");
    }
    return token;
  }

  /** A key of another record, or {@code ""}. */
  String tokenOrBlank(String name) {
    return shared(text(name));
  }

  private String shared(String token) {
    String known = pool.putIfAbsent(token, token);
    return known == null ? token : known;
  }

  String text(String name) {
    if (require(name, "a string") instanceof String s) {
      return s;
    }
    throw wrongType(name, "a string");
  }

  /** A string of which the set holds few different ones. */
  String sharedText(String name) {
    return shared(text(name));
  }

  boolean bool(String name) {
    if (require(name, "true or false") instanceof Boolean b) {
      return b;
    }
    throw wrongType(name, "true or false");
  }

  /** An integer in 0..2³¹−1. */
  int count(String name) {
    long value = integer(name);
    if (value < 0 || value > Integer.MAX_VALUE) {
      throw fault(name, "must be in 0..2147483647, got " + value);
    }
    return (int) value;
  }

  /** Microseconds, not negative. */
  long timestamp(String name) {
    long value = integer(name);
    if (value < 0) {
      throw fault(name, "must be a time in microseconds, got " + value);
    }
    return value;
  }

  private long integer(String name) {
    Object value = require(name, "an integer");
    if (value instanceof Long l) {
      return l;
    }
    // Some converters write whole numbers as 1.5e15 or 12.0.
    if (value instanceof Double d && d == Math.rint(d) && Math.abs(d) < 1L << 53) {
      return d.longValue();
    }
    throw wrongType(name, "an integer");
  }

  List<String> tokens(String name) {
    if (require(name, "an array of tokens") instanceof List<?> list) {
      List<String> tokens = new ArrayList<>(list.size());
      for (Object element : list) {
        if (!(element instanceof String s) || s.isEmpty()) {
          throw fault(name, "must be an array of tokens, got " + describe(list));
        }
        tokens.add(shared(s));
      }
      return List.copyOf(tokens);
    }
    throw wrongType(name, "an array of tokens");
  }

  double[] numbers(String name, int length) {
    String expected = "an array of " + length + " finite numbers";
    if (require(name, expected) instanceof List<?> list && list.size() == length) {
      double[] numbers = new double[length];
      for (int i = 0; i < length; i++) {
        if (!(list.get(i) instanceof Number n) || !Double.isFinite(n.doubleValue())) {
          throw wrongType(name, expected);
        }
        numbers[i] = n.doubleValue();
      }
      return numbers;
    }
    throw wrongType(name, expected);
  }

  Pose pose() {
    double[] translation = numbers("translation", 3);
    for (double metres : translation) {
      if (Math.abs(metres) > MAX_METRES) {
        throw fault(
            "translation", "must be within ±%.0e metres, got %s".formatted(MAX_METRES, metres));
      }
    }
    double[] rotation = numbers("rotation", 4);
    return orFault("rotation", () -> Pose.of(translation, rotation));
  }

  /**
   * The box of an annotation: gravity centre, size as (width, length, height), rotation; velocity
   * NaN.
   */
  Box3d box() {
    Pose pose = pose();
    double[] size = numbers("size", 3);
    return orFault(
        "size",
        () -> new Box3d(pose, size[0], size[1], size[2], Double.NaN, Double.NaN, Double.NaN));
  }

  /** A camera's 3×3 K, or nothing for {@code []}. */
  Optional<CameraIntrinsics> intrinsics(String name) {
    String expected = "[] or a 3×3 matrix [[fx, s, cx], [0, fy, cy], [0, 0, 1]]";
    if (!(require(name, expected) instanceof List<?> rows)) {
      throw wrongType(name, expected);
    }
    if (rows.isEmpty()) {
      return Optional.empty();
    }
    double[] k = new double[9];
    for (int i = 0; i < 9; i++) {
      boolean present =
          rows.size() == 3 && rows.get(i / 3) instanceof List<?> row && row.size() == 3;
      if (!present || !(((List<?>) rows.get(i / 3)).get(i % 3) instanceof Number n)) {
        throw wrongType(name, expected);
      }
      k[i] = n.doubleValue();
    }
    if (k[3] != 0 || k[6] != 0 || k[7] != 0 || k[8] != 1) {
      throw wrongType(name, expected);
    }
    return Optional.of(orFault(name, () -> new CameraIntrinsics(k[0], k[1], k[4], k[2], k[5])));
  }

  private <T> T orFault(String name, Supplier<T> maker) {
    try {
      return maker.get();
    } catch (NuScenesException e) {
      throw new NuScenesException(where(name) + " is bad: " + e.getMessage(), e);
    }
  }

  private Object require(String name, String expected) {
    Object value = values.get(name);
    if (value == null) {
      throw fault(
          name, (values.containsKey(name) ? "is null" : "is missing") + ", expected " + expected);
    }
    return value;
  }

  private NuScenesException wrongType(String name, String expected) {
    return fault(name, "must be " + expected + ", got " + describe(values.get(name)));
  }

  private static String describe(@Nullable Object value) {
    String text = value instanceof String s ? "\"" + s + "\"" : String.valueOf(value);
    return text.length() > 80 ? text.substring(0, 80) + "…" : text;
  }

  private NuScenesException fault(String name, String problem) {
    return new NuScenesException(where(name) + " " + problem);
  }

  private String where(String name) {
    String token = values.get("token") instanceof String s ? "record " + describe(s) : "record";
    return "table file %s, %s (number %d), field %s".formatted(file, token, index, name);
  }
}
