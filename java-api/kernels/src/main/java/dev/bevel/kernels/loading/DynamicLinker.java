package dev.bevel.kernels.loading;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.Status;
import java.io.IOException;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Opens libraries as the C library's {@code dlopen} does, and keeps them open. {@link System#load}
 * refuses a file that another class loader has loaded, and {@link
 * java.lang.foreign.SymbolLookup#libraryLookup} drops the linker's reason.
 */
@SuppressWarnings("restricted") // loading native code is what this class is for
public final class DynamicLinker {
  private static final int RTLD_LAZY = 1;
  private static final long LONGEST_TEXT = 1 << 16;

  private DynamicLinker() {}

  /** Not in static fields: where native access is denied, a static initialiser must not fail. */
  private static MethodHandle bind(String name, FunctionDescriptor descriptor) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor);
  }

  private static AddressLayout text() {
    return ADDRESS.withTargetLayout(
        MemoryLayout.sequenceLayout(LONGEST_TEXT, ValueLayout.JAVA_BYTE));
  }

  /**
   * Opens a library by its path, whatever the linker would find for its name.
   *
   * @return null if it is open now, else the linker's text
   */
  public static @Nullable String open(Path library) {
    // Both before the first is called: the linker's reason is that of the thread's last failure.
    MethodHandle dlopen = bind("dlopen", FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT));
    MethodHandle dlerror = bind("dlerror", FunctionDescriptor.of(text()));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom(library.toString());
      MemorySegment handle = (MemorySegment) dlopen.invokeExact(name, RTLD_LAZY);
      if (handle.address() != 0) {
        return null;
      }
      MemorySegment reason = (MemorySegment) dlerror.invokeExact();
      return reason.address() == 0 ? "no reason given" : reason.getString(0);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("dlopen threw", e);
    }
  }

  /** The version of the GNU C library that this process runs on; null on another C library. */
  public static @Nullable String glibcVersion() {
    Linker linker = Linker.nativeLinker();
    MemorySegment function = linker.defaultLookup().find("gnu_get_libc_version").orElse(null);
    if (function == null) {
      return null;
    }
    try {
      MethodHandle version = linker.downcallHandle(function, FunctionDescriptor.of(text()));
      return ((MemorySegment) version.invokeExact()).getString(0);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("gnu_get_libc_version threw", e);
    }
  }

  /**
   * What to throw where a library could not be opened: the linker's text, what it means and what
   * can be done.
   *
   * @param who begins the message, e.g. {@code "Bevel"}
   */
  public static BevelException failure(String who, Path library, String linkerText) {
    String hint =
        LinkerHint.of(
            library, linkerText, glibcVersion(), glibcNeeded(library), LibrarySearch::find);
    return new BevelException(
        Status.NOT_LOADED,
        String.format(Locale.ROOT, "%s: cannot load %s: %s%s", who, library, linkerText, hint));
  }

  private static @Nullable String glibcNeeded(Path library) {
    try {
      return ElfFile.read(library).glibcNeeded();
    } catch (IOException notALibrary) {
      return null;
    }
  }
}
