package dev.bevel.kernels.loading;

import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.Status;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Where JavaCPP unpacks the native files of its presets to. Left to itself it takes {@code
 * ~/.javacpp/cache}, or a folder in that for temporary files where home cannot be written, whoever
 * else can write to it. Bevel gives it an entry of the {@link CacheFolder}; a folder that was named
 * with {@value #PROPERTY}, or that JavaCPP has used before Bevel, is checked like Bevel's own.
 */
public final class JavaCppCache {
  /** JavaCPP's own system property. */
  public static final String PROPERTY = "org.bytedeco.javacpp.cachedir";

  private static final String OTHER_SPELLING = "org.bytedeco.javacpp.cacheDir";

  private static @Nullable CacheFolder chosen;

  private JavaCppCache() {}

  /** {@code Loader.getCacheDir()}: Bevel's kernels know no JavaCPP. */
  @FunctionalInterface
  public interface Actual {
    /** The folder that JavaCPP uses from now on. */
    File get() throws IOException;
  }

  /**
   * Settles the folder; to be called before JavaCPP loads anything.
   *
   * @param version of JavaCPP
   * @param actual asks JavaCPP
   * @throws BevelException if no folder serves
   */
  public static synchronized CacheFolder choose(String version, Actual actual) {
    if (chosen == null) {
      String named = System.getProperty(PROPERTY, System.getProperty(OTHER_SPELLING));
      chosen =
          named == null
              ? CacheFolder.first("LibTorch's native libraries", c -> ours(c, version, actual))
              : named(named, actual);
    }
    return chosen;
  }

  private static CacheFolder ours(CacheFolder cache, String version, Actual actual)
      throws IOException {
    Path folder = CacheEntry.open(cache, "javacpp-" + version).folder();
    if (!Files.isWritable(folder)) {
      throw new IOException(folder + " cannot be written");
    }
    System.setProperty(PROPERTY, folder.toString());
    Path used = actual.get().toPath();
    return Files.isSameFile(used, folder)
        ? new CacheFolder(folder, cache.why())
        : new CacheFolder(
            CacheFolder.prepare(used.toString()),
            "JavaCPP was used before Bevel, with this folder");
  }

  private static CacheFolder named(String folder, Actual actual) {
    try {
      Path path = CacheFolder.prepare(folder);
      if (!Files.isWritable(path)) {
        throw new IOException(path + " cannot be written");
      }
      Path used = actual.get().toPath();
      if (!Files.isSameFile(used, path)) {
        throw new IOException("JavaCPP was used before Bevel, with the folder " + used);
      }
      return new CacheFolder(path, "named by " + PROPERTY);
    } catch (IOException | InvalidPathException e) {
      throw new BevelException(
          Status.NOT_LOADED,
          String.format(
              Locale.ROOT,
              "LibTorch: its native libraries cannot be unpacked into %s, named by %s (name another folder, or leave the property out): %s",
              folder,
              PROPERTY,
              CacheFolder.reason(e)),
          e);
    }
  }
}
