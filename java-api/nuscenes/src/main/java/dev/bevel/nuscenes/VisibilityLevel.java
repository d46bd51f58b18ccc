package dev.bevel.nuscenes;

import java.util.Arrays;
import java.util.Locale;

/** How much of an annotated object all six cameras together see: the four bins of nuScenes. */
public enum VisibilityLevel {
  /** Up to 40 %. */
  V0_40("v0-40", 0, 40),
  /** From 40 to 60 %. */
  V40_60("v40-60", 40, 60),
  /** From 60 to 80 %. */
  V60_80("v60-80", 60, 80),
  /** From 80 %. */
  V80_100("v80-100", 80, 100);

  private final String level;
  private final int minPercent;
  private final int maxPercent;

  VisibilityLevel(String level, int minPercent, int maxPercent) {
    this.level = level;
    this.minPercent = minPercent;
    this.maxPercent = maxPercent;
  }

  /** The name in the table, e.g. {@code v60-80}. */
  public String level() {
    return level;
  }

  /** Lower end of the bin, percent. */
  public int minPercent() {
    return minPercent;
  }

  /** Upper end of the bin, percent. */
  public int maxPercent() {
    return maxPercent;
  }

  /**
   * The bin of a table's record.
   *
   * @throws NuScenesException if the record's level is none of the four
   */
  static VisibilityLevel of(TableRecord.Visibility record) {
    return Arrays.stream(values())
        .filter(each -> each.level.equals(record.level()))
        .findFirst()
        .orElseThrow(
            () ->
                new NuScenesException(
                    String.format(
                        Locale.ROOT,
                        "table visibility, record %s, field level: must be one of %s, got %s",
                        record.token(),
                        Arrays.stream(values()).map(VisibilityLevel::level).toList(),
                        record.level())));
  }
}
