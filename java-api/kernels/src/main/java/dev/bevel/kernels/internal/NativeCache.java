package dev.bevel.kernels.internal;

import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.Status;
import dev.bevel.kernels.loading.CacheEntry;
import dev.bevel.kernels.loading.CacheFolder;
import dev.bevel.kernels.loading.NativeContent;
import java.io.IOException;
import java.net.URL;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Unpacks native files from the class path into the {@link CacheFolder}, one entry a version and
 * content: {@code VERSION-DIGEST/libbevel.so}. A file that is there with the same content is used
 * as it is; a new one is written beside and renamed, so processes that start together never see
 * half a file.
 */
final class NativeCache {
  private static final Logger LOG = LoggerFactory.getLogger("dev.bevel.kernels");

  private NativeCache() {}

  /** The files on disk, the resource they came from, and why they lie where they do. */
  record Unpacked(Path library, @Nullable Path cudaLibrary, String origin, CacheFolder cache) {}

  static Unpacked unpack(String platform, String libraryName, String cudaLibraryName) {
    String folder = "dev/bevel/native/" + platform + "/";
    NativeContent library = resource(folder + libraryName);
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
    NativeContent cuda = resource(folder + cudaLibraryName);
    // Two libraries that belong together have one folder: a new build of either gets another.
    String name =
        NativeLibrary.text(NativeLibrary.HEADER_VERSION)
            + "-"
            + library.shortDigest()
            + (cuda == null ? "" : cuda.shortDigest());
    return CacheFolder.first(
        "its native library",
        cache -> {
          CacheEntry entry = CacheEntry.open(cache, name);
          Path cudaPath = cuda == null ? null : entry.put(cudaLibraryName, cuda);
          return new Unpacked(
              entry.put(libraryName, library), cudaPath, library.origin().toString(), cache);
        });
  }

  /**
   * The first of the class path's files of this name; a second one that differs is worth a warning.
   */
  private static @Nullable NativeContent resource(String name) {
    ClassLoader loader = NativeCache.class.getClassLoader();
    try {
      List<URL> found =
          Collections.list(
              loader == null ? ClassLoader.getSystemResources(name) : loader.getResources(name));
      if (found.isEmpty()) {
        return null;
      }
      NativeContent first = NativeContent.of(found.getFirst());
      for (URL other : found.subList(1, found.size())) {
        if (!NativeContent.of(other).digest().equals(first.digest())) {
          LOG.warn(
              "{} is on the class path in two versions: {} is used, not {}",
              name,
              first.origin(),
              other);
        }
      }
      return first;
    } catch (IOException e) {
      throw new BevelException(
          Status.NOT_LOADED,
          "Bevel: cannot read " + name + " on the class path: " + CacheFolder.reason(e),
          e);
    }
  }
}
