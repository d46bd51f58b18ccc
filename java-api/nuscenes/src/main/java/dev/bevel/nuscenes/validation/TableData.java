package dev.bevel.nuscenes.validation;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The records of one table by column. Its token index numbers every token by which a record of this
 * table is known, be it defined here or only referred to from elsewhere; so references may be read
 * before their targets.
 */
final class TableData {
  /** What {@link #row} gives for a token without a record, and references for no record. */
  static final int NONE = -1;

  private final String name;
  private final List<Schema.Field> fields;
  private final TextIndex tokens = new TextIndex();
  private final TextIndex texts = new TextIndex();
  private final Column.Ints tokenOfRow = new Column.Ints();
  private final Map<String, Column> columns = new HashMap<>();
  private int[] rowOfToken = new int[0];
  private int rows;

  TableData(String name) {
    this.name = name;
    this.fields = Objects.requireNonNull(Schema.TABLES.get(name));
    for (Schema.Field field : fields) {
      switch (field.kind()) {
        case KEY, NAME_KEY, NOTE -> {}
        case REFERENCE, REFERENCE_OR_BLANK, TEXT, COUNT, FLAG ->
            columns.put(field.name(), new Column.Ints());
        case REFERENCES -> columns.put(field.name(), new Column.Lists());
        case TIME -> columns.put(field.name(), new Column.Longs());
        case POSITION, SIZE -> columns.put(field.name(), new Column.Doubles(3));
        case ROTATION -> columns.put(field.name(), new Column.Doubles(4));
        case INTRINSIC -> columns.put(field.name(), new Column.Doubles(9));
      }
    }
  }

  String name() {
    return name;
  }

  List<Schema.Field> fields() {
    return fields;
  }

  int rows() {
    return rows;
  }

  /** Numbers of the tokens of this table's records. */
  TextIndex tokens() {
    return tokens;
  }

  /** Numbers of the strings in this table's text fields. */
  TextIndex texts() {
    return texts;
  }

  /** Opens a further row, as yet without values. */
  void addRow() {
    tokenOfRow.addRow();
    columns.values().forEach(Column::addRow);
    rows++;
  }

  /**
   * Gives the last row its token.
   *
   * @return the row that has this token already, or {@link #NONE}
   */
  int setToken(String token) {
    int number = tokens.add(token);
    if (number >= rowOfToken.length) {
      int old = rowOfToken.length;
      rowOfToken = Arrays.copyOf(rowOfToken, TextIndex.grown(old, number + 1));
      Arrays.fill(rowOfToken, old, rowOfToken.length, NONE);
    }
    tokenOfRow.setLast(number);
    if (rowOfToken[number] == NONE) {
      rowOfToken[number] = rows - 1;
      return NONE;
    }
    return rowOfToken[number];
  }

  /** The row of a token, by its number; {@link #NONE} if no record has it. */
  int row(int token) {
    return token >= 0 && token < rowOfToken.length ? rowOfToken[token] : NONE;
  }

  /** Whether a record has this token. */
  boolean defines(String token) {
    return row(tokens.find(token)) != NONE;
  }

  /** How findings name a row: by its token or, without one, by its place. */
  String label(int row) {
    int token = tokenOfRow.get(row);
    return token == Column.Ints.MISSING ? "record " + row : tokens.text(token);
  }

  Column column(String field) {
    return Objects.requireNonNull(columns.get(field), () -> name + "." + field);
  }

  Column.Ints ints(String field) {
    return (Column.Ints) column(field);
  }

  Column.Longs longs(String field) {
    return (Column.Longs) column(field);
  }

  Column.Doubles doubles(String field) {
    return (Column.Doubles) column(field);
  }

  Column.Lists lists(String field) {
    return (Column.Lists) column(field);
  }

  /** The string of a text field, {@code ""} where it could not be read. */
  String text(String field, int row) {
    int number = ints(field).get(row);
    return number == Column.Ints.MISSING ? "" : texts.text(number);
  }

  /** The rows of another table that a field leads to, {@link #NONE} for nowhere. */
  int[] resolve(String field, TableData target) {
    Column.Ints references = ints(field);
    int[] resolved = new int[rows];
    for (int row = 0; row < rows; row++) {
      resolved[row] = target.row(references.get(row));
    }
    return resolved;
  }
}
