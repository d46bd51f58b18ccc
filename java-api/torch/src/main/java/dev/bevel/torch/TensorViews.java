package dev.bevel.torch;

import dev.bevel.kernels.DType;
import dev.bevel.kernels.Device;
import dev.bevel.kernels.TensorView;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.DeviceType;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/** LibTorch tensors as Bevel's {@link TensorView}s: the same memory, nothing copied. */
public final class TensorViews {
  private TensorViews() {}

  /**
   * A view of a tensor's elements with its shape and strides. It holds the tensor, and is valid
   * while the tensor is: a call with it throws {@link IllegalStateException} after the tensor's
   * scope has closed or the tensor was closed, and keeps the tensor's memory while it runs: {@code
   * resize_} on another thread fails meanwhile, {@code set_} and {@code set_data} leave the memory
   * to the call, and calls that begin after them throw {@link IllegalStateException}.
   *
   * @param tensor dense, of a dtype that {@link DType} has, on the CPU or a CUDA device
   * @throws IllegalArgumentException for any other, and for one whose shape reaches beyond its
   *     memory (LibTorch leaves it so where {@code resize_} fails)
   * @throws IllegalStateException if the tensor is closed
   */
  public static TensorView of(Tensor tensor) {
    TensorHold hold = TensorHold.of("TensorViews.of", "tensor", tensor);
    try {
      return view(tensor);
    } finally {
      hold.release();
    }
  }

  private static TensorView view(Tensor tensor) {
    TensorHold.require("TensorViews.of", "tensor", tensor);
    if (tensor.is_neg()) {
      throw new IllegalArgumentException(
          "TensorViews: the tensor's memory holds its elements with the other sign (LibTorch's"
              + " negative bit, which imag() of a conjugate sets); call resolve_neg() first");
    }
    // An element of a TensorVector, say, does not own itself: an owner of its memory is made.
    Tensor owner = tensor.referenceCount() < 0 ? new Tensor(tensor) : tensor;
    DType dtype = dtype(tensor.scalar_type());
    long[] shape = tensor.shape();
    long[] strides = tensor.is_contiguous() ? null : strides(tensor, shape.length);
    long extent = extent(shape, strides);
    if (extent == 0) {
      return view(0, dtype, tensor, shape, strides).ownedBy(TensorHold.ofEmpty(owner));
    }
    TensorHold memory = TensorHold.ofMemory("TensorViews.of", "tensor", owner, extent);
    return view(memory.address(), dtype, tensor, shape, strides).ownedBy(memory);
  }

  private static TensorView view(
      long address, DType dtype, Tensor tensor, long[] shape, long @Nullable [] strides) {
    return strides == null
        ? TensorView.ofAddress(address, dtype, device(tensor), shape)
        : TensorView.ofAddressStrided(address, dtype, device(tensor), shape, strides);
  }

  /** Elements from the first to the last in memory, both included; 0 if there are none. */
  private static long extent(long[] shape, long @Nullable [] strides) {
    long elements = 1;
    long last = 0;
    for (int i = 0; i < shape.length; i++) {
      elements *= shape[i];
      last += strides == null ? 0 : (shape[i] - 1) * strides[i];
    }
    if (elements == 0) {
      return 0;
    }
    return strides == null ? elements : last + 1;
  }

  /**
   * Bevel's name of an element type.
   *
   * @param type LibTorch's
   * @throws IllegalArgumentException if Bevel has no such type
   */
  public static DType dtype(ScalarType type) {
    return switch (type.intern()) {
      case Float -> DType.FLOAT32;
      case Double -> DType.FLOAT64;
      case Half -> DType.FLOAT16;
      case BFloat16 -> DType.BFLOAT16;
      case Int -> DType.INT32;
      case Long -> DType.INT64;
      case Byte -> DType.UINT8;
      case Bool -> DType.BOOL;
      default ->
          throw new IllegalArgumentException(
              "TensorViews: no kernel takes elements of type " + type);
    };
  }

  /** LibTorch's name of an element type; see {@link #dtype}. */
  public static ScalarType scalarType(DType type) {
    return switch (Objects.requireNonNull(type, "TensorViews.scalarType: type is null")) {
      case FLOAT32 -> ScalarType.Float;
      case FLOAT64 -> ScalarType.Double;
      case FLOAT16 -> ScalarType.Half;
      case BFLOAT16 -> ScalarType.BFloat16;
      case INT32 -> ScalarType.Int;
      case INT64 -> ScalarType.Long;
      case UINT8 -> ScalarType.Byte;
      case BOOL -> ScalarType.Bool;
    };
  }

  /**
   * LibTorch's name of a device.
   *
   * @param device of which LibTorch has page-locked host memory as the CPU
   * @return owned by the innermost {@link TensorScope}, if one is open
   * @throws IllegalStateException if it is a CUDA device, and LibTorch was built without CUDA or
   *     finds none
   */
  public static org.bytedeco.pytorch.Device torchDevice(Device device) {
    Objects.requireNonNull(device, "TensorViews.torchDevice: device is null");
    Torch.initialize();
    if (!device.isCuda()) {
      return new org.bytedeco.pytorch.Device(DeviceType.CPU);
    }
    if (!torch.cuda_is_available()) {
      throw new IllegalStateException(
          "TensorViews: LibTorch has no "
              + device
              + " here: it was built without CUDA (use the -gpu classifier), or no GPU or driver is"
              + " found");
    }
    if (device.index() >= torch.cuda_device_count()) {
      throw new IllegalStateException("TensorViews: LibTorch has no " + device);
    }
    return new org.bytedeco.pytorch.Device(DeviceType.CUDA, (byte) device.index());
  }

  /**
   * Where a tensor's memory lives.
   *
   * @param tensor on the CPU or a CUDA device
   * @throws IllegalArgumentException for any other
   */
  public static Device device(Tensor tensor) {
    TensorHold.require("TensorViews.device", "tensor", tensor);
    return tensor.is_cuda() ? Device.cuda(tensor.device().index()) : Device.CPU;
  }

  private static long[] strides(Tensor tensor, int rank) {
    long[] strides = new long[rank];
    for (int i = 0; i < strides.length; i++) {
      strides[i] = tensor.stride(i);
    }
    return strides;
  }
}
