package dev.bevel.nuscenes.report;

import dev.bevel.nuscenes.FileOutput;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.PathFaults;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * That a folder is written to by one process at a time. The operating system's lock on the file
 * {@value #NAME} ends with the process that holds it, however that ends; the file's text says who
 * that is. The file stays when the owner ends, unless that made it and wrote nothing else: a
 * refused command leaves no folder behind. Where the file system has no locks, two owners are not
 * noticed, and a warning in the log says so.
 */
public final class RunLock implements AutoCloseable {
  /** The file that is locked. */
  public static final String NAME = ".bevel-lock";

  private static final Logger LOG = LoggerFactory.getLogger(RunLock.class);

  /**
   * Folders owned by this process. Their lock files must not be opened again: on POSIX systems a
   * process loses its lock on a file when it closes any channel of that file.
   */
  private static final Set<Path> OURS = ConcurrentHashMap.newKeySet();

  /** Beyond the text, since locked bytes cannot be read on some systems. */
  private static final long LOCKED_BYTE = 1L << 40;

  private static final int MAX_TEXT = 512;
  private static final String BEGINNING_OF_TEXT = "process ";
  private static final int MAX_TRIES = 10;

  private final Path folder;
  private final FileChannel channel;
  private final boolean removable;
  private final List<Path> made;

  private RunLock(Path folder, FileChannel channel, boolean removable, List<Path> made) {
    this.folder = folder;
    this.channel = channel;
    this.removable = removable;
    this.made = made;
  }

  /**
   * Becomes the owner of a folder, which is made if missing.
   *
   * @param what the owner is, e.g. {@code "bevel train"}, for the message to others
   * @throws NuScenesException naming the present owner if there is one, or the folder if the system
   *     does not let it be made or written
   * @throws IOException if a file is in the folder's place, or its lock cannot be written
   */
  public static RunLock take(Path folder, String what) throws IOException {
    List<Path> made = new ArrayList<>();
    RunLock taken = null;
    try {
      for (int i = 0; taken == null && i < MAX_TRIES; i++) {
        if (make(folder, made, i + 1 == MAX_TRIES)) {
          taken = tryTake(folder, what, made);
        }
      }
      if (taken == null) {
        throw new NuScenesException(
            "folder " + folder + " is being removed and made by others; name another folder");
      }
      return taken;
    } finally {
      if (taken == null) {
        removeEmpty(made);
      }
    }
  }

  /**
   * Makes a folder and those above it; adds what was not there, the innermost last.
   *
   * @param last whether a folder that cannot be made is an error
   * @return false if it cannot, which may be since one above it was removed meanwhile
   */
  private static boolean make(Path folder, List<Path> made, boolean last) throws IOException {
    if (Files.isDirectory(folder)) {
      return true;
    }
    List<Path> missing = new ArrayList<>();
    for (Path each = folder.toAbsolutePath();
        each != null && Files.notExists(each, LinkOption.NOFOLLOW_LINKS);
        each = each.getParent()) {
      missing.addFirst(each);
    }
    try {
      Files.createDirectories(folder);
    } catch (FileAlreadyExistsException e) {
      throw e;
    } catch (FileSystemException e) {
      if (e instanceof NoSuchFileException && !last) {
        return false;
      }
      String why =
          e instanceof NoSuchFileException
              ? "the file system there takes none"
              : PathFaults.reason(e);
      throw new NuScenesException(
          "folder " + folder + " cannot be made: " + why + "; name another folder (--out)", e);
    }
    made.addAll(missing);
    return true;
  }

  /**
   * @return null if the folder or its lock file was removed meanwhile
   */
  private static @Nullable RunLock tryTake(Path folder, String what, List<Path> made)
      throws IOException {
    Path real;
    try {
      real = folder.toRealPath();
    } catch (NoSuchFileException removed) {
      return null;
    }
    if (!OURS.add(real)) {
      throw inUse(folder, "this process");
    }
    RunLock taken = null;
    try {
      Path file = real.resolve(NAME);
      boolean isNew = create(file);
      Object identity = identity(file);
      FileChannel channel =
          FileChannel.open(
              file, StandardOpenOption.READ, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
      try {
        lock(channel, folder);
        // An owner before may have removed the file that was opened: its lock would be no lock.
        if (Objects.equals(identity, identity(file))) {
          requireOurs(channel, file);
          writeSelf(channel, file, what, isNew);
          taken = new RunLock(real, channel, isNew && identity != null, made);
        }
        return taken;
      } finally {
        if (taken == null) {
          channel.close();
        }
      }
    } catch (NoSuchFileException removed) {
      return null;
    } catch (AccessDeniedException e) {
      throw new NuScenesException(
          "folder "
              + folder
              + " cannot be written to: permission denied at "
              + NAME
              + "; name another folder (--out), or change who may write there",
          e);
    } finally {
      if (taken == null) {
        OURS.remove(real);
      }
    }
  }

  /** On a full disk a file that was made for it goes, while it is still locked. */
  private static void writeSelf(FileChannel channel, Path file, String what, boolean isNew)
      throws IOException {
    try {
      FileOutput.guarded(file, () -> write(channel, self(what)));
    } catch (IOException full) {
      if (isNew) {
        Files.delete(file);
      }
      throw full;
    }
  }

  /** Whether it was not there. */
  private static boolean create(Path file) throws IOException {
    try {
      Files.createFile(file);
      return true;
    } catch (FileAlreadyExistsException e) {
      if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
          && Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
        throw new NuScenesException(
            file + " must be a file of Bevel's own, it is a link or no file; remove it", e);
      }
      return false;
    }
  }

  /** What tells a file from another one of its name; null where the system has nothing such. */
  private static @Nullable Object identity(Path file) throws IOException {
    return Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
        .fileKey();
  }

  private static void lock(FileChannel channel, Path folder) throws IOException {
    FileLock lock;
    try {
      lock = channel.tryLock(LOCKED_BYTE, 1, false);
    } catch (IOException e) {
      LOG.warn("{}: whether another process writes to it cannot be told: {}", folder, e.toString());
      return;
    }
    if (lock == null) {
      throw inUse(folder, read(channel));
    }
  }

  /** What somebody else wrote under this name, or has under another one (a hard link), stays. */
  private static void requireOurs(FileChannel channel, Path file) throws IOException {
    if (channel.size() > MAX_TEXT
        || channel.size() > 0 && !read(channel).startsWith(BEGINNING_OF_TEXT)) {
      throw new NuScenesException(
          file + " must be a file of Bevel's own, it holds something else; remove it");
    }
  }

  private static NuScenesException inUse(Path folder, String owner) {
    return new NuScenesException(
        "folder "
            + folder
            + " is being written to by "
            + owner
            + "; wait until that has ended, or name another folder");
  }

  private static String self(String what) {
    return String.format(
        Locale.ROOT,
        BEGINNING_OF_TEXT + "%d on %s (%s, since %s)",
        ProcessHandle.current().pid(),
        host(),
        what,
        Instant.now().truncatedTo(ChronoUnit.SECONDS));
  }

  private static String host() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      return "a host without a name";
    }
  }

  private static void write(FileChannel channel, String text) throws IOException {
    channel.truncate(0);
    channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)), 0);
  }

  private static String read(FileChannel channel) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(MAX_TEXT);
    channel.read(bytes, 0);
    String text = StandardCharsets.UTF_8.decode(bytes.flip()).toString().strip();
    return text.isEmpty() ? "another process" : text;
  }

  /** Gives the folder up; what was made for it goes if nothing was written. */
  @Override
  public void close() throws IOException {
    try (channel) {
      channel.truncate(0);
      if (removable && isAlone()) {
        Files.delete(folder.resolve(NAME)); // still locked: see tryTake
        removeEmpty(made);
      }
    } finally {
      OURS.remove(folder);
    }
  }

  /** Whether there is nothing in the folder but the lock. */
  private boolean isAlone() throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.allMatch(entry -> entry.endsWith(NAME));
    }
  }

  /** Innermost first; the first that has something in it stays, and those above it. */
  private static void removeEmpty(List<Path> made) {
    for (Path each : made.reversed()) {
      try {
        Files.delete(each);
      } catch (IOException inUse) {
        return;
      }
    }
  }
}
