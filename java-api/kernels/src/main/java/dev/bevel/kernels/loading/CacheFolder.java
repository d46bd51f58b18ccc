package dev.bevel.kernels.loading;

import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.Status;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * Where native files are unpacked to. What lies there runs with the rights of this process, so
 * nobody but its user and root may be able to change it ({@link PrivatePath}), and the file system
 * must allow execution.
 *
 * <p>The folder is the one that the system property {@value #PROPERTY} names. Without it the first
 * of these that serves: {@code ~/.cache/bevel}, then {@code bevel-USERNUMBER} in the folder for
 * temporary files. Folders are made with permissions for their owner alone.
 *
 * @param path without links
 * @param why it is this one, for people
 */
public record CacheFolder(Path path, String why) {
  /** System property that names the folder. */
  public static final String PROPERTY = "bevel.cache";

  private static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  /** Something that needs the folder; an exception leads to the next candidate. */
  @FunctionalInterface
  public interface Use<T> {
    /**
     * @param folder a candidate that is safe
     * @return what came of it
     */
    T in(CacheFolder folder) throws IOException;
  }

  /** A place that may serve. */
  private record Candidate(String path, String why) {}

  /**
   * Does something in the first folder where it can be done.
   *
   * @param what for the message, e.g. {@code "Bevel's native library"}
   * @throws BevelException if no folder serves, with each one's reason
   */
  public static <T> T first(String what, Use<T> use) {
    List<String> refused = new ArrayList<>();
    for (Candidate candidate : candidates()) {
      try {
        String why = candidate.why + (refused.isEmpty() ? "" : "; " + String.join("; ", refused));
        return use.in(new CacheFolder(prepare(candidate.path), why));
      } catch (IOException | InvalidPathException e) {
        refused.add("not " + candidate.path + ": " + reason(e));
      }
    }
    throw new BevelException(
        Status.NOT_LOADED,
        String.format(
            Locale.ROOT,
            "Bevel: there is no folder to unpack %s into (-D%s=FOLDER names one): %s",
            what,
            PROPERTY,
            String.join("; ", refused)));
  }

  /**
   * Makes a folder and the missing ones above it for the owner alone, and checks it.
   *
   * @return the folder without links in its path
   * @throws IOException if it cannot be made, is not safe, or forbids execution
   */
  public static Path prepare(String folder) throws IOException {
    if (folder.isBlank()) {
      throw new IOException("the name of a folder is wanted, got nothing");
    }
    Path path = Path.of(folder).toAbsolutePath();
    if (!Files.isDirectory(path)) {
      Files.createDirectories(path, OWNER_ONLY);
    }
    Path real = PrivatePath.folder(path);
    Optional<Path> mount = MountedFileSystem.withoutExecution(real);
    if (mount.isPresent()) {
      throw new IOException(
          String.format(
              Locale.ROOT,
              "the file system mounted at %s forbids execution (noexec), so no library can be loaded from %s",
              mount.get(),
              real));
    }
    return real;
  }

  private static List<Candidate> candidates() {
    String named = System.getProperty(PROPERTY);
    if (named != null) {
      return List.of(new Candidate(named, "named by " + PROPERTY));
    }
    List<Candidate> found = new ArrayList<>();
    // Java says "?" of a user without an entry in the password file, as containers have them.
    String home = System.getProperty("user.home", "");
    if (home.startsWith("/")) {
      found.add(new Candidate(home + "/.cache/bevel", "the default"));
    }
    if (ThisProcess.user() >= 0) {
      found.add(
          new Candidate(
              System.getProperty("java.io.tmpdir", "/tmp") + "/bevel-" + ThisProcess.user(),
              home.startsWith("/")
                  ? "the second choice"
                  : "the second choice, for this user has no home folder"));
    }
    return found;
  }

  /** What was wrong, in words: files' exceptions often hold a path and none. */
  public static String reason(Exception e) {
    if (e instanceof FileAlreadyExistsException existing) {
      return existing.getFile() + " is a file, must be a folder";
    }
    if (e instanceof FileSystemException failed) {
      String why = failed.getReason();
      return failed.getFile()
          + ": "
          + (failed instanceof AccessDeniedException
              ? "access denied"
              : why == null ? failed.getClass().getSimpleName() : why);
    }
    return String.valueOf(e.getMessage());
  }
}
