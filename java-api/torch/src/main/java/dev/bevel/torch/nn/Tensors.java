package dev.bevel.torch.nn;

import static dev.bevel.torch.TensorHold.require;

import dev.bevel.torch.TensorHold;
import dev.bevel.torch.Torch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Between tensors and Java memory. */
public final class Tensors {
  private Tensors() {}

  /** A new float64 tensor with these values in row-major order. */
  public static Tensor of(double[] values, long... shape) {
    Torch.initialize();
    Tensor tensor = torch.empty(shape, new TensorOptions(ScalarType.Double), null);
    checkCount(values.length, tensor);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = memory(tensor, arena);
      MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_DOUBLE, 0, values.length);
    }
    return tensor;
  }

  /** A new float32 tensor with these values in row-major order. */
  public static Tensor of(float[] values, long... shape) {
    Torch.initialize();
    Tensor tensor = torch.empty(shape);
    checkCount(values.length, tensor);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = memory(tensor, arena);
      MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_FLOAT, 0, values.length);
    }
    return tensor;
  }

  private static void checkCount(int count, Tensor tensor) {
    if (count != tensor.numel()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "Tensors.of: shape %s needs %d values, got %d",
              Arrays.toString(tensor.shape()),
              tensor.numel(),
              count));
    }
  }

  /**
   * The elements as float64 in row-major order, whatever the tensor's layout, device and
   * floating-point or integer dtype.
   */
  public static double[] toDoubles(Tensor tensor) {
    require("Tensors.toDoubles", "tensor", tensor);
    double[] values = new double[Math.toIntExact(tensor.numel())];
    onHost(
        tensor,
        ScalarType.Double,
        memory -> MemorySegment.copy(memory, ValueLayout.JAVA_DOUBLE, 0, values, 0, values.length));
    return values;
  }

  /** The elements as float32; see {@link #toDoubles}. */
  public static float[] toFloats(Tensor tensor) {
    require("Tensors.toFloats", "tensor", tensor);
    float[] values = new float[Math.toIntExact(tensor.numel())];
    onHost(
        tensor,
        ScalarType.Float,
        memory -> MemorySegment.copy(memory, ValueLayout.JAVA_FLOAT, 0, values, 0, values.length));
    return values;
  }

  private static void onHost(Tensor tensor, ScalarType dtype, Consumer<MemorySegment> reader) {
    Scopes.withoutGradient(
        () -> {
          try (Arena arena = Arena.ofConfined()) {
            reader.accept(memory(tensor.cpu().to(dtype).contiguous(), arena));
          }
        });
  }

  /**
   * The memory of a row-major contiguous tensor on the CPU, without a copy.
   *
   * @param tensor stays, whatever scope it is of, until the arena is closed
   * @param arena until whose end the segment may be used
   */
  @SuppressWarnings(
      "restricted") // the module is allowed native access, or LibTorch could not have been loaded
  public static MemorySegment memory(Tensor tensor, Arena arena) {
    TensorHold hold = TensorHold.of("Tensors.memory", "tensor", tensor);
    try {
      if (!tensor.is_contiguous() || !tensor.device().is_cpu()) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "Tensors.memory: the tensor must be contiguous and on the CPU, got shape %s on %s,"
                    + " %s",
                Arrays.toString(tensor.shape()),
                tensor.device().str().getString(),
                tensor.is_contiguous() ? "contiguous" : "not contiguous"));
      }
      long bytes = tensor.numel() * tensor.itemsize();
      if (bytes == 0) {
        return MemorySegment.NULL;
      }
      hold.acquire(); // succeeds, for the tensor is held
      return MemorySegment.ofAddress(tensor.data_ptr().address())
          .reinterpret(bytes, arena, end -> hold.release());
    } finally {
      hold.release();
    }
  }
}
