package dev.bevel.nuscenes;

import java.util.Locale;

/**
 * Text from files and tables as it may be shown to a person: nothing in it moves a terminal's
 * cursor, changes its colours or turns the direction of writing, and it is of bounded length.
 */
public final class Printable {
  private Printable() {}

  /**
   * The text with everything escaped that is not shown as itself: control and format characters
   * (among them ANSI's escape, C1 controls and marks of direction), separators of lines, lone
   * surrogates and private characters become {@code \}{@code u001b} and the like.
   *
   * @param text e.g. a token
   * @param most characters of the result; from a longer one the middle is left out
   */
  public static String of(String text, int most) {
    String head = text;
    String tail = "";
    if (text.length() > most) {
      head = text.substring(0, most - most / 3);
      tail = text.substring(text.length() - most / 3);
    }
    StringBuilder shown = new StringBuilder(Math.min(text.length(), most) + 1);
    escape(head, shown);
    if (!tail.isEmpty()) {
      shown.append('…');
      escape(tail, shown);
    }
    return shown.toString();
  }

  private static void escape(String text, StringBuilder shown) {
    text.codePoints()
        .forEach(
            c -> {
              if (isShown(c)) {
                shown.appendCodePoint(c);
              } else {
                shown.append(String.format(Locale.ROOT, "\\u%04x", c));
              }
            });
  }

  private static boolean isShown(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.PRIVATE_USE,
          Character.SURROGATE,
          Character.UNASSIGNED ->
          false;
      default -> true;
    };
  }
}
