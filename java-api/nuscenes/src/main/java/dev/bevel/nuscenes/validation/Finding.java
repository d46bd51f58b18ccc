package dev.bevel.nuscenes.validation;

import dev.bevel.nuscenes.Printable;

/**
 * One fault of a data set.
 *
 * @param rule what is broken
 * @param table name of the table, e.g. {@code sample_data}, or {@code splits}
 * @param token of the record at fault; {@code record N} (from 0) where it has none, {@code ""}
 *     where the fault is the whole table's
 * @param field of the record, with an index where it holds a list ({@code attribute_tokens[0]});
 *     {@code ""} where the fault is the whole record's
 * @param expected what should be there
 * @param actual what is there
 */
public record Finding(
    Rule rule, String table, String token, String field, String expected, String actual) {
  /** A token has 32 characters, a name of a file about 100; what is longer is not one. */
  private static final int MAX_NAME = 120;

  private static final int MAX_TEXT = 500;

  /** Keeps what is quoted printable and short: a hostile file may hold anything. */
  public Finding {
    token = Printable.of(token, MAX_NAME);
    field = Printable.of(field, MAX_NAME);
    expected = Printable.of(expected, MAX_TEXT);
    actual = Printable.of(actual, MAX_TEXT);
  }

  @Override
  public String toString() {
    StringBuilder text = new StringBuilder(table);
    if (!token.isEmpty()) {
      text.append(' ').append(token);
    }
    if (!field.isEmpty()) {
      text.append(", ").append(field);
    }
    return text.append(": expected ").append(expected).append(", got ").append(actual).toString();
  }

  /** The field without the index of a list's element. */
  String plainField() {
    int bracket = field.indexOf('[');
    return bracket < 0 ? field : field.substring(0, bracket);
  }
}
