package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.ReadOnlyBufferException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Views over direct buffers, and buffers over views. */
class TensorBuffersTest {
  private static final ByteOrder OTHER =
      ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN
          ? ByteOrder.BIG_ENDIAN
          : ByteOrder.LITTLE_ENDIAN;

  private static ByteBuffer bytes() {
    return ByteBuffer.allocateDirect(64).order(ByteOrder.nativeOrder());
  }

  private static void refused(Runnable call, String message) {
    assertThatThrownBy(call::run)
        .isInstanceOf(BevelException.class)
        .hasMessageContaining("TensorView: " + message);
  }

  /** From its position on, in place, and the same memory comes back as a buffer. */
  @Test
  void everyKindOfBufferIsSeenInPlace() {
    ByteBuffer memory = bytes();
    TensorView floats = TensorView.of(memory.asFloatBuffer().position(2), 2, 3);
    assertThat(floats.dtype()).isEqualTo(DType.FLOAT32);
    floats.asFloatBuffer().put(5, 1.5f);
    assertThat(memory.getFloat(4 * 7)).isEqualTo(1.5f);
    TensorView doubles = TensorView.of(memory.asDoubleBuffer(), 4);
    doubles.asDoubleBuffer().put(0, -2.25);
    assertThat(memory.getDouble(0)).isEqualTo(-2.25);
    TensorView ints = TensorView.of(memory.asIntBuffer(), 2, 2);
    ints.asIntBuffer().put(new int[] {1, 2, 3, 4});
    assertThat(ints.toIntArray()).containsExactly(1, 2, 3, 4);
    assertThat(memory.getInt(12)).isEqualTo(4);
    TensorView longs = TensorView.of(memory.asLongBuffer(), 3);
    assertThat(longs.dtype()).isEqualTo(DType.INT64);
    longs.asLongBuffer().put(2, Long.MIN_VALUE);
    assertThat(memory.getLong(16)).isEqualTo(Long.MIN_VALUE);
    for (DType half : List.of(DType.FLOAT16, DType.BFLOAT16)) {
      TensorView shorts = TensorView.of(memory.asShortBuffer(), half, 32);
      assertThat(shorts.dtype()).isEqualTo(half);
      shorts.asShortBuffer().put(31, (short) 0x3f80);
      assertThat(memory.getShort(62)).isEqualTo((short) 0x3f80);
    }
    for (DType oneByte : List.of(DType.UINT8, DType.BOOL)) {
      TensorView flags = TensorView.of(memory, oneByte, 64);
      flags.asByteBuffer().put(63, (byte) 1);
      assertThat(memory.get(63)).isEqualTo((byte) 1);
    }
  }

  @Test
  void elementsOfAnotherByteOrderAreRefused() {
    ByteBuffer other = bytes().order(OTHER);
    String message = "the elements must be in the machine's byte order, " + ByteOrder.nativeOrder();
    refused(() -> TensorView.of(other.asFloatBuffer(), 4), message);
    refused(() -> TensorView.of(other.asDoubleBuffer(), 4), message);
    refused(() -> TensorView.of(other.asIntBuffer(), 4), message);
    refused(() -> TensorView.of(other.asLongBuffer(), 4), message);
    refused(() -> TensorView.of(other.asShortBuffer(), DType.FLOAT16, 4), message);
    // Bytes have no order: what they hold is taken as the machine has it.
    TensorView floats = TensorView.of(other, DType.FLOAT32, 4);
    assertThat(floats.asFloatBuffer().order()).isEqualTo(ByteOrder.nativeOrder());
  }

  @Test
  void wrongBuffersAreRefused() {
    refused(() -> TensorView.of(FloatBuffer.allocate(8), 8), "a direct buffer is needed");
    refused(() -> TensorView.of(bytes().asFloatBuffer().limit(5), 6), "FLOAT32[6] needs 24 bytes");
    refused(() -> TensorView.of(bytes().asShortBuffer(), DType.INT32, 2), "a ShortBuffer holds");
    refused(
        () -> TensorView.of(bytes().slice(2, 32), DType.FLOAT32, 4), "FLOAT32 needs an address");
  }

  @Test
  void whatIsNoBufferOfThatKindIsRefused() {
    try (Arena arena = Arena.ofConfined()) {
      TensorView floats = TensorView.copyOf(arena, new float[] {1, 2, 3, 4}, 2, 2);
      refused(floats::asIntBuffer, "float32[2, 2] on cpu is not a compact INT32 tensor on the CPU");
      refused(floats::asByteBuffer, "float32[2, 2] on cpu is not a compact UINT8 or BOOL tensor");
      TensorView columns =
          TensorView.ofStrided(
              floats.segment(), DType.FLOAT32, new long[] {2, 2}, new long[] {1, 2});
      refused(columns::asFloatBuffer, "float32[2, 2] on cpu with strides [1, 2] is not a compact");
      TensorView raw =
          TensorView.ofAddress(floats.address(), DType.FLOAT32, Device.CPU, 4).keeping(arena);
      refused(raw::asFloatBuffer, "float32[4] on cpu is a view of a raw address");
      TensorView device = TensorView.ofAddress(4096, DType.FLOAT32, Device.cuda(0), 4);
      refused(device::asFloatBuffer, "float32[4] on cuda:0 is not a compact");
      assertThatThrownBy(() -> floats.asReadOnly().asFloatBuffer().put(0, 1))
          .isInstanceOf(ReadOnlyBufferException.class);
    }
  }

  /**
   * A buffer of a view sees the end of its memory, and a view of a read-only buffer is read-only.
   */
  @Test
  void memoryThatIsGoneOrReadOnlyStaysSo() {
    FloatBuffer buffer;
    try (Arena arena = Arena.ofConfined()) {
      buffer = TensorView.allocate(arena, DType.FLOAT32, 4).asFloatBuffer();
      assertThat(buffer.get(3)).isZero();
    }
    assertThatThrownBy(() -> buffer.get(3)).isInstanceOf(IllegalStateException.class);
    TensorView readOnly = TensorView.of(bytes().asFloatBuffer().asReadOnlyBuffer(), 4);
    assertThat(readOnly.segment().isReadOnly()).isTrue();
  }
}
