package dev.bevel.nuscenes;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/**
 * A file that appears under its name only when it is complete: it is written beside its target
 * under a temporary name, flushed to the device and renamed by {@link #commit}. Closed without
 * commit, it leaves nothing behind and the target untouched.
 */
public final class AtomicFile implements AutoCloseable {
  private final Path target;
  private final Path temporary;
  private final FileChannel channel;
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
    this.target = target.toAbsolutePath();
    Path folder = this.target.getParent();
    if (folder == null || Files.isDirectory(this.target)) {
      throw new IOException(target + " is a folder, not a file");
    }
    Files.createDirectories(folder);
    // Not Files.createTempFile, which would make the result readable to its owner only.
    this.temporary =
        folder.resolve(".%s.%s.tmp".formatted(this.target.getFileName(), UUID.randomUUID()));
    this.channel =
        FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    this.stream = new BufferedOutputStream(Channels.newOutputStream(channel), 1 << 16);
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
      throw new NuScenesException("file %s cannot be written: %s".formatted(target, e), e);
    }
  }

  /** Where to write; buffered. Do not close it. */
  public OutputStream stream() {
    return stream;
  }

  /** Puts what was written under the target's name. Nothing can be written afterwards. */
  public void commit() throws IOException {
    stream.flush();
    channel.force(true);
    channel.close();
    try {
      Files.move(
          temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (AtomicMoveNotSupportedException e) {
      Files.move(temporary, target, StandardCopyOption.REPLACE_EXISTING);
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
    Files.deleteIfExists(temporary);
  }
}
