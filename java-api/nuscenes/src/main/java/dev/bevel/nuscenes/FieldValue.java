package dev.bevel.nuscenes;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The value of one field, reused from record to record: of the millions of numbers and tokens in a
 * table none becomes an object of its own here.
 */
final class FieldValue {
  /** What was read. */
  enum Kind {
    NULL,
    TEXT,
    INTEGER,
    DECIMAL,
    TRUTH,
    /** An array of nothing but numbers, a few. */
    NUMBERS,
    /** Any other array. */
    LIST,
    OBJECT
  }

  /** Longest array of numbers in the tables' records. */
  private static final int FEW = 4;

  private static final Object OBJECT =
      new Object() {
        @Override
        public String toString() {
          return "an object";
        }
      };

  private String name = "";
  private Kind kind = Kind.NULL;
  private char[] text = new char[128];
  private int length;
  private long integer;
  private double decimal;
  private boolean truth;
  private final double[] numbers = new double[FEW];
  private List<@Nullable Object> list = List.of();

  /** Takes over the value the parser stands at, up to its end. */
  void read(String fieldName, JsonParser parser) throws IOException {
    name = fieldName;
    switch (parser.currentToken()) {
      case VALUE_STRING -> readText(parser);
      case VALUE_NUMBER_INT -> {
        boolean fits = parser.getNumberType() != JsonParser.NumberType.BIG_INTEGER;
        kind = fits ? Kind.INTEGER : Kind.DECIMAL;
        if (fits) {
          integer = parser.getLongValue();
        } else {
          decimal = parser.getDoubleValue();
        }
      }
      case VALUE_NUMBER_FLOAT -> {
        kind = Kind.DECIMAL;
        decimal = parser.getDoubleValue();
      }
      case VALUE_TRUE, VALUE_FALSE -> {
        kind = Kind.TRUTH;
        truth = parser.getBooleanValue();
      }
      case START_ARRAY -> readArray(parser);
      case START_OBJECT -> {
        kind = Kind.OBJECT;
        parser.skipChildren();
      }
      default -> kind = Kind.NULL;
    }
  }

  private void readText(JsonParser parser) throws IOException {
    kind = Kind.TEXT;
    length = parser.getTextLength();
    if (length > text.length) {
      text = new char[length];
    }
    System.arraycopy(parser.getTextCharacters(), parser.getTextOffset(), text, 0, length);
  }

  private void readArray(JsonParser parser) throws IOException {
    kind = Kind.NUMBERS;
    length = 0;
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      if (kind == Kind.NUMBERS && length < FEW && parser.currentToken().isNumeric()) {
        numbers[length++] = parser.getDoubleValue();
        continue;
      }
      if (kind == Kind.NUMBERS) {
        list = numberList();
        kind = Kind.LIST;
      }
      list.add(element(parser));
    }
  }

  private List<@Nullable Object> numberList() {
    List<@Nullable Object> boxed = new ArrayList<>(FEW);
    for (int i = 0; i < length; i++) {
      boxed.add(numbers[i]);
    }
    return boxed;
  }

  private static @Nullable Object element(JsonParser parser) throws IOException {
    return switch (parser.currentToken()) {
      case VALUE_STRING -> parser.getText();
      case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> parser.getDoubleValue();
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      case START_ARRAY -> {
        List<@Nullable Object> elements = new ArrayList<>(FEW);
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          elements.add(element(parser));
        }
        yield elements;
      }
      case START_OBJECT -> {
        parser.skipChildren();
        yield OBJECT;
      }
      default -> null;
    };
  }

  boolean isNamed(String fieldName) {
    return name.equals(fieldName);
  }

  Kind kind() {
    return kind;
  }

  /** Of {@link Kind#TEXT}. */
  String text() {
    return new String(text, 0, length);
  }

  /** Of {@link Kind#TEXT}: the pool's copy. */
  String text(TokenPool pool) {
    return pool.get(text, length);
  }

  /** Of {@link Kind#INTEGER}. */
  long integer() {
    return integer;
  }

  /** Of {@link Kind#DECIMAL}. */
  double decimal() {
    return decimal;
  }

  /** Of {@link Kind#TRUTH}. */
  boolean truth() {
    return truth;
  }

  /** Of {@link Kind#NUMBERS}. */
  double[] numbers() {
    return Arrays.copyOf(numbers, length);
  }

  /** Of {@link Kind#NUMBERS} and {@link Kind#LIST}: the elements; numbers are doubles. */
  List<@Nullable Object> list() {
    return kind == Kind.NUMBERS ? numberList() : list;
  }

  /** The value for an error message, shortened. */
  String describe() {
    String told =
        switch (kind) {
          case NULL -> "null";
          case TEXT -> '"' + text() + '"';
          case INTEGER -> Long.toString(integer);
          case DECIMAL -> Double.toString(decimal);
          case TRUTH -> Boolean.toString(truth);
          case NUMBERS, LIST -> list().toString();
          case OBJECT -> OBJECT.toString();
        };
    return Printable.of(told, 80);
  }
}
