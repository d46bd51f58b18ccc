package dev.bevel.kernels;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.bevel.kernels.internal.NativeMemory;
import java.lang.foreign.Arena;
import java.util.function.LongToDoubleFunction;
import java.util.stream.LongStream;

/**
 * Tensors too large for arrays. Their elements are a hash of a series and the index, so that a
 * reference need not store them.
 */
final class LargeTensors {
  private LargeTensors() {}

  /**
   * Element {@code index} of a series: a multiple of 1/16 in [−1, 1), which bfloat16 holds, not 0.
   */
  static double value(long series, long index) {
    long mixed = (index + 1) * 0x9E3779B97F4A7C15L + series * 0xD1B54A32D192ED03L;
    mixed = (mixed ^ mixed >>> 29) * 0xBF58476D1CE4E5B9L;
    long eighths = (mixed >>> 60) - 8;
    return (eighths == 0 ? 0.5 : eighths) / 8;
  }

  static TensorView uninitialized(Arena arena, DType dtype, long... shape) {
    long bytes = dtype.byteSize();
    for (long size : shape) {
      bytes = Math.multiplyExact(bytes, size);
    }
    return TensorView.of(NativeMemory.allocate(arena, bytes, "a large test"), dtype, shape);
  }

  static TensorView float32(Arena arena, long series, long... shape) {
    TensorView view = uninitialized(arena, DType.FLOAT32, shape);
    fill(view, series);
    return view;
  }

  static TensorView bfloat16(Arena arena, long series, long... shape) {
    TensorView view = uninitialized(arena, DType.BFLOAT16, shape);
    fill(view, series);
    return view;
  }

  /** Fills a compact float32 or bfloat16 tensor with a series. */
  static void fill(TensorView view, long series) {
    if (view.dtype() == DType.FLOAT32) {
      fillFloat32(view, index -> value(series, index));
      return;
    }
    LongStream.range(0, view.elementCount())
        .parallel()
        .forEach(
            index -> {
              int bits = Float.floatToRawIntBits((float) value(series, index));
              view.segment().setAtIndex(JAVA_SHORT, index, (short) (bits >>> 16));
            });
  }

  static void fillFloat32(TensorView view, LongToDoubleFunction values) {
    LongStream.range(0, view.elementCount())
        .parallel()
        .forEach(
            index ->
                view.segment().setAtIndex(JAVA_FLOAT, index, (float) values.applyAsDouble(index)));
  }

  /** Elements of a compact bfloat16 tensor that are not +0; their number is a multiple of 4. */
  static long countNonZero(TensorView view) {
    return LongStream.range(0, view.elementCount() / 4)
        .parallel()
        .map(
            word -> {
              long four = view.segment().getAtIndex(JAVA_LONG, word);
              int count = 0;
              for (; four != 0; four >>>= 16) {
                count += (four & 0xFFFF) != 0 ? 1 : 0;
              }
              return count;
            })
        .sum();
  }
}
