package dev.bevel.kernels.internal;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.MemoryOwner;
import dev.bevel.kernels.Status;
import dev.bevel.kernels.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Native memory of one thread in which the arguments of one call are laid out: params struct,
 * tensor descriptors, shapes. Between {@link #begin} and {@link #close} it belongs to one call.
 *
 * <p>It also collects the segments that the call uses. They are passed on to the native call
 * ({@link NativeFunction}), because the linker keeps what it is passed from being closed while the
 * call runs; an address inside a struct it cannot see. Memory that has an owner of its own ({@link
 * TensorView#ownedBy}) is acquired of it, and released by {@link #close}.
 */
public final class Scratch implements AutoCloseable {
  /** Tensors of a call at most. */
  static final int MAX_TENSORS = 24;

  /** Descriptors of so many tensors of the highest rank take 5 KiB. */
  private static final long CAPACITY = 16384;

  // Threads come and go: memory of an automatic arena goes with the thread, that of a confined one
  // would stay for ever.
  private static final ThreadLocal<Scratch> CURRENT = ThreadLocal.withInitial(Scratch::new);

  private static final long DATA = Layouts.offset(Layouts.TENSOR, "data");
  private static final long DEVICE_TYPE = Layouts.offset(Layouts.TENSOR, "device.device_type");
  private static final long DEVICE_ID = Layouts.offset(Layouts.TENSOR, "device.device_id");
  private static final long NDIM = Layouts.offset(Layouts.TENSOR, "ndim");
  private static final long DTYPE_CODE = Layouts.offset(Layouts.TENSOR, "dtype.code");
  private static final long DTYPE_BITS = Layouts.offset(Layouts.TENSOR, "dtype.bits");
  private static final long DTYPE_LANES = Layouts.offset(Layouts.TENSOR, "dtype.lanes");
  private static final long SHAPE = Layouts.offset(Layouts.TENSOR, "shape");
  private static final long STRIDES = Layouts.offset(Layouts.TENSOR, "strides");
  private static final long BYTE_OFFSET = Layouts.offset(Layouts.TENSOR, "byte_offset");

  private final MemorySegment memory = Arena.ofAuto().allocate(CAPACITY, 64);

  /** By the number of tensors of a function; arrays for numbers that occur. */
  private final MemorySegment[] @Nullable [] heldBySize = new MemorySegment[MAX_TENSORS + 1][];

  private final @Nullable MemoryOwner[] owners = new @Nullable MemoryOwner[MAX_TENSORS];
  private MemorySegment[] held = heldOf(0);
  private String operator = "";
  private long top;
  private int tensors;
  private int owned;

  private Scratch() {}

  /**
   * Starts the arguments of a call on this thread. Loads the library if that has not been done.
   *
   * @param operator named in errors
   * @param tensors described at most; {@link NativeFunction#tensors} of the function
   */
  public static Scratch begin(String operator, int tensors) {
    NativeLibrary.require();
    Scratch scratch = CURRENT.get();
    scratch.operator = operator;
    scratch.held = scratch.heldOf(tensors);
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
    while (owned > 0) {
      owned--;
      MemoryOwner owner = owners[owned];
      owners[owned] = null;
      if (owner != null) {
        owner.release();
      }
    }
    for (int i = 0; i < tensors; i++) {
      held[i] = MemorySegment.NULL;
    }
    tensors = 0;
    top = 0;
  }

  /** A zeroed struct whose first member is its size; returns its offset. */
  public long struct(StructLayout layout) {
    long offset = reserve(layout.byteSize());
    setLong(offset, layout.byteSize());
    return offset;
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

  /** Reads a NUL-terminated string. */
  public String getString(long offset) {
    return memory.getString(offset);
  }

  /**
   * Writes at {@code offset} the address of a descriptor of a tensor that the call reads; 0 for
   * null.
   */
  public void setInput(long offset, String argument, @Nullable TensorView view) {
    setLong(offset, view == null ? 0 : describe(argument, view));
  }

  /**
   * Writes at {@code offset} the address of a descriptor of a tensor that the call writes; 0 for
   * null.
   */
  public void setOutput(long offset, String argument, @Nullable TensorView view) {
    setLong(offset, view == null ? 0 : outputDescriptor(argument, view));
  }

  /** The address of a descriptor of a tensor that the call writes. */
  public long outputDescriptor(String argument, TensorView view) {
    if (view.segment().isReadOnly()) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          operator + ": " + argument + " is written but its memory is read-only");
    }
    return describe(argument, view);
  }

  /** The address of a descriptor of a tensor that the call reads. */
  public long inputDescriptor(String argument, TensorView view) {
    return describe(argument, view);
  }

  /** What the native call must keep open; unused places hold {@link MemorySegment#NULL}. */
  MemorySegment[] held() {
    return held;
  }

  private long describe(String argument, TensorView view) {
    if (tensors == held.length) {
      throw new AssertionError(
          operator + ": the native function was bound for " + tensors + " tensors, more came");
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
    held[tensors++] = data;
    int rank = view.rank();
    long tensor = reserve(Layouts.TENSOR.byteSize());
    long shape = longs(rank);
    setLong(tensor + DATA, data.address());
    setInt(tensor + DEVICE_TYPE, view.device().type().value());
    setInt(tensor + DEVICE_ID, view.device().index());
    setInt(tensor + NDIM, rank);
    memory.set(JAVA_BYTE, tensor + DTYPE_CODE, (byte) view.dtype().code());
    memory.set(JAVA_BYTE, tensor + DTYPE_BITS, (byte) view.dtype().bits());
    memory.set(JAVA_SHORT, tensor + DTYPE_LANES, (short) 1);
    setLong(tensor + SHAPE, address(shape));
    for (int i = 0; i < rank; i++) {
      setLong(shape + 8L * i, view.size(i));
    }
    if (view.isStrided()) {
      long strides = longs(rank);
      setLong(tensor + STRIDES, address(strides));
      for (int i = 0; i < rank; i++) {
        setLong(strides + 8L * i, view.stride(i));
      }
    }
    setLong(tensor + BYTE_OFFSET, 0);
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
