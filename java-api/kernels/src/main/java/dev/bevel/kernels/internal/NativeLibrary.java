package dev.bevel.kernels.internal;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.InstructionSet;
import dev.bevel.kernels.Status;
import dev.bevel.kernels.loading.DynamicLinker;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds and loads libbevel once a process. A failure is kept, and every later use fails with the
 * same message.
 *
 * <p>Order: the folder named by {@code bevel.library.path}, else the class path's {@code
 * /dev/bevel/native/linux-x86_64/libbevel.so} unpacked by {@link NativeCache}.
 */
public final class NativeLibrary {
  /**
   * Version of the headers that this binding was written for, as {@code bevel_version()} returns
   * it.
   */
  public static final int HEADER_VERSION = 100;

  private static final Logger LOG = LoggerFactory.getLogger("dev.bevel.kernels");
  private static final String LIBRARY = "libbevel.so";
  private static final String CUDA_LIBRARY = "libbevel_cuda.so";
  private static final String NATIVE_ACCESS_FLAG =
      "--enable-native-access="
          + (NativeLibrary.class.getModule().isNamed()
              ? NativeLibrary.class.getModule().getName()
              : "ALL-UNNAMED");

  private static final int MOST_THREADS = 4096;

  private static volatile boolean ready;
  private static @Nullable Loaded loaded;
  private static @Nullable Failure failure;

  private NativeLibrary() {}

  private record Loaded(Source source, SymbolLookup symbols, int version) {}

  private record Failure(Status status, String message) {}

  /** Where the library came from, and why from there. */
  private record Source(Path library, @Nullable Path cudaLibrary, String reason) {}

  /**
   * Loads the library if that has not been done; fails with the reason, every time, if it cannot be
   * used.
   */
  public static void require() {
    if (!ready) {
      loadOnce();
    }
  }

  /** The file that was loaded. */
  public static Path path() {
    require();
    return state().source.library;
  }

  /** The file, also while it is being loaded; throws what hindered the loading. */
  static synchronized Path pathOrFailure() {
    return loaded == null ? path() : loaded.source.library;
  }

  /** Why it is that file, for people. */
  public static String origin() {
    require();
    return state().source.reason;
  }

  /** Version of the loaded library: major * 10000 + minor * 100 + patch. */
  public static int version() {
    require();
    return state().version;
  }

  /** The instruction set that the CPU bodies use. */
  public static InstructionSet instructionSet() {
    require();
    return InstructionSet.of(Abi.instructionSet());
  }

  /** Chooses an instruction set. */
  public static void instructionSet(InstructionSet choice) {
    require();
    Abi.instructionSet(choice.value());
  }

  /** Threads that CPU bodies use. */
  public static int threads() {
    require();
    return Abi.threads();
  }

  /** Who said so. */
  public static String threadsReason() {
    require();
    return Abi.threadsReason();
  }

  /** Sets the number of threads. */
  public static void threads(int count) {
    require();
    Abi.threads(count);
  }

  /** A function of the library; empty if the library has none of this name, or is not loaded. */
  static synchronized Optional<MemorySegment> find(String function) {
    return loaded == null ? Optional.empty() : loaded.symbols.find(function);
  }

  private static synchronized Loaded state() {
    if (loaded == null) {
      throw new IllegalStateException("Bevel's native library is not loaded");
    }
    return loaded;
  }

  private static synchronized void loadOnce() {
    if (failure != null) {
      throw new BevelException(failure.status, failure.message);
    }
    if (ready) {
      return;
    }
    try {
      Source source = source();
      loaded = load(source);
      configure(source);
      ready = true;
    } catch (BevelException e) {
      failure = new Failure(e.status(), String.valueOf(e.getMessage()));
      throw e;
    } catch (RuntimeException | LinkageError e) {
      String message = "Bevel: cannot load its native library: " + e;
      failure = new Failure(Status.NOT_LOADED, message);
      throw new BevelException(Status.NOT_LOADED, message, e);
    }
  }

  private static Source source() {
    String folder = System.getProperty("bevel.library.path");
    if (folder == null) {
      NativeCache.Unpacked files = NativeCache.unpack(platform(), LIBRARY, CUDA_LIBRARY);
      return new Source(
          files.library(),
          files.cudaLibrary(),
          String.format(
              Locale.ROOT,
              "unpacked from %s into %s, %s",
              files.origin(),
              files.cache().path(),
              files.cache().why()));
    }
    Path library = Path.of(folder).toAbsolutePath().resolve(LIBRARY);
    if (!Files.isRegularFile(library)) {
      throw notLoaded("bevel.library.path: there is no file " + library);
    }
    Path cuda = library.resolveSibling(CUDA_LIBRARY);
    return new Source(
        library, Files.isRegularFile(cuda) ? cuda : null, "named by bevel.library.path");
  }

