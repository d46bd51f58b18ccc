package dev.bevel.torch.train;

import org.jspecify.annotations.Nullable;

/** A training that cannot go on; the message is one sentence. */
public final class TrainingException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** A failure with its sentence. */
  public TrainingException(String message) {
    this(message, null);
  }

  /** A failure with its sentence and what it comes from. */
  public TrainingException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
