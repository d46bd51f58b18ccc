package dev.bevel.torch.nn;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Between tensors on the CPU and Java memory. */
public final class Tensors {
  private Tensors() {}

  /** A new float64 tensor with these values in row-major order. */
  public static Tensor of(double[] values, long... shape) {
    Tensor tensor = torch.empty(shape, new TensorOptions(ScalarType.Double), null);
    checkCount(values.length, tensor);
    MemorySegment.copy(values, 0, memory(tensor), ValueLayout.JAVA_DOUBLE, 0, values.length);
    return tensor;
  }

  /** A new float32 tensor with these values in row-major order. */
  public static Tensor of(float[] values, long... shape) {
    Tensor tensor = torch.empty(shape);
    checkCount(values.length, tensor);
    MemorySegment.copy(values, 0, memory(tensor), ValueLayout.JAVA_FLOAT, 0, values.length);
    return tensor;
  }

  private static void checkCount(int count, Tensor tensor) {
    if (count != tensor.numel()) {
      throw new IllegalArgumentException(
          "a tensor of " + tensor.numel() + " elements cannot be made of " + count + " values");
    }
  }

  /**
   * The elements in row-major order, whatever the layout and the floating-point or integer dtype.
   */
  public static double[] toDoubles(Tensor tensor) {
    double[] values = new double[Math.toIntExact(tensor.numel())];
    Scopes.withoutGradient(
        () -> {
          Tensor plain = tensor.to(ScalarType.Double).contiguous();
          MemorySegment.copy(memory(plain), ValueLayout.JAVA_DOUBLE, 0, values, 0, values.length);
        });
    return values;
  }

  /**
   * The memory of a row-major contiguous tensor on the CPU, without a copy. It may be used for as
   * long as the tensor's storage lives.
   */
  @SuppressWarnings(
      "restricted") // the module is allowed native access, or LibTorch could not have been loaded
  public static MemorySegment memory(Tensor tensor) {
    if (!tensor.is_contiguous() || !tensor.device().is_cpu()) {
      throw new IllegalArgumentException(
          "the memory of a tensor can be used if it is contiguous and on the CPU");
    }
    long bytes = tensor.numel() * tensor.itemsize();
    return bytes == 0
        ? MemorySegment.NULL
        : MemorySegment.ofAddress(tensor.data_ptr().address()).reinterpret(bytes);
  }
}
