package dev.bevel.nuscenes.validation;

import java.util.Arrays;

/** The values of one field, by row. A row without a readable value says so. */
sealed interface Column {
  /** Makes room for a further row, without a value. */
  void addRow();

  /** Whole numbers, flags (0, 1), or numbers of strings and tokens. */
  final class Ints implements Column {
    /** Of a row whose value could not be read; also of a list element. */
    static final int MISSING = Integer.MIN_VALUE;

    /** Of a blank reference. */
    static final int BLANK = -1;

    private int[] values = new int[16];
    private int rows;

    @Override
    public void addRow() {
      add(MISSING);
    }

    void add(int value) {
      if (rows == values.length) {
        values = Arrays.copyOf(values, TextIndex.grown(rows, rows + 1));
      }
      values[rows++] = value;
    }

    void setLast(int value) {
      values[rows - 1] = value;
    }

    int get(int row) {
      return values[row];
    }

    int size() {
      return rows;
    }
  }

  /** Times. */
  final class Longs implements Column {
    static final long MISSING = Long.MIN_VALUE;

    private long[] values = new long[16];
    private int rows;

    @Override
    public void addRow() {
      if (rows == values.length) {
        values = Arrays.copyOf(values, TextIndex.grown(rows, rows + 1));
      }
      values[rows++] = MISSING;
    }

    void setLast(long value) {
      values[rows - 1] = value;
    }

    long get(int row) {
      return values[row];
    }
  }

  /** Several doubles a row; NaN where there is no value. */
  final class Doubles implements Column {
    private final int stride;
    private double[] values = new double[48];
    private int rows;

    Doubles(int stride) {
      this.stride = stride;
    }

    @Override
    public void addRow() {
      int end = Math.multiplyExact(rows + 1, stride);
      if (end > values.length) {
        values = Arrays.copyOf(values, TextIndex.grown(values.length, end));
      }
      rows++;
      Arrays.fill(values, end - stride, end, Double.NaN);
    }

    void setLast(double[] row) {
      System.arraycopy(row, 0, values, (rows - 1) * stride, stride);
    }

    double get(int row, int element) {
      return values[row * stride + element];
    }

    double[] get(int row) {
      return Arrays.copyOfRange(values, row * stride, (row + 1) * stride);
    }

    boolean isMissing(int row) {
      return Double.isNaN(values[row * stride]);
    }
  }

  /** A list of token numbers a row; empty where there is no value. */
  final class Lists implements Column {
    private final Ints elements = new Ints();
    private final Ints ends = new Ints();

    @Override
    public void addRow() {
      ends.add(elements.size());
    }

    /** Appends to the last row's list. */
    void append(int value) {
      elements.add(value);
      ends.setLast(elements.size());
    }

    int start(int row) {
      return row == 0 ? 0 : ends.get(row - 1);
    }

    int end(int row) {
      return ends.get(row);
    }

    int element(int position) {
      return elements.get(position);
    }
  }
}
