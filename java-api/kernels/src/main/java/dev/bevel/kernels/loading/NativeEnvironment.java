package dev.bevel.kernels.loading;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * The environment that native libraries read when they are loaded; Java's own view of it is of the
 * process's start and cannot be changed.
 */
public final class NativeEnvironment {
  private NativeEnvironment() {}

  /** Whether a variable was set, to more than blanks, when the process started. */
  public static boolean isSet(String variable) {
    String value = System.getenv(variable);
    return value != null && !value.isBlank();
  }

  /**
   * Sets a variable that is not set. The C library's function is not safe beside native code that
   * reads the environment at the same moment: to be called seldom, before libraries are loaded.
   */
  @SuppressWarnings("restricted")
  public static void setUnlessSet(String variable, String value) {
    if (System.getenv(variable) != null) {
      return;
    }
    Linker linker = Linker.nativeLinker();
    MethodHandle setenv =
        linker.downcallHandle(
            linker.defaultLookup().findOrThrow("setenv"),
            FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_INT));
    int status;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom(variable);
      status = (int) setenv.invokeExact(name, arena.allocateFrom(value), 0);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("setenv threw", e);
    }
    if (status != 0) {
      throw new IllegalStateException("setenv refused " + variable + "=" + value);
    }
  }
}
