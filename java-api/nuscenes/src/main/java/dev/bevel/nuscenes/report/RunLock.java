package dev.bevel.nuscenes.report;

import dev.bevel.nuscenes.FileOutput;
import dev.bevel.nuscenes.NuScenesException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * That a folder is written to by one process at a time. The operating system's lock on the file
 * {@value #NAME} ends with the process that holds it, however that ends; the file's text says who
 * that is. The file stays when the owner ends: were it removed, two processes could hold locks on
 * two files of this name. Where the file system has no locks, two owners are not noticed, and a
 * warning in the log says so.
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

  private final Path folder;
  private final FileChannel channel;

  private RunLock(Path folder, FileChannel channel) {
    this.folder = folder;
    this.channel = channel;
  }

  /**
   * Becomes the owner of a folder, which is made if missing.
   *
   * @param what the owner is, e.g. {@code "bevel train"}, for the message to others
   * @throws NuScenesException naming the present owner if there is one
   * @throws IOException if the folder cannot be made or written
   */
  public static RunLock take(Path folder, String what) throws IOException {
    if (!Files.isDirectory(folder)) {
      Files.createDirectories(folder);
    }
    Path real = folder.toRealPath();
    if (!OURS.add(real)) {
      throw inUse(folder, "this process");
    }
    RunLock taken = null;
    try {
      Path file = real.resolve(NAME);
      if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)
          && !Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
        throw new NuScenesException(
            file + " must be a file of Bevel's own, it is a link or no file; remove it");
      }
      FileChannel channel =
          FileChannel.open(
              file,
              StandardOpenOption.CREATE,
              StandardOpenOption.READ,
              StandardOpenOption.WRITE,
              LinkOption.NOFOLLOW_LINKS);
      try {
        lock(channel, folder);
        FileOutput.guarded(file, () -> write(channel, self(what)));
        taken = new RunLock(real, channel);
        return taken;
      } finally {
        if (taken == null) {
          channel.close();
        }
      }
    } finally {
      if (taken == null) {
        OURS.remove(real);
      }
    }
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
        "process %d on %s (%s, since %s)",
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

  /** Gives the folder up. */
  @Override
  public void close() throws IOException {
    try (channel) {
      channel.truncate(0);
    } finally {
      OURS.remove(folder);
    }
  }
}
