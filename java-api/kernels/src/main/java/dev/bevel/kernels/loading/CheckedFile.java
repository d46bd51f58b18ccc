package dev.bevel.kernels.loading;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Unpacked files whose content has been checked. A file is read in full once; then {@code
 * NAME.checked} beside it keeps its digest, size, number and times. Among the times is that of the
 * last change as the system keeps it, which no program can set, so a file that was written to since
 * is read again.
 */
public final class CheckedFile {
  private static final String RECORD = ".checked";

  /** Of files that are being written. */
  static final String TEMPORARY = ".tmp";

  private static final Logger LOG = LoggerFactory.getLogger("dev.bevel.kernels");

  private CheckedFile() {}

  /**
   * Whether a file is there, holds this content and is nobody else's.
   *
   * @throws UnsafePathException if other users could change its folder
   */
  public static boolean holds(Path file, NativeContent content) throws IOException {
    if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS) || !PrivatePath.isOwnFile(file)) {
      return false;
    }
    String stamp = stamp(file, content);
    if (stamp.equals(recorded(file))) {
      return true;
    }
    LOG.debug("checking the content of {}", file);
    if (!content.isHeldBy(file)) {
      return false;
    }
    remember(file, stamp);
    return true;
  }

  /** Writes the content, beside the file first, and puts it in its place. */
  static void write(Path file, NativeContent content) throws IOException {
    Path temporary =
        Files.createTempFile(file.resolveSibling(""), file.getFileName().toString(), TEMPORARY);
    try {
      try (InputStream in = content.origin().openStream()) {
        Files.copy(in, temporary, StandardCopyOption.REPLACE_EXISTING);
      }
      if (!content.isHeldBy(temporary)) {
        throw new IOException(
            content.origin() + " is damaged: it does not hold what its digest says");
      }
      Files.move(
          temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(temporary);
    }
    remember(file, stamp(file, content));
  }

  private static String stamp(Path file, NativeContent content) throws IOException {
    StringBuilder stamp = new StringBuilder(content.digest());
    for (String attribute : List.of("size", "ino", "lastModifiedTime", "ctime")) {
      stamp.append(' ').append(Files.getAttribute(file, "unix:" + attribute));
    }
    return stamp.append('\n').toString();
  }

  private static String recorded(Path file) throws IOException {
    Path record = record(file);
    try {
      return Files.size(record) > 1000 ? "" : Files.readString(record);
    } catch (NoSuchFileException none) {
      return "";
    }
  }

  /** Where it cannot be written, as in a folder made ready by root, the file is read each time. */
  private static void remember(Path file, String stamp) throws IOException {
    Path record = record(file);
    try {
      Path temporary =
          Files.createTempFile(file.resolveSibling(""), record.getFileName().toString(), TEMPORARY);
      Files.writeString(temporary, stamp);
      Files.move(temporary, record, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileSystemException readOnly) {
      LOG.debug("cannot write {}", record, readOnly);
    }
  }

  private static Path record(Path file) {
    return file.resolveSibling(file.getFileName() + RECORD);
  }
}
