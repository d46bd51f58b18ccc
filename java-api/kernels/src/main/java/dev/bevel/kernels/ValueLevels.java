package dev.bevel.kernels;

import dev.bevel.kernels.internal.DeformAttnParams;
import dev.bevel.kernels.internal.Scratch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * The levels of a value map of deformable attention. The map is given flat: S rows of heads · dim
 * numbers, a row for each pixel of each level, row-major within the level.
 *
 * @param levels 1 to {@value #MAX_LEVELS}; their rows must lie within the map, and may overlap
 */
public record ValueLevels(List<Level> levels) {
  /** Levels at most. */
  public static final int MAX_LEVELS = DeformAttnParams.MAX_LEVELS;

  /**
   * One level.
   *
   * @param height pixels, 1 or more
   * @param width pixels, 1 or more
   * @param start its first row in the value map, 0 or more
   */
  public record Level(int height, int width, long start) {
    /** Checks the size. */
    public Level {
      if (height < 1 || width < 1 || start < 0) {
        throw invalid(
            String.format(
                Locale.ROOT,
                "a level must have a height and a width of at least 1 and start at row 0 or later, got %d × %d from row %d",
                height,
                width,
                start));
      }
      if (start > Long.MAX_VALUE - (long) height * width) {
        throw invalid(
            String.format(
                Locale.ROOT,
                "a level must end before row 2^63, got %d × %d from row %d",
                height,
                width,
                start));
      }
    }

    /** Rows in the value map. */
    public long rows() {
      return (long) height * width;
    }
  }

  /** Checks the number of levels. */
  public ValueLevels {
    levels = List.copyOf(Given.argument(levels, ValueLevels.class, "levels"));
    if (levels.isEmpty() || levels.size() > MAX_LEVELS) {
      throw invalid(
          String.format(
              Locale.ROOT, "there must be 1 to %d levels, got %d", MAX_LEVELS, levels.size()));
    }
  }

  /**
   * Levels that follow each other without gaps.
   *
   * @param sizes height and width of the first level, of the second, ..
   */
  public static ValueLevels of(int... sizes) {
    if (Given.argument(sizes, ValueLevels.class, "sizes").length % 2 != 0) {
      throw invalid("sizes must be pairs of height and width, got " + Arrays.toString(sizes));
    }
    List<Level> levels = new ArrayList<>();
    long start = 0;
    for (int i = 0; i < sizes.length; i += 2) {
      Level level = new Level(sizes[i], sizes[i + 1], start);
      levels.add(level);
      start += level.rows();
    }
    return new ValueLevels(levels);
  }

  /** Number of levels. */
  public int count() {
    return levels.size();
  }

  /** Rows that a value map must have at least. */
  public long rows() {
    long rows = 0;
    for (Level level : levels) {
      rows = Math.max(rows, level.start + level.rows());
    }
    return rows;
  }

  void write(Scratch call, DeformAttnParams.Levels fields) {
    fields.count.set(call, levels.size());
    for (int i = 0; i < levels.size(); i++) {
      Level level = levels.get(i);
      fields.height.setInt(call, i, level.height);
      fields.width.setInt(call, i, level.width);
      fields.start.setLong(call, i, level.start);
    }
  }

  private static BevelException invalid(String message) {
    return new BevelException(Status.INVALID_ARGUMENT, "ValueLevels: " + message);
  }
}
