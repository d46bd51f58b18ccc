package dev.bevel.kernels;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.Function;

/** The memory of tensors on the CPU, made and copied. */
final class TensorMemory {
  /** The most elements of a Java array that every JVM can make. */
  private static final int MAX_ARRAY = Integer.MAX_VALUE - 8;

  private TensorMemory() {}

  /**
   * New memory for a tensor, filled with zeros.
   *
   * @throws BevelException if there is none
   * @throws IllegalStateException if the arena is closed
   * @throws WrongThreadException if it is another thread's
   */
  static MemorySegment allocate(Arena arena, long bytes, DType dtype, long[] shape) {
    if (!arena.scope().isAlive()) {
      throw new IllegalStateException("TensorView: arena is closed");
    }
    try {
      return arena.allocate(bytes, TensorView.ALIGNMENT);
    } catch (WrongThreadException e) {
      throw named(e, "TensorView: arena is a confined arena of another thread");
    } catch (OutOfMemoryError e) {
      throw new BevelException(
          Status.OUT_OF_MEMORY,
          String.format(
              Locale.ROOT,
              "TensorView: no memory for the %d bytes of %s%s: %s (the JVM's own limit is"
                  + " -XX:MaxDirectMemorySize)",
              bytes,
              dtype.name().toLowerCase(Locale.ROOT),
              Arrays.toString(shape),
              e.getMessage()),
          e);
    }
  }

  private static WrongThreadException named(WrongThreadException cause, String message) {
    WrongThreadException named = new WrongThreadException(message);
    named.initCause(cause);
    return named;
  }

  /**
   * Copies a compact tensor's elements out.
   *
   * @param reader from its memory to a Java array
   */
  static <T> T read(TensorView view, Function<MemorySegment, T> reader) {
    if (view.elementCount() > MAX_ARRAY) {
      throw TensorExtent.invalid(
          String.format(
              Locale.ROOT,
              "%s has %d elements, more than the %d of a Java array",
              view,
              view.elementCount(),
              MAX_ARRAY));
    }
    MemoryOwner owner = view.memoryOwner();
    if (owner != null && !owner.acquire()) {
      throw new IllegalStateException(
          String.format(Locale.ROOT, "TensorView: %s is closed: %s", view, owner.whyClosed()));
    }
    try {
      return reader.apply(accessible(view));
    } catch (OutOfMemoryError e) {
      throw new BevelException(
          Status.OUT_OF_MEMORY,
          String.format(
              Locale.ROOT,
              "TensorView: the Java heap has no room for the %d bytes of %s (-Xmx sets its size)",
              view.byteSize(),
              view),
          e);
    } finally {
      if (owner != null) {
        owner.release();
      }
    }
  }

  // A raw address has no size of its own; whoever made the view vouched for the memory.
  @SuppressWarnings("restricted")
  private static MemorySegment accessible(TensorView view) {
    MemorySegment segment = view.segment();
    if (!segment.scope().isAlive()) {
      throw new IllegalStateException("TensorView: " + view + " is closed: its arena was closed");
    }
    if (!segment.isAccessibleBy(Thread.currentThread())) {
      throw new WrongThreadException(
          "TensorView: " + view + " belongs to a confined arena of another thread");
    }
    long bytes = view.byteSize();
    return segment.byteSize() >= bytes ? segment.asSlice(0, bytes) : segment.reinterpret(bytes);
  }
}
