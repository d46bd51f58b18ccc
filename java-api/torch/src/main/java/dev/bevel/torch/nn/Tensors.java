package dev.bevel.torch.nn;

import static dev.bevel.torch.TensorHold.require;

import dev.bevel.torch.TensorHold;
import dev.bevel.torch.Torch;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Between tensors and Java memory. */
public final class Tensors {
  /** The most elements of a Java array that every JVM can make. */
  private static final int MAX_ARRAY = Integer.MAX_VALUE - 8;

  private Tensors() {}

  /** A new float64 tensor with these values in row-major order. */
  public static Tensor of(double[] values, long... shape) {
    checkGiven(values, shape);
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
    checkGiven(values, shape);
    Torch.initialize();
    Tensor tensor = torch.empty(shape);
    checkCount(values.length, tensor);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = memory(tensor, arena);
      MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_FLOAT, 0, values.length);
    }
    return tensor;
  }

  private static void checkGiven(Object values, long[] shape) {
    Objects.requireNonNull(values, "Tensors.of: values is null");
    Objects.requireNonNull(shape, "Tensors.of: shape is null");
    if (Arrays.stream(shape).anyMatch(size -> size < 0)) {
      throw new IllegalArgumentException(
          "Tensors.of: shape must have sizes of 0 or more, got " + Arrays.toString(shape));
    }
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
   *
   * @throws IllegalArgumentException if it is complex, sparse, quantised, on another device than
   *     the CPU and CUDA, or larger than a Java array
   */
  public static double[] toDoubles(Tensor tensor) {
    double[] values = new double[count("Tensors.toDoubles", tensor)];
    onHost(
        tensor,
        ScalarType.Double,
        memory -> MemorySegment.copy(memory, ValueLayout.JAVA_DOUBLE, 0, values, 0, values.length));
    return values;
  }

  /** The elements as float32; see {@link #toDoubles}. */
  public static float[] toFloats(Tensor tensor) {
    float[] values = new float[count("Tensors.toFloats", tensor)];
    onHost(
        tensor,
        ScalarType.Float,
        memory -> MemorySegment.copy(memory, ValueLayout.JAVA_FLOAT, 0, values, 0, values.length));
    return values;
  }

  private static int count(String operation, Tensor tensor) {
    require(operation, "tensor", tensor);
    if (tensor.is_complex() || tensor.numel() > MAX_ARRAY) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: tensor must have real elements, at most the %d of a Java array, got %s%s",
              operation,
              MAX_ARRAY,
              tensor.scalar_type(),
              Arrays.toString(tensor.shape())));
    }
    return (int) tensor.numel();
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
   * @param tensor its memory stays, whatever scope it is of, until the arena is closed; it cannot
   *     be resized until then
   * @param arena until whose end the segment may be used
   */
  @SuppressWarnings(
      "restricted") // the module is allowed native access, or LibTorch could not have been loaded
  public static MemorySegment memory(Tensor tensor, Arena arena) {
    require("Tensors.memory", "tensor", tensor);
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
      TensorHold memory = TensorHold.ofMemory("Tensors.memory", "tensor", tensor, tensor.numel());
      if (!memory.acquire()) {
        throw new IllegalStateException("Tensors.memory: tensor is closed: " + memory.whyClosed());
      }
      return MemorySegment.ofAddress(memory.address())
          .reinterpret(bytes, arena, end -> memory.release());
    } finally {
      hold.release();
    }
  }
}
