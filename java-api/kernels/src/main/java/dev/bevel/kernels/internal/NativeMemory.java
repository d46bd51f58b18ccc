package dev.bevel.kernels.internal;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.Status;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.concurrent.locks.LockSupport;

/**
 * Memory that is not zeroed. Plans and workspaces are sized for the worst case and mostly stay
 * untouched: {@code Arena.allocate} would write, and so make resident, all of it.
 */
public final class NativeMemory {
  private static final long ALIGNMENT = 64;
  private static final long POLL_NANOS = 1_000_000;

  /** Initialised when the library is loaded, so native access is known to be allowed. */
  private static final class Functions {
    static final MethodHandle ALIGNED_ALLOC =
        bind("aligned_alloc", FunctionDescriptor.of(ADDRESS, JAVA_LONG, JAVA_LONG));
    static final MethodHandle FREE = bind("free", FunctionDescriptor.ofVoid(ADDRESS));

    @SuppressWarnings("restricted")
    private static MethodHandle bind(String function, FunctionDescriptor descriptor) {
      try {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(function), descriptor);
      } catch (IllegalCallerException denied) {
        return Abi.missing(function, descriptor.toMethodType());
      }
    }
  }

  private NativeMemory() {}

  /**
   * Allocates memory whose content is undefined, aligned to 64 bytes.
   *
   * @param arena frees it on closing
   * @param bytes 0 or more
   * @param purpose named in the error if there is no memory
   */
  @SuppressWarnings("restricted")
  public static MemorySegment allocate(Arena arena, long bytes, String purpose) {
    NativeLibrary.require();
    long size = Math.addExact(Math.max(bytes, 1), ALIGNMENT - 1) & -ALIGNMENT;
    MemorySegment block;
    try {
      block = (MemorySegment) Functions.ALIGNED_ALLOC.invokeExact(ALIGNMENT, size);
    } catch (Throwable e) {
      throw new AssertionError("aligned_alloc threw", e);
    }
    if (block.address() == 0) {
      throw new BevelException(
          Status.OUT_OF_MEMORY, purpose + ": no memory for " + size + " bytes");
    }
    return block.reinterpret(size, arena, NativeMemory::free);
  }

  /**
   * Closes an arena without waiting. No call of Bevel uses it any more; where a call of somebody
   * else was given a segment of it, it is closed when that call is over.
   */
  public static void close(Arena arena) {
    if (!tryClose(arena)) {
      Thread.ofVirtual().name("bevel-arena-close").start(() -> closeWhenFree(arena));
    }
  }

  private static void closeWhenFree(Arena arena) {
    while (!tryClose(arena)) {
      LockSupport.parkNanos(POLL_NANOS);
    }
  }

  private static boolean tryClose(Arena arena) {
    try {
      arena.close();
      return true;
    } catch (IllegalStateException acquired) {
      return !arena.scope().isAlive();
    }
  }

  private static void free(MemorySegment block) {
    try {
      Functions.FREE.invokeExact(block);
    } catch (Throwable e) {
      throw new AssertionError("free threw", e);
    }
  }
}
