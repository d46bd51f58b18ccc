package dev.bevel.nuscenes;

import java.util.Collection;
import java.util.Locale;
import java.util.stream.Collectors;

/** Numbers of things as people read them. */
public final class Counted {
  private static final int MOST_NAMES = 3;

  private Counted() {}

  /**
   * A number and what it counts: {@code "1 sample"}, {@code "0 samples"}, {@code "6,019 samples"}.
   *
   * @param thing the word for one, whose plural ends in s
   */
  public static String of(long count, String thing) {
    return String.format(Locale.ROOT, "%,d %s%s", count, thing, count == 1 ? "" : "s");
  }

  /** The first names of several, and how many more there are. */
  public static String named(Collection<String> names) {
    String shown =
        names.stream()
            .limit(MOST_NAMES)
            .map(name -> Printable.of(name, 80))
            .collect(Collectors.joining(", "));
    return names.size() <= MOST_NAMES
        ? shown
        : String.format(Locale.ROOT, "%s and %,d more", shown, names.size() - MOST_NAMES);
  }

  /** What a whole number must be, to go on after "must be"; ends of types are no bounds to read. */
  public static String wholeNumber(long least, long most) {
    boolean ofType =
        (least == Long.MIN_VALUE && most == Long.MAX_VALUE)
            || (least == Integer.MIN_VALUE && most == Integer.MAX_VALUE);
    return ofType
        ? "a whole number of at most " + (most == Long.MAX_VALUE ? 18 : 9) + " digits"
        : String.format(Locale.ROOT, "a whole number from %d to %d", least, most);
  }
}
