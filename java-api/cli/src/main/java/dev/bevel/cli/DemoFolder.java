package dev.bevel.cli;

import dev.bevel.nuscenes.Folders;
import dev.bevel.nuscenes.report.RunFolder;
import dev.bevel.nuscenes.report.RunLock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The folder of a demo. A file in it says that the demo is not finished: a folder with it can be
 * taken and begun anew, since nothing in it is anybody's but the demo's; any other folder must be
 * empty.
 */
final class DemoFolder implements AutoCloseable {
  /** There until the demo is finished. */
  static final String MARKER = ".bevel-demo-unfinished";

  private final Path folder;
  private final RunLock lock;

  private DemoFolder(Path folder, RunLock lock) {
    this.folder = folder;
    this.lock = lock;
  }

  /**
   * Why a demo cannot be made in a folder; empty if it can.
   *
   * @param folder missing, empty, or of an unfinished demo
   */
  static Optional<String> obstacle(Path folder) throws IOException {
    String found = found(folder);
    return found == null
        ? Optional.empty()
        : Optional.of(
            "--out must name a missing or empty folder, or that of an unfinished demo; "
                + folder
                + " "
                + found
                + finished(folder)
                + "; remove it or name another");
  }

  private static String finished(Path folder) {
    Path report = new RunFolder(folder).report();
    return Files.exists(report) ? ", the report of a finished run is " + report : "";
  }

  private static @Nullable String found(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return Files.exists(folder, LinkOption.NOFOLLOW_LINKS) ? "is a file" : null;
    }
    boolean unfinished = isUnfinished(folder);
    try (Stream<Path> entries = Files.list(folder)) {
      List<Path> others =
          entries.filter(entry -> !(unfinished ? isOurs(entry) : isLock(entry))).toList();
      return others.isEmpty()
          ? null
          : unfinished ? "has also " + others.getFirst() : "is not empty";
    }
  }

  /** Whether a demo was begun in a folder and not finished. */
  static boolean isUnfinished(Path folder) {
    return Files.isRegularFile(folder.resolve(MARKER), LinkOption.NOFOLLOW_LINKS);
  }

  /** Takes the folder, with nothing in it. */
  static DemoFolder take(Path folder) throws IOException {
    RunLock lock = RunLock.take(folder, "bevel demo");
    try {
      Optional<String> obstacle = obstacle(folder);
      if (obstacle.isPresent()) {
        throw new IllegalStateException(obstacle.get());
      }
      try (Stream<Path> entries = Files.list(folder)) {
        for (Path entry : entries.filter(entry -> !isLock(entry) && !isMarker(entry)).toList()) {
          Folders.delete(entry);
        }
      }
      Files.writeString(
          folder.resolve(MARKER), "An unfinished bevel demo. The next one replaces this folder.\n");
      return new DemoFolder(folder, lock);
    } catch (IOException | RuntimeException e) {
      lock.close();
      throw e;
    }
  }

  /** All is done: from now on the folder is not replaced. */
  void finish() throws IOException {
    Files.delete(folder.resolve(MARKER));
  }

  /** Where the simulated data set goes. */
  static Path data(Path folder) {
    return folder.resolve("data");
  }

  /** The run of the detector on black images. */
  static RunFolder blackImages(Path folder) {
    return new RunFolder(folder.resolve("black-images"));
  }

  private static boolean isLock(Path entry) {
    return entry.endsWith(RunLock.NAME);
  }

  private static boolean isMarker(Path entry) {
    return entry.endsWith(MARKER);
  }

  /** Whether a demo makes such a file or folder, be it under a temporary name. */
  private static boolean isOurs(Path entry) {
    Path folder = entry.resolveSibling(".");
    return isLock(entry)
        || isMarker(entry)
        || Stream.concat(
                Stream.of(data(folder), blackImages(folder).folder()),
                new RunFolder(folder).files().stream())
            .map(ours -> ours.getFileName().toString())
            .anyMatch(ours -> isNamed(entry.getFileName().toString(), ours));
  }

  private static boolean isNamed(String name, String ours) {
    return name.equals(ours) || (name.startsWith("." + ours + ".") && name.endsWith(".tmp"));
  }

  @Override
  public void close() throws IOException {
    lock.close();
  }
}
