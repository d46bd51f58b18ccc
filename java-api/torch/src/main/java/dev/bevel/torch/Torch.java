package dev.bevel.torch;

import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.Status;
import java.io.IOException;
import java.util.Locale;
import java.util.function.Supplier;
import org.bytedeco.javacpp.Pointer;
import org.jspecify.annotations.Nullable;

/**
 * Starts LibTorch. Every Bevel class that uses LibTorch calls {@link #initialize()} before; an
 * application that touches JavaCPP classes itself calls it first thing in {@code main}.
 *
 * <p>Native files are those of the class path's jars, whatever other LibTorch the machine has. They
 * are unpacked into an entry of Bevel's cache ({@code -Dbevel.cache=FOLDER}), or into the folder
 * that JavaCPP's property {@code org.bytedeco.javacpp.cachedir} names.
 *
 * <p>JavaCPP by default watches the process's resident memory on every allocation and, past four
 * times {@code -Xmx}, collects garbage and then throws {@link OutOfMemoryError}. It cannot tell a 4
 * MiB tensor from 8 bytes, so that cap only costs time (about 1.4 µs a tensor) and fails large
 * trainings. Bevel switches it off ({@value #MEMORY_PROPERTY}{@code =0}), unless JavaCPP was used
 * before or the property asks for a cap, and frees tensors by {@link TensorScope} instead.
 *
 * <p>LibTorch gets as many threads as the kernels ({@link dev.bevel.kernels.Bevel#threads()}),
 * unless the environment's {@code OMP_NUM_THREADS} says otherwise. So that its idle threads sleep
 * soon, {@code GOMP_SPINCOUNT}, {@code OPENBLAS_THREAD_TIMEOUT} and {@code OPENBLAS_NUM_THREADS}
 * are set in this process's environment before its libraries are loaded, each only where it is not
 * set.
 */
public final class Torch {
  private static final String MEMORY_PROPERTY = "org.bytedeco.javacpp.maxPhysicalBytes";

  private static volatile @Nullable TorchLibraries loaded;
  private static @Nullable String failure;

  private Torch() {}

  /**
   * Loads LibTorch with Bevel's settings; does nothing when that is done already.
   *
   * @throws BevelException with {@link Status#NOT_LOADED} if it cannot be loaded, at every call
   *     with the same message
   */
  public static void initialize() {
    if (loaded == null) {
      loadOnce();
    }
  }

  /** Where the native libraries came from; loads them if that has not been done. */
  public static TorchLibraries libraries() {
    TorchLibraries found = loaded;
    return found == null ? loadOnce() : found;
  }

  private static synchronized TorchLibraries loadOnce() {
    TorchLibraries found = loaded;
    if (found != null) {
      return found;
    }
    if (failure != null) {
      throw new BevelException(Status.NOT_LOADED, failure);
    }
    try {
      if (System.getProperty(MEMORY_PROPERTY) == null) {
        System.setProperty(MEMORY_PROPERTY, "0");
      }
      TorchThreads.beforeLoading();
      found = LibTorch.load();
      TorchThreads.afterLoading();
      loaded = found;
      return found;
    } catch (BevelException e) {
      failure = String.valueOf(e.getMessage());
      throw e;
    } catch (IllegalCallerException e) {
      throw failed(
          "LibTorch needs native access: start the JVM with --enable-native-access=ALL-UNNAMED (class path) or"
              + " --enable-native-access=dev.bevel.kernels,org.bytedeco.javacpp,org.bytedeco.pytorch,org.bytedeco.openblas (module path)",
          e);
    } catch (IOException | RuntimeException | LinkageError e) {
      throw failed("LibTorch cannot be loaded: " + e, e);
    }
  }

  private static BevelException failed(String message, Throwable cause) {
    failure = message;
    return new BevelException(Status.NOT_LOADED, message, cause);
  }

  /**
   * Creates a native object that outlives every scope, for constants: an object made while a scope
   * is open is freed with that scope, even where a static field holds it.
   *
   * @param create makes the object
   * @return the object; {@code close()} frees it, if ever
   */
  public static <P extends Pointer> P permanent(Supplier<P> create) {
    initialize();
    P pointer = create.get();
    pointer.retainReference();
    return pointer;
  }

  /**
   * For a training, which would end in an {@link OutOfMemoryError} that no memory explains.
   *
   * @param who wants it, for the message
   * @throws IllegalStateException if JavaCPP has a cap on the process's memory
   */
  public static void requireNoMemoryCap(String who) {
    initialize();
    long cap = Pointer.maxPhysicalBytes();
    if (cap > 0) {
      throw new IllegalStateException(
          String.format(
              Locale.ROOT,
              "%s: JavaCPP must have no cap on physical memory, which fails large trainings, got one of %d bytes: start the JVM with -D%s=0, or call Torch.initialize() before JavaCPP is used",
              who,
              cap,
              MEMORY_PROPERTY));
    }
  }
}
