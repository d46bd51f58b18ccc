package dev.bevel.kernels;

import org.jspecify.annotations.Nullable;

/** What an object prints as: its class and those of its parts that are given, by name. */
final class Described {
  private Described() {}

  /**
   * For example {@code MsdaInputs[value=float32[1, 4, 2, 8] on cpu, levels=...]}.
   *
   * @param namesAndValues in turns; values that are null are left out
   */
  static String as(Class<?> type, @Nullable Object... namesAndValues) {
    StringBuilder text = new StringBuilder(type.getSimpleName()).append('[');
    int empty = text.length();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      if (namesAndValues[i + 1] != null) {
        text.append(text.length() == empty ? "" : ", ")
            .append(namesAndValues[i])
            .append('=')
            .append(namesAndValues[i + 1]);
      }
    }
    return text.append(']').toString();
  }
}
