package dev.bevel.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** Memory of this process (Linux with glibc). */
public final class Memory {
  private static final long PAGE_BYTES = 4096;

  /** Index in {@code struct mallinfo2} of the bytes in blocks that are mapped one by one. */
  private static final int MAPPED = 4;

  /** Index in {@code struct mallinfo2} of the bytes in use in all arenas. */
  private static final int IN_USE = 7;

  @SuppressWarnings("restricted") // the tests enable native access
  private static final MethodHandle MALLINFO2 =
      Linker.nativeLinker()
          .downcallHandle(
              Linker.nativeLinker().defaultLookup().findOrThrow("mallinfo2"),
              FunctionDescriptor.of(
                  MemoryLayout.structLayout(
                      MemoryLayout.sequenceLayout(10, ValueLayout.JAVA_LONG))));

  private Memory() {}

  /** Resident bytes, from /proc/self/statm. */
  public static long residentBytes() {
    try {
      String statistics = Files.readString(Path.of("/proc/self/statm"));
      return Long.parseLong(statistics.split(" ", -1)[1]) * PAGE_BYTES;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Bytes that native code and the JVM got from malloc and did not give back. */
  public static long allocatedBytes() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment all = (MemorySegment) MALLINFO2.invokeExact((SegmentAllocator) arena);
      return all.getAtIndex(ValueLayout.JAVA_LONG, MAPPED)
          + all.getAtIndex(ValueLayout.JAVA_LONG, IN_USE);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  /**
   * By how many malloc'ed bytes the process grows with {@code work}: the median of five runs, as
   * the JVM's compiler takes and frees megabytes at times of its own choosing.
   */
  public static long growth(Runnable work) {
    long[] grown = new long[5];
    for (int i = 0; i < grown.length; i++) {
      System.gc();
      long before = allocatedBytes();
      work.run();
      System.gc();
      grown[i] = allocatedBytes() - before;
    }
    Arrays.sort(grown);
    return grown[grown.length / 2];
  }
}
