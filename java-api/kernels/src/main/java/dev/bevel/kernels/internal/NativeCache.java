package dev.bevel.kernels.internal;

import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.Status;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Unpacks native files from the class path into {@code bevel.cache} (default {@code
 * ~/.cache/bevel}), one folder a version and content: {@code VERSION-SHA256/libbevel.so}. A file
 * that is there with the same content is used as it is; a new one is written beside and renamed, so
 * processes that start together never see half a file.
 *
 * <p>What is loaded runs with the rights of this process, so folders that it makes are its user's
 * alone, and one that other users could change is refused.
 */
final class NativeCache {
  private static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  /** Longer than any process takes to write a file. */
  private static final Duration ABANDONED_AFTER = Duration.ofMinutes(10);

  private static final String TEMPORARY = ".tmp";

  /** Its owner is the user that this process runs as, who may have no name and no home. */
  private static final Path THIS_PROCESS = Path.of("/proc/self");

  private static final Logger LOG = LoggerFactory.getLogger("dev.bevel.kernels");

  private NativeCache() {}

  /** The files on disk and the resource they came from. */
  record Unpacked(Path library, @Nullable Path cudaLibrary, String origin) {}

  static Unpacked unpack(String platform, String libraryName, String cudaLibraryName) {
    String folder = "dev/bevel/native/" + platform + "/";
    URL library = resource(folder + libraryName);
    if (library == null) {
      throw new BevelException(
          Status.NOT_LOADED,
          "Bevel: "
              + folder
              + libraryName
              + " is not on the class path: add the artifact dev.bevel:bevel-native with the classifier "
              + platform
              + " (on the module path with --add-modules dev.bevel.natives."
              + platform.replace('-', '.')
              + "), or name a folder with -Dbevel.library.path=FOLDER");
    }
    URL cuda = resource(folder + cudaLibraryName);
    Path cache = cacheFolder();
    try {
      byte[] content = read(library);
      byte[] cudaContent = cuda == null ? null : read(cuda);
      Path target =
          cache.resolve(
              NativeLibrary.text(NativeLibrary.HEADER_VERSION)
                  + "-"
                  + digest(content, cudaContent));
      Files.createDirectories(target, OWNER_ONLY);
      requirePrivate(target);
      Path cudaPath = cudaContent == null ? null : store(target, cudaLibraryName, cudaContent);
      return new Unpacked(store(target, libraryName, content), cudaPath, library.toString());
    } catch (IOException e) {
      throw new BevelException(
          Status.NOT_LOADED,
          "Bevel: cannot unpack its native library into "
              + cache
              + " (-Dbevel.cache=FOLDER names another): "
              + reason(e),
          e);
    }
  }

  /** Files' exceptions often hold a path and no word. */
  private static String reason(IOException e) {
    return e.getClass() == IOException.class ? String.valueOf(e.getMessage()) : e.toString();
  }

  private static Path cacheFolder() {
    String named = System.getProperty("bevel.cache");
    if (named != null && named.isBlank()) {
      throw new BevelException(Status.NOT_LOADED, "bevel.cache must name a folder, got nothing");
    }
    if (named != null) {
      return Path.of(named).toAbsolutePath();
    }
    Path home = Path.of(System.getProperty("user.home", ""));
    if (!home.isAbsolute()) {
      // Java says "?" of a user without an entry in the password file, as containers have them.
      throw new BevelException(
          Status.NOT_LOADED,
          "Bevel: this user has no home folder to unpack the native library into; name one with -Dbevel.cache=FOLDER");
    }
    return home.resolve(".cache").resolve("bevel");
  }

  /** Fails if somebody else could exchange a file between its check and its loading. */
  private static void requirePrivate(Path folder) throws IOException {
    PosixFileAttributes attributes = Files.readAttributes(folder, PosixFileAttributes.class);
    boolean own =
        !Files.exists(THIS_PROCESS)
            || attributes.owner().equals(Files.getOwner(THIS_PROCESS))
            || attributes.owner().getName().equals("root");
    if (!own || attributes.permissions().contains(PosixFilePermission.OTHERS_WRITE)) {
      throw new IOException(
          folder
              + " can be changed by other users: it belongs to "
              + attributes.owner().getName()
              + " and has the permissions "
              + PosixFilePermissions.toString(attributes.permissions()));
    }
  }

  /**
   * The first of the class path's files of this name; a second one that differs is worth a warning.
   */
  private static @Nullable URL resource(String name) {
    ClassLoader loader = NativeCache.class.getClassLoader();
    try {
      List<URL> found =
          Collections.list(
              loader == null ? ClassLoader.getSystemResources(name) : loader.getResources(name));
      for (URL other : found.subList(Math.min(1, found.size()), found.size())) {
        if (!Arrays.equals(read(other), read(found.getFirst()))) {
          LOG.warn(
              "{} is on the class path in two versions: {} is used, not {}",
              name,
              found.getFirst(),
              other);
        }
      }
      return found.isEmpty() ? null : found.getFirst();
    } catch (IOException e) {
      throw new BevelException(
          Status.NOT_LOADED, "Bevel: cannot look for " + name + " on the class path: " + e, e);
    }
  }

  private static byte[] read(URL resource) throws IOException {
    try (InputStream in = resource.openStream()) {
      return in.readAllBytes();
    }
  }

  private static String digest(byte[] content, byte @Nullable [] more) {
    try {
      MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
      sha256.update(content);
      if (more != null) {
        sha256.update(more);
      }
      return HexFormat.of().formatHex(sha256.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }

  /** Writes the file unless it is there with this very content; a damaged one is replaced. */
  private static Path store(Path folder, String name, byte[] content) throws IOException {
    Path file = folder.resolve(name);
    if (Files.isRegularFile(file)
        && Files.size(file) == content.length
        && Arrays.equals(Files.readAllBytes(file), content)) {
      return file;
    }
    deleteAbandoned(folder);
    Path temporary = Files.createTempFile(folder, name, TEMPORARY);
    try {
      Files.write(temporary, content);
      Files.move(
          temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(temporary);
    }
    return file;
  }

  /** Deletes what processes that were killed while they wrote have left behind. */
  private static void deleteAbandoned(Path folder) throws IOException {
    Instant limit = Instant.now().minus(ABANDONED_AFTER);
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*" + TEMPORARY)) {
      for (Path file : files) {
        if (Files.getLastModifiedTime(file).toInstant().isBefore(limit)) {
          Files.deleteIfExists(file);
        }
      }
    } catch (NoSuchFileException | DirectoryIteratorException gone) {
      LOG.debug("another process is cleaning up {}", folder, gone);
    }
  }
}
