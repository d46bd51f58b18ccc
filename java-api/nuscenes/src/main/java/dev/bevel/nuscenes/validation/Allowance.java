package dev.bevel.nuscenes.validation;

import java.util.Locale;

/** What trimmed copies of a data set may lack. Everything that is there is checked all the same. */
public enum Allowance {
  /** Records whose sensor or map files are not there. */
  MISSING_FILES,
  /** Annotations with a blank {@code visibility_token}. */
  BLANK_VISIBILITY,
  /** Maps that name logs of the larger set that this one was taken from. */
  FOREIGN_LOGS,
  /** Sensors without records, LIDAR_TOP included, whose points annotations may still count. */
  MISSING_SENSORS;

  /** The name in lower case with hyphens, e.g. {@code missing-files}. */
  public String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
