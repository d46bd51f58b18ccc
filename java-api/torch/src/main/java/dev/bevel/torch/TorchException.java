package dev.bevel.torch;

import org.jspecify.annotations.Nullable;

/**
 * A failure inside LibTorch. The message is LibTorch's own without its C++ backtrace; the cause is
 * the Java exception of a hook where one was thrown, else the exception JavaCPP raised (which still
 * holds the backtrace).
 */
public final class TorchException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Where ATen appends the place in its source and the backtrace. */
  private static final String BACKTRACE = "Exception raised from";

  /**
   * @param message what failed
   * @param cause why
   */
  public TorchException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  /**
   * Translates what a LibTorch call threw.
   *
   * @param operation what was being done, e.g. {@code "backward"}; begins the message
   * @param thrown what JavaCPP threw
   */
  public static TorchException of(String operation, RuntimeException thrown) {
    return new TorchException(operation + ": " + trim(thrown.getMessage()), thrown);
  }

  /**
   * What to throw for an exception that left a LibTorch call or Java code around it: LibTorch's are
   * {@linkplain #of translated}, all others returned as they are.
   *
   * @param operation what was being done
   * @param thrown what was caught
   */
  public static RuntimeException translate(String operation, RuntimeException thrown) {
    String message = thrown.getMessage();
    boolean fromLibTorch =
        thrown.getClass() == RuntimeException.class
            && message != null
            && message.contains(BACKTRACE);
    return fromLibTorch ? of(operation, thrown) : thrown;
  }

  /** LibTorch's message up to its C++ backtrace; "no message" if there is none. */
  public static String trim(@Nullable String message) {
    if (message == null || message.isBlank()) {
      return "no message";
    }
    int end = message.indexOf(BACKTRACE);
    return (end < 0 ? message : message.substring(0, end)).strip();
  }
}
