package dev.bevel.torch.train;

import dev.bevel.nuscenes.Printable;
import org.jspecify.annotations.Nullable;

/** A checkpoint that cannot be used; the message is one sentence that names the file. */
public final class CheckpointException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What a file says is quoted in messages; a hostile one may say megabytes, or line feeds. */
  private static final int MAX_LENGTH = 2000;

  /** A failure with its sentence. */
  public CheckpointException(String message, @Nullable Throwable cause) {
    super(Printable.of(message, MAX_LENGTH), cause);
  }
}
