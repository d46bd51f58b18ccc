package dev.bevel.nuscenes;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;

/**
 * A file that is being written beside its target. Its writer holds a lock on it, which ends with
 * the process however that ends: so whoever comes later can tell what a killed process left behind
 * from what a living one is writing.
 */
final class TemporaryFile implements AutoCloseable {
  private static final Pattern SUFFIX =
      Pattern.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\\.tmp");

  /** Names have 255 bytes at most; two dots, a hash and {@link #SUFFIX} take 51. */
  private static final int MAX_KEPT_BYTES = 200;

  /**
   * Names of this process's. {@link #removeLeftovers} must not even open them: on POSIX systems a
   * process loses its lock on a file when it closes any channel of that file. Names, which are
   * unique: a folder can have several paths.
   */
  private static final Set<String> OURS = ConcurrentHashMap.newKeySet();

  private final Path file;
  private final FileChannel channel;

  private TemporaryFile(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /** A new file beside {@code target}, whose folder is there. */
  static TemporaryFile beside(Path target) throws IOException {
    while (true) {
      // Not Files.createTempFile, which would make the result readable to its owner only.
      String name = name(target);
      Path file = target.resolveSibling(name);
      OURS.add(name);
      TemporaryFile made = null;
      try {
        made =
            new TemporaryFile(
                file,
                FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
        if (made.isOwned()) {
          return made;
        }
      } finally {
        if (made == null) {
          OURS.remove(name);
        }
      }
      made.close();
    }
  }

  /** False if another process took the file for a dead one's before it was locked. */
  private boolean isOwned() {
    try {
      return channel.tryLock() != null && Files.exists(file);
    } catch (IOException e) {
      return true; // this file system has no locks: nobody can take anything for dead
    }
  }

  /** A name of its own, beside a target, that says which target it is of. */
  static String name(Path target) {
    return prefix(target) + UUID.randomUUID() + ".tmp";
  }

  /** The beginning of a temporary name; of a long target's name as much as leaves room. */
  private static String prefix(Path target) {
    String name = target.getFileName().toString();
    StringBuilder kept = new StringBuilder(".");
    int bytes = 0;
    for (int c : name.codePoints().toArray()) {
      String one = Character.toString(c);
      bytes += one.getBytes(StandardCharsets.UTF_8).length;
      if (bytes > MAX_KEPT_BYTES) {
        // Names that begin alike are told apart by what they are as a whole.
        return kept + "~" + Integer.toHexString(name.hashCode()) + ".";
      }
      kept.append(one);
    }
    return kept + ".";
  }

  FileChannel channel() {
    return channel;
  }

  Path path() {
    return file;
  }

  /** Ends the lock and removes the file where it still has its temporary name. */
  @Override
  public void close() throws IOException {
    try {
      channel.close();
      Files.deleteIfExists(file);
    } finally {
      OURS.remove(file.getFileName().toString());
    }
  }

  /**
   * Removes what dead processes left beside {@code target}. Where that cannot be told or done, it
   * stays: tidying up is no reason to refuse work.
   */
  static void removeLeftovers(Path target) {
    Path folder = target.getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      return;
    }
    String prefix = prefix(target);
    try (DirectoryStream<Path> entries =
        Files.newDirectoryStream(folder, entry -> isTemporary(entry, prefix))) {
      entries.forEach(TemporaryFile::removeIfDead);
    } catch (IOException | DirectoryIteratorException e) {
      // a folder that may be written but not listed
    }
  }

  private static boolean isTemporary(Path entry, String prefix) {
    String name = entry.getFileName().toString();
    return name.startsWith(prefix)
        && SUFFIX.matcher(name.substring(prefix.length())).matches()
        && Files.isRegularFile(entry, LinkOption.NOFOLLOW_LINKS);
  }

  private static void removeIfDead(Path file) {
    if (OURS.contains(file.getFileName().toString())) {
      return;
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
        FileLock lock = channel.tryLock()) {
      if (lock != null) {
        Files.deleteIfExists(file);
      }
    } catch (IOException | OverlappingFileLockException e) {
      // gone meanwhile, somebody else's, or without locks
    }
  }
}
