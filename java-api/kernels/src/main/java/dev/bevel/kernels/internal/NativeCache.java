package dev.bevel.kernels.internal;

import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.Status;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Unpacks native files from the class path into {@code bevel.cache} (default {@code
 * ~/.cache/bevel}), one folder a version and content: {@code VERSION-SHA256/libbevel.so}. A file
 * that is there with the same content is used as it is; a new one is written beside and renamed, so
 * processes that start together never see half a file.
 */
final class NativeCache {
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
      Files.createDirectories(target);
      Path cudaPath =
          cudaContent == null ? null : store(target.resolve(cudaLibraryName), cudaContent);
      return new Unpacked(
          store(target.resolve(libraryName), content), cudaPath, library.toString());
    } catch (IOException e) {
      throw new BevelException(
          Status.NOT_LOADED,
          "Bevel: cannot unpack its native library into "
              + cache
              + " (-Dbevel.cache=FOLDER names another): "
              + e,
          e);
    }
  }

  private static Path cacheFolder() {
    String named = System.getProperty("bevel.cache");
    Path folder =
        named != null
            ? Path.of(named)
            : Path.of(System.getProperty("user.home", "."), ".cache", "bevel");
    return folder.toAbsolutePath();
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
  private static Path store(Path file, byte[] content) throws IOException {
    if (Files.isRegularFile(file)
        && Files.size(file) == content.length
        && Arrays.equals(Files.readAllBytes(file), content)) {
      return file;
    }
    Path folder = file.toAbsolutePath().getParent();
    Path temporary = Files.createTempFile(folder, file.getFileName().toString(), ".tmp");
    try {
      Files.write(temporary, content);
      Files.move(
          temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(temporary);
    }
    return file;
  }
}
