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

  /** What a whole number must be, to go on after "must be"; ends of types are no bounds to read. */
  public static String wholeNumber(long least, long most) {
    boolean ofType =
        (least == Long.MIN_VALUE && most == Long.MAX_VALUE)
            || (least == Integer.MIN_VALUE && most == Integer.MAX_VALUE);
    return ofType
        ? String.format(Locale.ROOT, "a whole number of at most %d, above or below 0", most)
        : String.format(Locale.ROOT, "a whole number from %d to %d", least, most);
  }
}
