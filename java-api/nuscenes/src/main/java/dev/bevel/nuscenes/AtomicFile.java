package dev.bevel.nuscenes;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A file that appears under its name only when it is complete: it is written beside its target
 * under a temporary name, flushed to the device and renamed by {@link #commit}. Closed without
 * commit, it leaves nothing behind and the target untouched. What a killed process left behind is
 * removed when the same target is written next. Symbolic links are followed: a link stays one, the
 * file it leads to is replaced, and the temporary file stands beside that. A device or a pipe is
 * written to as it is.
 */
public final class AtomicFile implements AutoCloseable {
  private final Path target;
  private final @Nullable TemporaryFile temporary;
  private final OutputStream stream;

  /** Something that writes a whole file. */
  @FunctionalInterface
  public interface Body {
    void writeTo(OutputStream out) throws IOException;
  }

  /**
   * Opens the temporary file.
   *
   * @param target the name to appear under; missing folders are made, an existing file is replaced
   * @throws IOException if the folder cannot be made or written
   */
  public AtomicFile(Path target) throws IOException {
    if (Files.isDirectory(target)) {
      throw new FileSystemException(target.toString(), null, "is a folder, must be a file");
    }
    if (isDevice(target)) {
      this.target = target;
      this.temporary = null;
      this.stream = FileOutput.open(target);
      return;
    }
    this.target = FileOutput.followed(target);
    createFolder(this.target);
    removeLeftovers(this.target);
    this.temporary = TemporaryFile.beside(this.target);
    this.stream =
        new BufferedOutputStream(
            FileOutput.naming(Channels.newOutputStream(temporary.channel()), target), 1 << 16);
  }

  /** Something that is there and cannot be replaced: /dev/null, a pipe, the standard output. */
  private static boolean isDevice(Path target) {
    return Files.exists(target) && !Files.isRegularFile(target);
  }

  private static void createFolder(Path target) throws IOException {
    Path folder = target.getParent();
    if (folder == null) {
      throw new FileSystemException(target.toString(), null, "is the root of all folders");
    }
    String fault = PathFaults.asNewFolder(folder);
    if (fault != null) {
      throw new FileSystemException(target.toString(), null, folder + " " + fault);
    }
    Files.createDirectories(folder);
  }

  /**
   * A name for something that is made beside its target and renamed when it is complete.
   *
   * @param target a file or folder; its name may be as long as names can be
   * @return {@code .TARGET.UUID.tmp}, with as much of the target's name as leaves room
   */
  public static String temporaryName(Path target) {
    return TemporaryFile.name(target);
  }

  /**
   * Removes the temporary files that killed processes left beside a target; those of living ones
   * stay.
   *
   * @param target a file that was to be written
   */
  public static void removeLeftovers(Path target) {
    try {
      TemporaryFile.removeLeftovers(FileOutput.followed(target));
    } catch (IOException e) {
      // links that lead nowhere: nothing was written there
    }
  }

  /**
   * Writes a whole file at once.
   *
   * @throws NuScenesException naming the file if it cannot be written
   */
  public static void write(Path target, Body body) {
    try (AtomicFile file = new AtomicFile(target)) {
      body.writeTo(file.stream());
      file.commit();
    } catch (IOException e) {
      throw new NuScenesException(
          String.format(Locale.ROOT, "file %s cannot be written: %s", target, PathFaults.reason(e)),
          e);
    }
  }

  /** Where to write; buffered. Do not close it. */
  public OutputStream stream() {
    return stream;
  }

  /** Puts what was written under the target's name. Nothing can be written afterwards. */
  public void commit() throws IOException {
    stream.flush();
    if (temporary == null) {
      return;
    }
    FileOutput.guarded(target, () -> temporary.channel().force(true));
    // Before the channel is closed, which ends the lock: else the file could be taken for a dead
    // process's.
    try {
      Files.move(
          temporary.path(),
          target,
          StandardCopyOption.ATOMIC_MOVE,
          StandardCopyOption.REPLACE_EXISTING);
    } catch (AtomicMoveNotSupportedException e) {
      Files.move(temporary.path(), target, StandardCopyOption.REPLACE_EXISTING);
    }
    temporary.channel().close();
  }

  @Override
  public void close() throws IOException {
    if (temporary == null) {
      stream.close();
    } else {
      temporary.close();
    }
  }
}
