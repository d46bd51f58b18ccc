package dev.bevel.nuscenes.validation;

/** The rows that belong to each of a table's records, in the order of their file. */
final class Members {
  private final int[] starts;
  private final int[] rows;

  /**
   * @param owner for each row the record it belongs to, or {@link TableData#NONE}
   * @param owners how many such records there are
   */
  Members(int[] owner, int owners) {
    starts = new int[owners + 1];
    for (int o : owner) {
      if (o != TableData.NONE) {
        starts[o + 1]++;
      }
    }
    for (int o = 0; o < owners; o++) {
      starts[o + 1] += starts[o];
    }
    rows = new int[starts[owners]];
    int[] at = starts.clone();
    for (int row = 0; row < owner.length; row++) {
      if (owner[row] != TableData.NONE) {
        rows[at[owner[row]]++] = row;
      }
    }
  }

  int count(int owner) {
    return starts[owner + 1] - starts[owner];
  }

  int row(int owner, int index) {
    return rows[starts[owner] + index];
  }
}
