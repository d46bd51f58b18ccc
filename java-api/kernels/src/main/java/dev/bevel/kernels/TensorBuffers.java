package dev.bevel.kernels;

import java.lang.foreign.MemorySegment;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Locale;

/** Tensor views over buffers of {@code java.nio}, and such buffers over views. */
final class TensorBuffers {
  private TensorBuffers() {}

  /**
   * The memory of a direct buffer from its position to its limit.
   *
   * @param order of its elements
   */
  static MemorySegment segment(Buffer buffer, ByteOrder order) {
    if (!buffer.isDirect()) {
      throw TensorExtent.invalid(
          "a direct buffer is needed (ByteBuffer.allocateDirect), got one on the Java heap");
    }
    if (order != ByteOrder.nativeOrder()) {
      throw TensorExtent.invalid(
          String.format(
              Locale.ROOT,
              "the elements must be in the machine's byte order, %s, the buffer's are %s: call"
                  + " order(ByteOrder.nativeOrder()) on the ByteBuffer before it is seen as another",
              ByteOrder.nativeOrder(),
              order));
    }
    return MemorySegment.ofBuffer(buffer);
  }

  /** The bytes of a compact tensor on the CPU, in the machine's order. */
  static ByteBuffer bytes(TensorView view, DType... dtypes) {
    if (!Arrays.asList(dtypes).contains(view.dtype())
        || !view.isCompact()
        || view.device().isCuda()) {
      throw TensorExtent.invalid(
          String.format(
              Locale.ROOT,
              "%s is not a compact %s tensor on the CPU",
              view,
              dtypes.length == 1 ? dtypes[0] : dtypes[0] + " or " + dtypes[1]));
    }
    long bytes = view.byteSize();
    MemorySegment segment = view.segment();
    if (segment.byteSize() < bytes) {
      throw TensorExtent.invalid(
          view
              + " is a view of a raw address, whose memory a buffer cannot keep: copy the elements"
              + " (toFloatArray and the like)");
    }
    if (bytes > Integer.MAX_VALUE) {
      throw TensorExtent.invalid(view + " has more than 2^31 - 1 bytes, the most of a buffer");
    }
    return segment.asSlice(0, bytes).asByteBuffer().order(ByteOrder.nativeOrder());
  }
}
