package dev.bevel.bench;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.bevel.kernels.DType;
import dev.bevel.kernels.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;

/** Elements of compact tensors on the CPU as doubles. */
public final class TensorData {
  private TensorData() {}

  /**
   * A new tensor with these values. What the dtype makes of them takes their place, so that a
   * reference that is computed from them afterwards has the operator's inputs.
   *
   * @param arena owns the memory
   * @param dtype FLOAT64, FLOAT32, FLOAT16, BFLOAT16 or UINT8
   * @param values row-major; rounded
   * @param shape of as many elements
   */
  public static TensorView store(Arena arena, DType dtype, double[] values, long... shape) {
    TensorView view = TensorView.allocate(arena, dtype, shape);
    if (view.elementCount() != values.length) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "TensorData: %s needs %d values, got %d",
              view,
              view.elementCount(),
              values.length));
    }
    MemorySegment memory = view.segment();
    for (int i = 0; i < values.length; i++) {
      float single = (float) values[i];
      switch (dtype) {
        case FLOAT64 -> memory.setAtIndex(JAVA_DOUBLE, i, values[i]);
        case FLOAT32 -> memory.setAtIndex(JAVA_FLOAT, i, single);
        case FLOAT16 -> memory.setAtIndex(JAVA_SHORT, i, Float.floatToFloat16(single));
        case BFLOAT16 -> memory.setAtIndex(JAVA_SHORT, i, toBfloat16(single));
        case UINT8 -> memory.setAtIndex(JAVA_BYTE, i, (byte) values[i]);
        default -> throw new IllegalArgumentException("TensorData: not " + dtype);
      }
      values[i] = at(view, i);
    }
    return view;
  }

  /** One element. */
  public static double at(TensorView view, long index) {
    MemorySegment memory = view.segment();
    return switch (view.dtype()) {
      case FLOAT64 -> memory.getAtIndex(JAVA_DOUBLE, index);
      case FLOAT32 -> memory.getAtIndex(JAVA_FLOAT, index);
      case FLOAT16 -> Float.float16ToFloat(memory.getAtIndex(JAVA_SHORT, index));
      case BFLOAT16 -> Float.intBitsToFloat(memory.getAtIndex(JAVA_SHORT, index) << 16);
      case UINT8 -> Byte.toUnsignedInt(memory.getAtIndex(JAVA_BYTE, index));
      default -> throw new IllegalArgumentException("TensorData: not " + view.dtype());
    };
  }

  /** Fills a tensor with bytes that are NaN in every floating-point dtype. */
  public static void poison(TensorView view) {
    view.segment().asSlice(0, view.byteSize()).fill((byte) 0xff);
  }

  /** To nearest, ties to even. */
  private static short toBfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    return (short) ((bits + 0x7fff + (bits >>> 16 & 1)) >>> 16);
  }
}
