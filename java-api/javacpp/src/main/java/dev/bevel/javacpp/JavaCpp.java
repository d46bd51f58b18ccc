package dev.bevel.javacpp;

import dev.bevel.javacpp.abi.BevelAbi;
import dev.bevel.kernels.Bevel;
import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.Status;
import dev.bevel.kernels.loading.JavaCppCache;
import dev.bevel.kernels.loading.MappedLibrary;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import org.bytedeco.javacpp.Loader;
import org.jspecify.annotations.Nullable;

/**
 * Starts the JavaCPP binding. An application that uses {@code dev.bevel.javacpp.abi} itself calls
 * {@link #initialize()} first: the generated classes load what they need when they are initialised,
 * and the JVM tells why that failed at the first attempt only.
 */
public final class JavaCpp {
  private static volatile boolean ready;
  private static volatile boolean cacheChosen;
  private static @Nullable String failure;

  private JavaCpp() {}

  /**
   * Loads libbevel and the JNI library of {@code dev.bevel.javacpp.abi}; does nothing when that is
   * done already.
   *
   * @throws BevelException with {@link Status#NOT_LOADED} if they cannot be loaded, at every call
   *     with the same message
   */
  public static void initialize() {
    if (!ready) {
      loadOnce();
    }
  }

  private static synchronized void loadOnce() {
    if (failure != null) {
      throw new BevelException(Status.NOT_LOADED, failure);
    }
    try {
      Bevel.load();
      chooseCache();
      checkLibbevel();
      replaceOlderLibrary();
      Loader.load(BevelAbi.class);
      ready = true;
    } catch (BevelException e) {
      failure = String.valueOf(e.getMessage());
      throw e;
    } catch (IOException | RuntimeException | LinkageError e) {
      failure = "Bevel: the JavaCPP binding cannot be loaded: " + e;
      throw new BevelException(Status.NOT_LOADED, failure, e);
    }
  }

  /**
   * JavaCPP takes what it has unpacked before for the same if size and date are the same. The dates
   * in Bevel's jars are all one, so that builds can be reproduced, and two builds of the JNI
   * library may well be of one size.
   */
  private static void replaceOlderLibrary() throws IOException {
    URL library =
        JavaCpp.class.getResource(Loader.getPlatform() + "/" + System.mapLibraryName("jnibevel"));
    if (library == null) {
      return; // JavaCPP will say so
    }
    File unpacked = Loader.cacheResource(library);
    if (unpacked == null) {
      return;
    }
    byte[] wanted;
    try (InputStream in = library.openStream()) {
      wanted = in.readAllBytes();
    }
    if (!Arrays.equals(wanted, Files.readAllBytes(unpacked.toPath()))) {
      Files.delete(unpacked.toPath());
      Loader.cacheResource(library);
    }
  }

  /** JavaCPP's folder for native files is to be settled before JavaCPP loads anything. */
  static void chooseCache() {
    if (cacheChosen) {
      return;
    }
    try {
      JavaCppCache.choose(Loader.getVersion(), Loader::getCacheDir);
      cacheChosen = true;
    } catch (IOException e) {
      throw new BevelException(
          Status.NOT_LOADED, "Bevel: JavaCPP does not tell its version: " + e.getMessage(), e);
    }
  }

  /** The JNI library needs a libbevel.so.0 and takes the first that is open. */
  private static void checkLibbevel() {
    Path own = Bevel.libraryPath();
    for (MappedLibrary mapped : MappedLibrary.all()) {
      if (mapped.answersTo("libbevel.so.0") && !mapped.is(own)) {
        throw new BevelException(
            Status.NOT_LOADED,
            String.format(
                Locale.ROOT,
                "Bevel: this process has loaded %s beside %s, and the JavaCPP binding could not tell them apart: start without it (see LD_PRELOAD)",
                mapped.path(),
                own));
      }
    }
  }
}
