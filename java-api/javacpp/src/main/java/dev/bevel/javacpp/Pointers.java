package dev.bevel.javacpp;

import dev.bevel.javacpp.abi.DLTensor;
import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.Device;
import dev.bevel.kernels.MemoryOwner;
import dev.bevel.kernels.Status;
import dev.bevel.kernels.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.jspecify.annotations.Nullable;

/**
 * Between JavaCPP's pointers, Bevel's views and memory segments. Nothing is copied: what is
 * returned shows the same memory and holds a reference to the object that it was made from, so that
 * a garbage collection does not free it.
 *
 * <p>A view of a pointer knows it: calls with it throw {@link IllegalStateException} after the
 * pointer was closed, deallocated or made to point elsewhere, and {@code Pointer.close()} during a
 * call frees when the call ends. ({@code Pointer.deallocate()} during a call frees at once: it is
 * for pointers that no other thread uses.) The other way round nothing is known: a {@code Pointer}
 * into an arena's memory must not be used after {@code Arena.close()}.
 */
public final class Pointers {
  private Pointers() {}

  /**
   * A compact view of host memory at a pointer's position.
   *
   * @param pointer host memory; where it knows its limit the tensor must lie within
   * @param dtype element type
   * @param shape up to 8 sizes
   * @throws IllegalStateException if the pointer is closed
   */
  public static TensorView view(Pointer pointer, DType dtype, long... shape) {
    return view(pointer, dtype, Device.CPU, shape);
  }

  /**
   * A compact view of memory of any device at a pointer's position.
   *
   * @param pointer where it knows its limit the tensor must lie within
   * @param dtype element type
   * @param device where the memory lives
   * @param shape up to 8 sizes
   */
  public static TensorView view(Pointer pointer, DType dtype, Device device, long... shape) {
    requireOpen("view", pointer);
    TensorView view =
        TensorView.ofAddress(addressOf(pointer), dtype, device, shape)
            .ownedBy(new PointerHold(pointer));
    long known = bytesOf(pointer);
    if (pointer.limit() > 0 && view.byteSize() > known) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          "Pointers: " + view + " needs " + view.byteSize() + " bytes, the pointer has " + known);
    }
    return view;
  }

  /**
   * A pointer to a view's first element that does not own the memory and holds the view. A typed
   * one made from it, {@code pointer.getPointer(FloatPointer.class)}, does not hold the view: keep
   * this one as long.
   *
   * @param view compact, of memory that may be written
   */
  public static BytePointer pointer(TensorView view) {
    JavaCpp.chooseCache();
    if (!view.isCompact()) {
      throw new BevelException(
          Status.INVALID_ARGUMENT, "Pointers: a pointer needs a compact tensor, got " + view);
    }
    requireWritable(view.segment());
    return readable(view);
  }

  /** The same also of read-only memory, for calls that only read. */
  static BytePointer readable(TensorView view) {
    requireOpen(view);
    return new Borrowed(view.address(), view.byteSize(), view);
  }

  /**
   * A pointer to a segment of native memory that does not own it.
   *
   * @param segment native, and not read-only
   */
  public static BytePointer pointer(MemorySegment segment) {
    JavaCpp.chooseCache();
    if (!segment.isNative()) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          "Pointers: native memory is needed, got a segment on the Java heap");
    }
    requireWritable(segment);
    requireOpen(segment);
    return new Borrowed(segment.address(), segment.byteSize(), segment);
  }

  /**
   * The host memory from a pointer's position to its limit. The segment keeps the memory: where the
   * pointer is closed before, it is freed when the segment is collected.
   *
   * @param pointer host memory with a known limit
   * @throws IllegalStateException if the pointer is closed
   */
  @SuppressWarnings("restricted") // the pointer knows its limit
  public static MemorySegment segment(Pointer pointer) {
    Objects.requireNonNull(pointer, "Pointers.segment: pointer is null");
    if (pointer.limit() <= pointer.position()) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          "Pointers: a segment needs a pointer that knows its limit, got " + pointer);
    }
    PointerHold hold = new PointerHold(pointer);
    if (!hold.acquire()) {
      throw new IllegalStateException("Pointers.segment: pointer is closed");
    }
    return MemorySegment.ofAddress(addressOf(pointer))
        .reinterpret(bytesOf(pointer), Arena.ofAuto(), freed -> hold.release());
  }

  /**
   * A DLPack descriptor of a view, for calls through {@code dev.bevel.javacpp.abi}. It owns its
   * shape and strides, and keeps the view reachable.
   *
   * @param view any
   */
  public static DLTensor descriptor(TensorView view) {
    JavaCpp.initialize();
    requireOpen(view);
    return new Descriptor(view);
  }

  private static void requireOpen(MemorySegment memory) {
    if (!memory.scope().isAlive()) {
      throw new IllegalStateException("Pointers: the memory is closed: its arena was closed");
    }
  }

  private static void requireOpen(TensorView view) {
    requireOpen(view.segment());
    MemoryOwner owner = view.memoryOwner();
    if (owner != null) {
      if (!owner.acquire()) {
        throw new IllegalStateException("Pointers: the memory is closed: " + owner.whyClosed());
      }
      owner.release();
    }
  }

  private static void requireOpen(String method, Pointer pointer) {
    Objects.requireNonNull(pointer, () -> "Pointers." + method + ": pointer is null");
    if (pointer.isNull()) {
      throw new IllegalStateException("Pointers." + method + ": pointer is null or closed");
    }
  }

  private static void requireWritable(MemorySegment memory) {
    if (memory.isReadOnly()) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          "Pointers: the memory is read-only, and through a pointer it could be written");
    }
  }

  private static long addressOf(Pointer pointer) {
    return pointer.address() + pointer.position() * pointer.sizeof();
  }

  private static long bytesOf(Pointer pointer) {
    return (pointer.limit() - pointer.position()) * pointer.sizeof();
  }

  /**
   * JavaCPP never frees a pointer without a deallocator; the reference keeps the owner of the
   * memory.
   */
  private static final class Borrowed extends BytePointer {
    private final Object owner;

    Borrowed(long address, long bytes, Object owner) {
      super((Pointer) null);
      this.address = address;
      this.limit = bytes;
      this.capacity = bytes;
      this.owner = owner;
    }

    @Override
    public String toString() {
      return "pointer into " + owner;
    }
  }

  private static final class Descriptor extends DLTensor {
    private final TensorView view;
    private final LongPointer shapeMemory;
    private final @Nullable LongPointer stridesMemory;

    Descriptor(TensorView view) {
      this.view = view;
      shapeMemory = new LongPointer(view.shape());
      stridesMemory = view.isStrided() ? new LongPointer(strides(view)) : null;
      data(new Borrowed(view.address(), view.byteSize(), view));
      device().device_type(view.device().type().value()).device_id(view.device().index());
      ndim(view.rank());
      dtype().code((byte) view.dtype().code()).bits((byte) view.dtype().bits()).lanes((short) 1);
      shape(shapeMemory);
      if (stridesMemory != null) {
        strides(stridesMemory);
      }
      byte_offset(0);
    }

    private static long[] strides(TensorView view) {
      long[] strides = new long[view.rank()];
      for (int i = 0; i < strides.length; i++) {
        strides[i] = view.stride(i);
      }
      return strides;
    }

    @Override
    public String toString() {
      return "DLTensor of " + view;
    }
  }
}
