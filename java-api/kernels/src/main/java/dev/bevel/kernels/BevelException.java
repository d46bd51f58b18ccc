package dev.bevel.kernels;

import java.util.Objects;

/**
 * A call into Bevel failed and wrote nothing. The message names operator, argument, what was
 * expected and what came, for example {@code lift_splat: context must be [6, 80, 16, 44] to match
 * depth, got [6, 64, 16, 44]}.
 */
public final class BevelException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final Status status;

  /**
   * Makes an exception.
   *
   * @param status what kind of failure
   * @param message one sentence
   */
  public BevelException(Status status, String message) {
    super(message);
    this.status = Objects.requireNonNull(status, "status");
  }

  /**
   * Makes an exception with a cause.
   *
   * @param status what kind of failure
   * @param message one sentence
   * @param cause what led to it
   */
  public BevelException(Status status, String message, Throwable cause) {
    super(message, cause);
    this.status = Objects.requireNonNull(status, "status");
  }

  /** What kind of failure. */
  public Status status() {
    return status;
  }
}
