package dev.bevel.kernels;

import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * How much memory a {@link TensorView} spans, and whether its shape, strides and address are legal.
 */
final class TensorExtent {
  static final int MAX_RANK = 8;

  private TensorExtent() {}

  /** Checks rank, sizes and strides. */
  static void checkShape(long[] shape, long @Nullable [] strides) {
    if (shape.length > MAX_RANK) {
      throw invalid(
          String.format(
              Locale.ROOT, "at most %d dimensions, got %s", MAX_RANK, Arrays.toString(shape)));
    }
    if (strides != null && strides.length != shape.length) {
      throw invalid(
          String.format(
              Locale.ROOT,
              "strides %s do not match the shape %s",
              Arrays.toString(strides),
              Arrays.toString(shape)));
    }
    for (int i = 0; i < shape.length; i++) {
      if (shape[i] < 0 || (strides != null && strides[i] < 0)) {
        throw invalid(
            String.format(
                Locale.ROOT,
                "sizes and strides must be 0 or more, got shape %s, strides %s",
                Arrays.toString(shape),
                strides == null ? "none" : Arrays.toString(strides)));
      }
    }
  }

  /** Checks that an address suits the element type. */
  static void checkAlignment(long address, DType dtype) {
    if (address % dtype.byteSize() != 0) {
      throw invalid(
          String.format(
              Locale.ROOT,
              "%s needs an address that is a multiple of %d, got 0x%x",
              dtype,
              dtype.byteSize(),
              address));
    }
  }

  /** Product of the sizes. */
  static long elementCount(long[] shape) {
    checkShape(shape, null);
    long count = 1;
    boolean empty = false;
    for (long size : shape) {
      empty |= size == 0;
    }
    if (empty) {
      return 0;
    }
    try {
      for (long size : shape) {
        count = Math.multiplyExact(count, size);
      }
      return count;
    } catch (ArithmeticException overflow) {
      throw tooLarge(shape, overflow);
    }
  }

  /** Bytes of the elements, gaps not counted. */
  static long byteSize(DType dtype, long[] shape) {
    Given.argument(dtype, TensorView.class, "dtype");
    try {
      return Math.multiplyExact(elementCount(shape), dtype.byteSize());
    } catch (ArithmeticException overflow) {
      throw tooLarge(shape, overflow);
    }
  }

  /** Bytes from the first to past the last element, gaps counted. */
  static long bytes(DType dtype, long[] shape, long @Nullable [] strides) {
    long bytes = byteSize(dtype, shape);
    if (strides == null || bytes == 0) {
      return bytes;
    }
    try {
      long last = 0;
      for (int i = 0; i < shape.length; i++) {
        last = Math.addExact(last, Math.multiplyExact(shape[i] - 1, strides[i]));
      }
      return Math.multiplyExact(Math.addExact(last, 1), dtype.byteSize());
    } catch (ArithmeticException overflow) {
      throw tooLarge(shape, overflow);
    }
  }

  private static BevelException tooLarge(long[] shape, ArithmeticException cause) {
    return new BevelException(
        Status.INVALID_ARGUMENT,
        "TensorView: the bytes of " + Arrays.toString(shape) + " exceed 63 bits",
        cause);
  }

  static BevelException invalid(String message) {
    return new BevelException(Status.INVALID_ARGUMENT, "TensorView: " + message);
  }
}
