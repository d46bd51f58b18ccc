package dev.bevel.javacpp;

import dev.bevel.javacpp.abi.BevelAbi;
import dev.bevel.kernels.Bevel;
import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.Status;
import dev.bevel.kernels.loading.JavaCppCache;
import dev.bevel.kernels.loading.MappedLibrary;
import java.io.IOException;
import java.nio.file.Path;
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
      Loader.load(BevelAbi.class);
      ready = true;
    } catch (BevelException e) {
      failure = String.valueOf(e.getMessage());
      throw e;
    } catch (RuntimeException | LinkageError e) {
      failure = "Bevel: the JavaCPP binding cannot be loaded: " + e;
      throw new BevelException(Status.NOT_LOADED, failure, e);
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
