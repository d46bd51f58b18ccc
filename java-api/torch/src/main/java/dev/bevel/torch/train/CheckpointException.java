package dev.bevel.torch.train;

import org.jspecify.annotations.Nullable;

/** A checkpoint that cannot be used; the message is one sentence that names the file. */
public final class CheckpointException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** A failure with its sentence. */
  public CheckpointException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
