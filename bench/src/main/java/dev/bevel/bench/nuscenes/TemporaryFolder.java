package dev.bevel.bench.nuscenes;

import dev.bevel.nuscenes.Folders;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

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
        Folders.delete(path);
      } catch (IOException e) {
        if (attempt == 4) {
          System.err.println("bevel: " + path + " cannot be deleted: " + e);
        }
      }
    }
  }

  @Override
  public void close() throws IOException {
    Folders.delete(path);
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The process is ending just now; the hook finds nothing left.
    }
  }
}
