package dev.bevel.kernels;

import org.jspecify.annotations.Nullable;

/** Arguments that may not be null. */
final class Given {
  private Given() {}

  /**
   * The argument.
   *
   * @param of the class whose argument it is, for the message
   * @throws NullPointerException naming both, if it is null
   */
  static <T> T argument(@Nullable T value, Class<?> of, String name) {
    if (value == null) {
      throw new NullPointerException(of.getSimpleName() + ": " + name + " must not be null");
    }
    return value;
  }
}
