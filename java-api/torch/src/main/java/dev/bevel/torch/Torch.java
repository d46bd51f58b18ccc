package dev.bevel.torch;

import java.util.Locale;
import java.util.function.Supplier;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.jspecify.annotations.Nullable;

/**
 * Starts LibTorch. Every Bevel class that uses LibTorch calls {@link #initialize()} from its static
 * initialiser; an application that touches JavaCPP classes itself calls it first thing in {@code
 * main}.
 *
 * <p>JavaCPP by default watches the process's resident memory on every allocation and, past four
 * times {@code -Xmx}, collects garbage and then throws {@link OutOfMemoryError}. It cannot tell a 4
 * MiB tensor from 8 bytes, so that cap only costs time (about 1.4 µs a tensor) and fails large
 * trainings. Bevel switches it off ({@value #MEMORY_PROPERTY}{@code =0}) and frees tensors by
 * {@link TensorScope} instead.
 */
public final class Torch {
  private static final String MEMORY_PROPERTY = "org.bytedeco.javacpp.maxPhysicalBytes";

  static {
    disablePhysicalMemoryCap();
    loadLibraries();
  }

  private Torch() {}

  /**
   * Loads LibTorch with Bevel's settings; does nothing when that is done already.
   *
   * @throws IllegalStateException if JavaCPP was loaded before with its memory cap on, or the
   *     property asks for one
   * @throws UnsatisfiedLinkError if LibTorch's libraries for this platform are missing
   */
  @SuppressWarnings(
      "EmptyMethod") // the work is the class initialiser's: the JVM runs it once and in any thread
  public static void initialize() {}

  /**
   * Creates a native object that outlives every scope, for constants: an object made while a scope
   * is open is freed with that scope, even where a static field holds it.
   *
   * @param create makes the object
   * @return the object; {@code close()} frees it, if ever
   */
  public static <P extends Pointer> P permanent(Supplier<P> create) {
    P pointer = create.get();
    pointer.retainReference();
    return pointer;
  }

  private static void disablePhysicalMemoryCap() {
    @Nullable String asked = System.getProperty(MEMORY_PROPERTY);
    if (asked == null) {
      System.setProperty(MEMORY_PROPERTY, "0");
    }
    long cap = Pointer.maxPhysicalBytes();
    if (cap > 0) {
      throw new IllegalStateException(
          asked == null
              ? String.format(
                  Locale.ROOT,
                  "JavaCPP was loaded before Bevel, with a cap of %d bytes on physical memory; call Torch.initialize() first, or start the JVM with -D%s=0",
                  cap,
                  MEMORY_PROPERTY)
              : String.format(
                  Locale.ROOT,
                  "%s must be 0 (tensors are freed by TensorScope, the cap only fails large trainings), got %s",
                  MEMORY_PROPERTY,
                  asked));
    }
  }

  private static void loadLibraries() {
    try {
      Loader.load(org.bytedeco.pytorch.global.torch.class);
    } catch (IllegalCallerException e) {
      throw new IllegalStateException(
          "LibTorch needs native access: start the JVM with --enable-native-access=ALL-UNNAMED (class path) or"
              + " --enable-native-access=org.bytedeco.javacpp,org.bytedeco.pytorch,org.bytedeco.openblas (module path)",
          e);
    }
  }
}
