package dev.bevel.kernels.internal;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.MemoryOwner;
import dev.bevel.kernels.Status;
import dev.bevel.kernels.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Native memory of one thread in which the arguments of one call are laid out: params struct,
 * tensor descriptors, shapes. Between {@link #begin} and {@link #close} it belongs to one call.
 *
 * <p>It also collects the views that the call uses, which stay reachable until {@link #close}, and
 * their segments. These are passed on to the native call ({@link NativeFunction}), because the
 * linker keeps what it is passed from being closed while the call runs; an address inside a struct
 * it cannot see. Memory that has an owner of its own ({@link TensorView#ownedBy}) is acquired of
 * it, and released by {@link #close}.
 */
public final class Scratch implements AutoCloseable {
  /** Tensors of a call at most. */
  static final int MAX_TENSORS = 32;

  /** Numbers that queries return. */
  private static final long RESULTS = 2L * Long.BYTES;

  private static final int MAX_RANK = 8;

  // Threads come and go: memory of an automatic arena goes with the thread, that of a confined one
  // would stay for ever.
  private static final ThreadLocal<Scratch> CURRENT = ThreadLocal.withInitial(Scratch::new);

  private static final DlTensor TENSOR = DlTensor.STRUCT;

  private static final long DESCRIPTOR = TENSOR.byteSize() + 2L * MAX_RANK * Long.BYTES;

  private MemorySegment memory = MemorySegment.NULL;

  /** By the number of tensors of a function; arrays for numbers that occur. */
  private final MemorySegment[] @Nullable [] heldBySize = new MemorySegment[MAX_TENSORS + 1][];

  private final @Nullable MemoryOwner[] owners = new @Nullable MemoryOwner[MAX_TENSORS];

  /** Reachable, and with them what they keep, until the call is over. */
  private final @Nullable TensorView[] views = new @Nullable TensorView[MAX_TENSORS];

  private MemorySegment[] held = heldOf(0);
  private String operator = "";
  private long top;
  private int tensors;
  private int owned;

  /** While code of the caller runs in the midst of a call. */
  private boolean callsBack;

  private @Nullable Substitute substitute;

  private Scratch() {}

  /** Has the calls that this thread makes in {@code calls} go to what stands in for them. */
  public static void withSubstitute(Substitute substitute, Runnable calls) {
    Scratch scratch = CURRENT.get();
    Substitute before = scratch.substitute;
    scratch.substitute = substitute;
    try {
      calls.run();
    } finally {
      scratch.substitute = before;
    }
  }

  /**
   * What {@code callback} gives, in the midst of a call of this thread; it can call no operator,
   * whose arguments would take the place of the call's own.
   */
  public static <T extends @Nullable Object> T callBack(LongFunction<T> callback, long argument) {
    Scratch scratch = CURRENT.get();
    scratch.callsBack = true;
    try {
      return callback.apply(argument);
    } finally {
      scratch.callsBack = false;
    }
  }

  /** What stands in for functions in this thread's calls; null: nothing. */
  @Nullable Substitute substitute() {
    return substitute;
  }

  /**
   * Starts the arguments of a call on this thread with a zeroed struct, which stands at 0. Loads
   * the library if that has not been done.
   *
   * @param operator named in errors
   * @param struct first argument of the call
   * @param tensors described at most; as many as the {@link NativeFunction} was bound for
   */
  static Scratch begin(String operator, CStruct struct, int tensors) {
    NativeLibrary.require();
    Scratch scratch = CURRENT.get();
    if (scratch.callsBack) {
      throw new IllegalStateException(
          operator
              + ": "
              + scratch.operator
              + " is being called on this thread, and what it calls back (a workspace's allocator,"
              + " an owner that is let go) must call no operator");
    }
    if (scratch.top != 0) {
      scratch.close(); // a call before ended where nothing is expected to, of a full stack say
    }
    long bytes = struct.byteSize() + RESULTS + tensors * DESCRIPTOR;
    if (scratch.memory.byteSize() < bytes) {
      scratch.memory = Arena.ofAuto().allocate(bytes, 64);
    }
    scratch.operator = operator;
    scratch.held = scratch.heldOf(tensors);
    scratch.reserve(struct.byteSize());
    return scratch;
  }

  private MemorySegment[] heldOf(int size) {
    MemorySegment[] segments = heldBySize[size];
    if (segments == null) {
      segments = new MemorySegment[size];
      Arrays.fill(segments, MemorySegment.NULL);
      heldBySize[size] = segments;
    }
    return segments;
  }

  /** Forgets the call's arguments, and lets go of their memory. */
  @Override
  public void close() {
    RuntimeException failure = null;
    while (owned > 0) {
      owned--;
      MemoryOwner owner = owners[owned];
      owners[owned] = null;
      if (owner != null) {
        callsBack = true;
        try {
          owner.release();
        } catch (RuntimeException e) {
          failure = failure == null ? e : failure;
        } finally {
          callsBack = false;
        }
      }
    }
    forget();
    if (failure != null) {
      throw failure;
    }
  }

  private void forget() {
    for (int i = 0; i < tensors; i++) {
      held[i] = MemorySegment.NULL;
      views[i] = null;
    }
    tensors = 0;
    top = 0;
  }

  /** A zeroed array of 64-bit integers; returns its offset. */
  public long longs(int count) {
    return reserve(8L * count);
  }

  /** The address of what stands at an offset. */
  public long address(long offset) {
    return memory.address() + offset;
  }

  /** Writes an int. */
  public void setInt(long offset, int value) {
    memory.set(JAVA_INT, offset, value);
  }

  /** Writes a long or an address. */
  public void setLong(long offset, long value) {
    memory.set(JAVA_LONG, offset, value);
  }

  /** Writes a double. */
  public void setDouble(long offset, double value) {
    memory.set(JAVA_DOUBLE, offset, value);
  }

  /** Reads an int. */
  public int getInt(long offset) {
    return memory.get(JAVA_INT, offset);
  }

  /** Reads a long. */
  public long getLong(long offset) {
    return memory.get(JAVA_LONG, offset);
  }

  /** What the native call must keep open; unused places hold {@link MemorySegment#NULL}. */
  MemorySegment[] held() {
    return held;
  }

  /**
   * Describes a tensor.
   *
   * @param argument named in errors
   * @param dtype that the call is told
   * @param written whether the call writes it
   * @return the address of its descriptor
   */
  long describe(String argument, TensorView view, DType dtype, boolean written) {
    if (tensors == held.length) {
      throw new AssertionError(
          operator + ": the native function was bound for " + tensors + " tensors, more came");
    }
    if (written && view.segment().isReadOnly()) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          operator + ": " + argument + " is written but its memory is read-only");
    }
    acquire(argument, view.memoryOwner());
    MemorySegment data = view.segment();
    if (!data.scope().isAlive()) {
      throw new IllegalStateException(
          operator + ": " + argument + " is closed: its arena was closed");
    }
    if (!data.isAccessibleBy(Thread.currentThread())) {
      throw new WrongThreadException(
          operator + ": " + argument + " belongs to a confined arena of another thread");
    }
    views[tensors] = view;
    held[tensors++] = data;
    int rank = view.rank();
    long tensor = reserve(TENSOR.byteSize());
    long shape = longs(rank);
    setLong(tensor + TENSOR.data.offset(), data.address());
    setInt(tensor + TENSOR.device.type.offset(), view.device().type().value());
    setInt(tensor + TENSOR.device.id.offset(), view.device().index());
    setInt(tensor + TENSOR.ndim.offset(), rank);
    memory.set(JAVA_BYTE, tensor + TENSOR.dtype.code, (byte) dtype.code());
    memory.set(JAVA_BYTE, tensor + TENSOR.dtype.bits, (byte) dtype.bits());
    memory.set(JAVA_SHORT, tensor + TENSOR.dtype.lanes, (short) 1);
    setLong(tensor + TENSOR.shape.offset(), address(shape));
    for (int i = 0; i < rank; i++) {
      setLong(shape + 8L * i, view.size(i));
    }
    if (view.isStrided()) {
      long strides = longs(rank);
      setLong(tensor + TENSOR.strides.offset(), address(strides));
      for (int i = 0; i < rank; i++) {
        setLong(strides + 8L * i, view.stride(i));
      }
    }
    return address(tensor);
  }

  private void acquire(String argument, @Nullable MemoryOwner owner) {
    if (owner == null) {
      return;
    }
    if (!owner.acquire()) {
      throw new IllegalStateException(
          operator + ": " + argument + " is closed: " + owner.whyClosed());
    }
    owners[owned++] = owner;
  }

  private long reserve(long bytes) {
    long offset = top;
    top += (bytes + 7) & -8;
    memory.asSlice(offset, top - offset).fill((byte) 0);
    return offset;
  }
}
