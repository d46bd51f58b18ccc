package dev.bevel.kernels.loading;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A folder of the cache, for the files of one version. While a process uses it, the process holds a
 * shared lock on its file {@value #USED}, whose date is that of the last start. Entries that nobody
 * has used for {@link #KEPT} and whose lock is free are deleted when another one is opened.
 */
public final class CacheEntry {
  private static final String USED = ".used";

  /** How long an entry stays that is not used: longer than a holiday. */
  static final Duration KEPT = Duration.ofDays(30);

  /** Longer than any process takes to write a file. */
  private static final Duration WRITTEN_WITHIN = Duration.ofMinutes(10);

  /** What Bevel calls its entries: a version and a digest; JavaCPP's begin with its name. */
  private static final Pattern NAME =
      Pattern.compile("\\d+\\.\\d+\\.\\d+-[0-9a-f]{8,64}|javacpp-[0-9A-Za-z.-]+");

  private static final Logger LOG = LoggerFactory.getLogger("dev.bevel.kernels");

  /** Locks of this process end when any channel on their file is closed, so none ever is. */
  private static final Map<Path, FileChannel> HELD = new ConcurrentHashMap<>();

  private final Path folder;

  private CacheEntry(Path folder) {
    this.folder = folder;
  }

  /**
   * Opens an entry, which other processes will not delete while this one runs, and deletes what
   * nobody uses any more.
   *
   * @param cache where it lies
   * @param name e.g. {@code 0.1.0-5891b5b522d5df08}
   */
  public static CacheEntry open(CacheFolder cache, String name) throws IOException {
    Path folder = CacheFolder.prepare(cache.path().resolve(name).toString());
    hold(folder);
    deleteAbandoned(folder);
    prune(cache.path(), folder);
    return new CacheEntry(folder);
  }

  /** The entry's folder. */
  public Path folder() {
    return folder;
  }

  /**
   * A file of the entry, written unless it is there with this very content.
   *
   * @return the file
   */
  public Path put(String name, NativeContent content) throws IOException {
    Path file = folder.resolve(name);
    if (!CheckedFile.holds(file, content)) {
      CheckedFile.write(file, content);
    }
    return file;
  }

  private static void hold(Path folder) throws IOException {
    Path used = folder.resolve(USED);
    while (true) {
      FileChannel channel = openUsed(used);
      if (channel == null) {
        return;
      }
      try {
        channel.lock(0, Long.MAX_VALUE, true);
      } catch (OverlappingFileLockException held) {
        LOG.debug("{} is in use by this process already", folder);
      } catch (IOException e) { // a file system without locks
        LOG.debug("cannot lock {}", used, e);
      }
      HELD.put(folder, channel);
      // Somebody who was deleting the entry may have had the lock until now.
      if (Files.exists(used)) {
        return;
      }
      CacheFolder.prepare(folder.toString());
    }
  }

  private static @Nullable FileChannel openUsed(Path used) throws IOException {
    try {
      FileChannel channel =
          FileChannel.open(
              used,
              StandardOpenOption.CREATE,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              LinkOption.NOFOLLOW_LINKS);
      Files.setLastModifiedTime(used, FileTime.from(Instant.now()));
      return channel;
    } catch (FileSystemException readOnly) { // nobody deletes what he cannot write
      LOG.debug("cannot write {}", used, readOnly);
      return null;
    }
  }

  /** Deletes what processes that were killed while they wrote have left behind. */
  private static void deleteAbandoned(Path folder) throws IOException {
    Instant limit = Instant.now().minus(WRITTEN_WITHIN);
    try (DirectoryStream<Path> files =
        Files.newDirectoryStream(folder, "*" + CheckedFile.TEMPORARY)) {
      for (Path file : files) {
        if (Files.getLastModifiedTime(file).toInstant().isBefore(limit)) {
          Files.deleteIfExists(file);
        }
      }
    } catch (NoSuchFileException | DirectoryIteratorException gone) {
      LOG.debug("another process is cleaning up {}", folder, gone);
    }
  }

  /** Deletes entries that nobody uses; a failure to do so is no failure of the caller's. */
  private static void prune(Path cache, Path own) {
    Instant limit = Instant.now().minus(KEPT);
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(cache)) {
      for (Path entry : entries) {
        if (!entry.equals(own)
            && !HELD.containsKey(entry)
            && NAME.matcher(entry.getFileName().toString()).matches()
            && Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)
            && lastUsed(entry).isBefore(limit)) {
          deleteUnlessHeld(entry);
        }
      }
    } catch (IOException | DirectoryIteratorException | UncheckedIOException e) {
      LOG.debug("cannot clean up {}", cache, e);
    }
  }

  private static Instant lastUsed(Path entry) throws IOException {
    Path used = entry.resolve(USED);
    return Files.getLastModifiedTime(Files.exists(used) ? used : entry).toInstant();
  }

  private static void deleteUnlessHeld(Path entry) throws IOException {
    Path used = entry.resolve(USED);
    try (FileChannel channel =
            FileChannel.open(
                used,
                StandardOpenOption.CREATE,
                StandardOpenOption.WRITE,
                LinkOption.NOFOLLOW_LINKS);
        FileLock lock = channel.tryLock()) {
      if (lock == null) {
        return;
      }
      LOG.info("deleting {}, which nobody has used for {} days", entry, KEPT.toDays());
      try (Stream<Path> files = Files.walk(entry)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.deleteIfExists(file);
        }
      }
    } catch (OverlappingFileLockException held) {
      LOG.debug("{} is in use by this process", entry);
    }
  }
}
