package dev.bevel.nuscenes;

import org.jspecify.annotations.Nullable;

/**
 * Data that cannot be used: a missing or damaged file, a table that breaks its schema, a record
 * that points nowhere. The message is one sentence for a person and names the file or the table,
 * record and field at fault.
 */
public final class NuScenesException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What a file says is quoted in messages; a hostile one may say megabytes, or line feeds. */
  private static final int MAX_LENGTH = 1000;

  public NuScenesException(String message) {
    super(Printable.of(message, MAX_LENGTH));
  }

  public NuScenesException(String message, @Nullable Throwable cause) {
    super(Printable.of(message, MAX_LENGTH), cause);
  }
}
