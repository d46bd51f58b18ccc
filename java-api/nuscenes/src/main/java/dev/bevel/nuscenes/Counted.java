package dev.bevel.nuscenes;

import java.util.Locale;

/** Numbers of things as people read them. */
public final class Counted {
  private Counted() {}

  /**
   * A number and what it counts: {@code "1 sample"}, {@code "0 samples"}, {@code "6,019 samples"}.
   *
   * @param thing the word for one, whose plural ends in s
   */
  public static String of(long count, String thing) {
    return String.format(Locale.ROOT, "%,d %s%s", count, thing, count == 1 ? "" : "s");
  }
}
