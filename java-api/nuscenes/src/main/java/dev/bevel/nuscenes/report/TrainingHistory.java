package dev.bevel.nuscenes.report;

import dev.bevel.nuscenes.NuScenesException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * The course of a training: {@code history.csv}, a line for each step under the header {@code
 * step,seconds,learning_rate,loss,<term>,...} with the total loss and its named terms.
 *
 * @param columns the header's names
 * @param rows one number for each column; a loss may be NaN
 */
public record TrainingHistory(List<String> columns, List<double[]> rows) {
  /** The columns that come before those of the loss's terms. */
  public static final List<String> FIRST_COLUMNS =
      List.of("step", "seconds", "learning_rate", "loss");

  /** Steps at most: they are whole numbers in a double here, and times a batch's size in a long. */
  public static final long MAX_STEP = 1L << 52;

  private static final long MAX_BYTES = 64L << 20;
  private static final int MAX_COLUMNS = 64;

  /** Copies the lists. */
  public TrainingHistory {
    columns = List.copyOf(columns);
    rows = List.copyOf(rows);
  }

  /** Names of the loss's terms. */
  public List<String> terms() {
    return columns.subList(FIRST_COLUMNS.size(), columns.size());
  }

  /**
   * The numbers of a column.
   *
   * @param name one of {@link #columns}
   */
  public double[] column(String name) {
    int index = columns.indexOf(name);
    if (index < 0) {
      throw new IllegalArgumentException("column must be one of " + columns + ", got " + name);
    }
    return rows.stream().mapToDouble(row -> row[index]).toArray();
  }

  /**
   * Reads a file. A last line without its end, as a training that was killed can leave it, does not
   * count.
   *
   * @throws NuScenesException naming file and line if it cannot be read or is damaged
   */
  public static TrainingHistory read(Path file) {
    String text = new String(RunFolder.content(file, MAX_BYTES), StandardCharsets.UTF_8);
    int end = text.lastIndexOf('\n') + 1;
    List<String> columns = List.of();
    List<double[]> rows = new ArrayList<>();
    int line = 0;
    for (int at = 0; at < end; ) {
      int next = text.indexOf('\n', at);
      String[] cells = text.substring(at, next).strip().split(",", -1);
      String place = "file " + file + ", line " + ++line;
      if (line == 1) {
        columns = header(place, List.of(cells));
      } else {
        rows.add(row(place, columns, cells, rows));
      }
      at = next + 1;
    }
    if (columns.isEmpty()) {
      throw new NuScenesException("file " + file + " has no header");
    }
    return new TrainingHistory(columns, rows);
  }

  private static List<String> header(String place, List<String> names) {
    int first = FIRST_COLUMNS.size();
    boolean known = names.size() >= first && names.subList(0, first).equals(FIRST_COLUMNS);
    if (!known || names.contains("") || Set.copyOf(names).size() < names.size()) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "%s must be the names %s and those of the loss's terms, each once, got '%s'",
              place,
              FIRST_COLUMNS,
              String.join(",", names)));
    }
    if (names.size() > MAX_COLUMNS) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT, "%s has %d columns, %d are allowed", place, names.size(), MAX_COLUMNS));
    }
    return names;
  }

  private static double[] row(
      String place, List<String> columns, String[] cells, List<double[]> before) {
    if (cells.length != columns.size()) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT, "%s must have %d numbers, got %d", place, columns.size(), cells.length));
    }
    double[] numbers = new double[cells.length];
    for (int i = 0; i < cells.length; i++) {
      try {
        numbers[i] = Double.parseDouble(cells[i]);
      } catch (NumberFormatException e) {
        throw new NuScenesException(
            String.format(
                Locale.ROOT,
                "%s, column %s must be a number, got '%s'",
                place,
                columns.get(i),
                cells[i]),
            e);
      }
    }
    double step = numbers[0];
    boolean ascends = step > (before.isEmpty() ? 0 : before.getLast()[0]);
    if (!ascends || step != Math.rint(step) || step > MAX_STEP) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "%s: steps must be whole numbers from 1 to %d and ascend, got %s",
              place,
              MAX_STEP,
              cells[0]));
    }
    return numbers;
  }
}
