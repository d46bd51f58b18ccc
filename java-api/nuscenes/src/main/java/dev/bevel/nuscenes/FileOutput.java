package dev.bevel.nuscenes;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Objects;

/**
 * Streams to files whose every failure names the file: the system says "No space left on device" of
 * none in particular. And where a name leads when it is written to.
 */
public final class FileOutput extends FilterOutputStream {
  /** As Linux allows. */
  private static final int MAX_LINKS = 40;

  private final Path file;

  private FileOutput(OutputStream out, Path file) {
    super(out);
    this.file = file;
  }

  /**
   * A stream that names a file in its failures.
   *
   * @param out to write to
   * @param file to name
   */
  static OutputStream naming(OutputStream out, Path file) {
    return new FileOutput(out, file);
  }

  /**
   * Writes a file in one go, at its name at once: for files in a folder that nobody else looks at
   * yet. All others are written by {@link AtomicFile}.
   *
   * @throws FileSystemException naming the file if it cannot be written
   */
  public static void write(Path file, AtomicFile.Body body) throws IOException {
    try (OutputStream out = open(file)) {
      body.writeTo(out);
    }
  }

  /** As {@link #write}, in pieces; buffer it. */
  public static OutputStream open(Path file) throws IOException {
    return naming(Files.newOutputStream(file), file);
  }

  /**
   * Where a name leads when it is written to: symbolic links are followed, also one whose target is
   * not there yet, which is then made.
   *
   * @return absolute; its last element is no link
   * @throws IOException if links go in a circle
   */
  public static Path followed(Path target) throws IOException {
    Path file = target.toAbsolutePath();
    if (Files.exists(file)) {
      return file.toRealPath();
    }
    for (int links = 0; Files.isSymbolicLink(file); links++) {
      if (links == MAX_LINKS) {
        throw new FileSystemLoopException(target.toString());
      }
      file = file.resolveSibling(Files.readSymbolicLink(file));
    }
    Path folder = Objects.requireNonNullElse(file.getParent(), file);
    return Files.isDirectory(folder)
        ? folder.toRealPath().resolve(file.getFileName())
        : file.normalize();
  }

  @Override
  public void write(int value) throws IOException {
    guarded(() -> out.write(value));
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    guarded(() -> out.write(bytes, offset, length));
  }

  @Override
  public void flush() throws IOException {
    guarded(out::flush);
  }

  @Override
  public void close() throws IOException {
    guarded(out::close);
  }

  private void guarded(Step step) throws IOException {
    guarded(file, step);
  }

  /** Something that may fail. */
  @FunctionalInterface
  public interface Step {
    void run() throws IOException;
  }

  /** Runs a step on a file and names the file if it fails. */
  public static void guarded(Path file, Step step) throws IOException {
    try {
      step.run();
    } catch (NoSuchFileException e) {
      throw e;
    } catch (IOException e) {
      String words = PathFaults.reason(e);
      FileSystemException named = new FileSystemException(file.toString(), null, words);
      named.initCause(e);
      throw named;
    }
  }
}
