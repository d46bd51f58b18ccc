package dev.bevel.bench.nuscenes;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** A folder that ends with its scope, or with the process where that is told to end (Ctrl-C). */
final class TemporaryFolder implements AutoCloseable {
  private final Path path;
  private final Thread hook;

  TemporaryFolder() throws IOException {
    path = Files.createTempDirectory("bevel-bench-");
    hook = new Thread(this::deleteWhatIsThere, "bevel-bench-cleanup");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  Path path() {
    return path;
  }

  /** A process that is ending may still be writing: what comes up meanwhile is tried again. */
  private void deleteWhatIsThere() {
    for (int attempt = 0; attempt < 5 && Files.exists(path); attempt++) {
      try {
        delete(path);
      } catch (IOException | UncheckedIOException e) {
        if (attempt == 4) {
          System.err.println("bevel: " + path + " cannot be deleted: " + e);
        }
      }
    }
  }

  static void delete(Path folder) throws IOException {
    List<Path> all;
    try (Stream<Path> walk = Files.walk(folder)) {
      all = walk.sorted(Comparator.reverseOrder()).toList();
    } catch (NoSuchFileException e) {
      return;
    }
    for (Path each : all) {
      Files.deleteIfExists(each);
    }
  }

  @Override
  public void close() throws IOException {
    delete(path);
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The process is ending just now; the hook finds nothing left.
    }
  }
}
