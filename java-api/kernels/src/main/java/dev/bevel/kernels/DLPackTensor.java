package dev.bevel.kernels;

import dev.bevel.kernels.internal.DlPackCalls;
import dev.bevel.kernels.internal.DlPackStructs;
import dev.bevel.kernels.internal.DlTensor;
import dev.bevel.kernels.internal.NativeLibrary;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;

/**
 * A tensor of another library, taken over by DLPack ({@code DLManagedTensor} or {@code
 * DLManagedTensorVersioned}, version 1.x) without a copy.
 *
 * <pre>{@code
 * try (DLPackTensor tensor = DLPackTensor.take(address)) {
 *   LiftSplat.forward(plan, tensor.view(), context, out);
 * }
 * }</pre>
 *
 * <p>{@link #close} calls the tensor's deleter, exactly once, on the thread that closes or, where
 * calls are using the view, on that of the last of them. Uses of the view after it fail with an
 * {@link IllegalStateException}. Who never closes leaks the tensor.
 */
public final class DLPackTensor implements AutoCloseable {
  private static final int MAJOR = 1;
  private static final long READ_ONLY = 1;

  private final SharedResource life;
  private final TensorView view;

  private DLPackTensor(TensorView memory, long struct, long deleter) {
    life =
        new SharedResource("DLPackTensor: the tensor", () -> DlPackCalls.delete(deleter, struct));
    view = memory.ownedBy(life);
  }

  /**
   * Takes over a {@code DLManagedTensor}. Where this fails nothing was taken, and the deleter is
   * still the caller's to call.
   *
   * @param managedTensor its address
   * @throws BevelException if it is null, or of a device, dtype or rank that Bevel does not know
   */
  public static DLPackTensor take(long managedTensor) {
    DlPackStructs.Managed fields = DlPackStructs.MANAGED;
    MemorySegment struct = struct(managedTensor, fields.byteSize());
    return new DLPackTensor(
        view(struct, fields.tensor), managedTensor, number(struct, fields.deleter.offset()));
  }

  /**
   * Takes over a {@code DLManagedTensorVersioned} of a version 1.x; one that is flagged read-only
   * is written by no call. Where this fails nothing was taken, and the deleter is still the
   * caller's to call.
   *
   * @param managedTensor its address
   * @throws BevelException if it is null, of another major version, or of a device, dtype or rank
   *     that Bevel does not know
   */
  public static DLPackTensor takeVersioned(long managedTensor) {
    DlPackStructs.Versioned fields = DlPackStructs.VERSIONED;
    MemorySegment struct = struct(managedTensor, fields.byteSize());
    int major = struct.get(ValueLayout.JAVA_INT, fields.version.major.offset());
    if (major != MAJOR) {
      throw new BevelException(
          Status.UNSUPPORTED,
          String.format(
              Locale.ROOT,
              "DLPackTensor: DLPack of major version %d is known, got %d",
              MAJOR,
              major));
    }
    TensorView view = view(struct, fields.tensor);
    boolean readOnly = (number(struct, fields.flags.offset()) & READ_ONLY) != 0;
    return new DLPackTensor(
        readOnly ? view.asReadOnly() : view,
        managedTensor,
        number(struct, fields.deleter.offset()));
  }

  /** The tensor's memory; closed with this. */
  public TensorView view() {
    return view;
  }

  /** Calls the deleter, or leaves that to the last running use; a second call does nothing. */
  @Override
  public void close() {
    life.close();
  }

  private static MemorySegment struct(long address, long bytes) {
    NativeLibrary.require();
    if (address == 0) {
      throw invalid("the address of a managed tensor must be given, got 0");
    }
    return DlPackCalls.struct(address, bytes);
  }

  private static TensorView view(MemorySegment struct, DlTensor fields) {
    int rank = struct.get(ValueLayout.JAVA_INT, fields.ndim.offset());
    if (rank < 0 || rank > TensorExtent.MAX_RANK) {
      throw invalid(
          String.format(
              Locale.ROOT, "a tensor has 0 to %d dimensions, got %d", TensorExtent.MAX_RANK, rank));
    }
    DType dtype = dtype(struct, fields.dtype);
    Device device = device(struct, fields.device);
    long data = number(struct, fields.data.offset());
    long byteOffset = number(struct, fields.byteOffset.offset());
    long address = data == 0 ? 0 : data + byteOffset; // a null pointer stays one
    if (Long.compareUnsigned(address, data) < 0) {
      throw invalid(
          "a tensor must lie within memory, got a byte_offset of "
              + Long.toUnsignedString(byteOffset));
    }
    long[] shape = numbers(number(struct, fields.shape.offset()), rank, "shape");
    long strides = number(struct, fields.strides.offset());
    return strides == 0 || rank == 0
        ? TensorView.ofAddress(address, dtype, device, shape)
        : TensorView.ofAddressStrided(
            address, dtype, device, shape, numbers(strides, rank, "strides"));
  }

  private static DType dtype(MemorySegment struct, DlTensor.DlDataType fields) {
    int code = Byte.toUnsignedInt(struct.get(ValueLayout.JAVA_BYTE, fields.code));
    int bits = Byte.toUnsignedInt(struct.get(ValueLayout.JAVA_BYTE, fields.bits));
    int lanes = Short.toUnsignedInt(struct.get(ValueLayout.JAVA_SHORT, fields.lanes));
    for (DType each : DType.values()) {
      if (each.code() == code && each.bits() == bits && lanes == 1) {
        return each;
      }
    }
    throw unsupported(
        String.format(
            Locale.ROOT, "no dtype has code %d, %d bits and %d lanes", code, bits, lanes));
  }

  private static Device device(MemorySegment struct, DlTensor.DlDevice fields) {
    int type = struct.get(ValueLayout.JAVA_INT, fields.type.offset());
    for (Device.Type each : Device.Type.values()) {
      if (each.value() == type) {
        int index = struct.get(ValueLayout.JAVA_INT, fields.id.offset());
        return new Device(each, each == Device.Type.CUDA ? index : 0);
      }
    }
    throw unsupported("devices are of type 1 (CPU), 2 (CUDA) and 3 (pinned), got " + type);
  }

  private static long number(MemorySegment struct, long offset) {
    return struct.get(ValueLayout.JAVA_LONG, offset);
  }

  private static long[] numbers(long address, int count, String what) {
    if (count > 0 && address == 0) {
      throw invalid("a tensor of " + count + " dimensions must have a " + what + ", got 0");
    }
    return DlPackCalls.struct(address, (long) Long.BYTES * count).toArray(ValueLayout.JAVA_LONG);
  }

  private static BevelException invalid(String message) {
    return new BevelException(Status.INVALID_ARGUMENT, "DLPackTensor: " + message);
  }

  private static BevelException unsupported(String message) {
    return new BevelException(Status.UNSUPPORTED, "DLPackTensor: " + message);
  }

  /** The tensor. */
  @Override
  public String toString() {
    return Described.as(DLPackTensor.class, "view", view, "closed", life.isClosed() ? true : null);
  }
}