  private static String platform() {
    String system = System.getProperty("os.name", "");
    String machine = System.getProperty("os.arch", "");
    if (!system.equals("Linux") || !machine.equals("amd64")) {
      throw notLoaded(
          "Bevel's native library exists for linux-x86_64 only; this is "
              + system.toLowerCase(Locale.ROOT)
              + "-"
              + machine
              + ". A library built here can be named with -Dbevel.library.path=FOLDER");
    }
    return "linux-x86_64";
  }

  // Loading native code is what this class is for.
  @SuppressWarnings("restricted")
  private static Loaded load(Source source) {
    Path path = source.library;
    if (!NativeLibrary.class.getModule().isNativeAccessEnabled()) {
      LOG.warn("Native access is not enabled for Bevel; start the JVM with {}", NATIVE_ACCESS_FLAG);
    }
    try {
      String refused = DynamicLinker.open(path);
      if (refused != null) {
        throw DynamicLinker.failure("Bevel", path, refused);
      }
      SymbolLookup symbols = SymbolLookup.libraryLookup(path, Arena.global());
      return new Loaded(source, symbols, checkedVersion(path, symbols));
    } catch (IllegalCallerException denied) {
      throw new BevelException(
          Status.NOT_LOADED,
          "Bevel needs native access: start the JVM with " + NATIVE_ACCESS_FLAG,
          denied);
    }
  }

  @SuppressWarnings("restricted")
  private static int checkedVersion(Path path, SymbolLookup symbols) {
    int version;
    try {
      version =
          (int)
              Linker.nativeLinker()
                  .downcallHandle(
                      symbols
                          .find("bevel_version")
                          .orElseThrow(
                              () ->
                                  notLoaded(
                                      "Bevel: "
                                          + path
                                          + " is no Bevel library: it has no bevel_version")),
                      FunctionDescriptor.of(JAVA_INT))
                  .invokeExact();
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("bevel_version threw", e);
    }
    if (version / 100 != HEADER_VERSION / 100) {
      throw notLoaded(
          String.format(
              Locale.ROOT,
              "Bevel: %s has version %s, this binding needs %s",
              path,
              text(version),
              text(HEADER_VERSION)));
    }
    return version;
  }

  private static void configure(Source source) {
    if (source.cudaLibrary != null) {
      try (Arena arena = Arena.ofConfined()) {
        Abi.cudaLibrary(arena.allocateFrom(source.cudaLibrary.toString()));
      }
    }
    String device = System.getProperty("bevel.device", "auto");
    if (!device.equals("auto") && !device.equals("cuda")) {
      throw notLoaded("bevel.device: expected auto or cuda, got " + device);
    }
    configureThreads();
    if (LOG.isInfoEnabled()) {
      NativeCapabilities can = NativeCapabilities.read();
      LOG.info(
          "Bevel {} from {} ({}): {}, {} ({}); {}",
          text(state().version),
          source.library,
          source.reason,
          InstructionSet.of(Abi.instructionSet()),
          counted(Abi.threads(), "thread"),
          Abi.threadsReason(),
          can.cudaReason().isEmpty()
              ? "CUDA with "
                  + counted(can.cudaDevices(), "device")
                  + ", code for "
                  + can.cudaArchitectures()
              : "no CUDA: " + can.cudaReason());
    }
    if (device.equals("cuda")) {
      NativeCapabilities.read().requireCuda("bevel.device=cuda");
    }
  }

  private static String counted(int count, String thing) {
    return count + " " + thing + (count == 1 ? "" : "s");
  }

  /**
   * What the environment asks for, else the processors that the JVM counts: it knows of cgroup
   * quotas, affinity and {@code -XX:ActiveProcessorCount}.
   */
  private static void configureThreads() {
    try {
      Abi.checkEnvironment();
    } catch (BevelException refused) {
      throw new BevelException(Status.NOT_LOADED, String.valueOf(refused.getMessage()), refused);
    }
    Abi.defaultThreads(
        Math.min(Runtime.getRuntime().availableProcessors(), MOST_THREADS),
        "the JVM's available processors");
  }

  /** A version number in the usual form, for example 0.1.0. */
  public static String text(int version) {
    return version / 10000 + "." + version / 100 % 100 + "." + version % 100;
  }

  private static BevelException notLoaded(String message) {
    return new BevelException(Status.NOT_LOADED, message);
  }
}
