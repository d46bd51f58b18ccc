package dev.bevel.nuscenes;

import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
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
    super(printable(message));
  }

  public NuScenesException(String message, @Nullable Throwable cause) {
    super(printable(message), cause);
  }

  /**
   * Why a file could not be read or written, in words: Java's own message of a refused access is
   * the file's name alone, and of damaged text begins with a Java type.
   */
  public static String reason(Exception e) {
    if (e instanceof AccessDeniedException) {
      return "permission denied";
    }
    if (e instanceof FileSystemException f && f.getReason() != null) {
      return f.getReason();
    }
    return e.getMessage() == null ? e.toString() : e.getMessage();
  }

  private static String printable(String message) {
    String text =
        message.length() <= MAX_LENGTH
            ? message
            : message.substring(0, MAX_LENGTH / 2)
                + " … "
                + message.substring(message.length() - MAX_LENGTH / 2);
    return text.replaceAll("\\p{Cntrl}", "?");
  }
}
