package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** What a view may be made of, and what it refuses. */
class TensorViewTest {
  @Test
  void readsBackWhatWasCopied() {
    try (Arena arena = Arena.ofConfined()) {
      assertThat(TensorView.copyOf(arena, new float[] {1, 2, 3, 4}, 2, 2).toFloatArray())
          .containsExactly(1, 2, 3, 4);
      assertThat(TensorView.copyOf(arena, new double[] {1, 2}, 2).toDoubleArray())
          .containsExactly(1, 2);
      assertThat(TensorView.copyOf(arena, new int[] {7}).toIntArray()).containsExactly(7);
      assertThat(TensorView.copyOf(arena, new int[0], 3, 0).toIntArray()).isEmpty();
    }
  }

  @Test
  void describesItself() {
    try (Arena arena = Arena.ofConfined()) {
      TensorView view = TensorView.allocate(arena, DType.FLOAT32, 2, 3, 4);
      assertThat(view).hasToString("float32[2, 3, 4] on cpu");
      assertThat(view.address() % 64).isZero();
      assertThat(new long[] {view.stride(0), view.stride(1), view.stride(2)})
          .containsExactly(12, 4, 1);
      assertThat(view.byteSize()).isEqualTo(96);
      assertThat(view.reshape(6, 4).shape()).containsExactly(6, 4);
    }
  }

  @Test
  void knowsCompactStrides() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(1000, 64);
      assertThat(strided(memory, new long[] {2, 3}, new long[] {3, 1}).isCompact()).isTrue();
      assertThat(strided(memory, new long[] {1, 3}, new long[] {99, 1}).isCompact()).isTrue();
      assertThat(strided(memory, new long[] {2, 3}, new long[] {4, 1}).isCompact()).isFalse();
      assertThat(strided(memory, new long[] {0, 3}, new long[] {7, 9}).isCompact()).isTrue();
    }
  }

  private static TensorView strided(MemorySegment memory, long[] shape, long[] strides) {
    return TensorView.ofStrided(memory, DType.FLOAT32, shape, strides);
  }

  @Test
  void viewsADirectBufferAtItsPosition() {
    ByteBuffer buffer = ByteBuffer.allocateDirect(64).order(ByteOrder.nativeOrder());
    buffer.putFloat(8, 5);
    buffer.position(8);
    assertThat(TensorView.of(buffer, DType.FLOAT32, 1).toFloatArray()).containsExactly(5);
    refused(() -> TensorView.of(buffer, DType.FLOAT32, 15), "needs 60 bytes, the segment has 56");
    refused(
        () -> TensorView.of(ByteBuffer.allocate(64), DType.FLOAT32, 1),
        "a direct buffer is needed");
  }

  @Test
  void refusesWhatLiesOutsideTheSegment() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(96, 64);
      refused(
          () -> TensorView.of(memory, DType.FLOAT32, 5, 5),
          "FLOAT32[5, 5] needs 100 bytes, the segment has 96");
      refused(() -> strided(memory, new long[] {2, 3}, new long[] {23, 1}), "needs 104 bytes");
      assertThat(strided(memory, new long[] {2, 3}, new long[] {21, 1}).elementCount())
          .isEqualTo(6);
    }
  }

  @Test
  void refusesSizesThatOverflow() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(64, 64);
      refused(() -> TensorView.of(memory, DType.FLOAT32, 1L << 32, 1L << 32), "exceed 63 bits");
      refused(() -> TensorView.of(memory, DType.FLOAT32, 1L << 61), "exceed 63 bits");
      refused(
          () -> strided(memory, new long[] {2, 1}, new long[] {Long.MAX_VALUE, 1}),
          "exceed 63 bits");
      refused(
          () -> TensorView.ofAddress(64, DType.FLOAT64, Device.cuda(0), 1L << 62),
          "exceed 63 bits");
      assertThat(TensorView.of(memory, DType.FLOAT32, 1L << 62, 0, 1L << 62).elementCount())
          .isZero();
    }
  }

  @Test
  void refusesBadShapesAndPlaces() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(64, 64);
      refused(
          () -> TensorView.of(memory, DType.FLOAT32, -1), "sizes and strides must be 0 or more");
      refused(
          () -> strided(memory, new long[] {2}, new long[] {-1}),
          "sizes and strides must be 0 or more");
      refused(() -> strided(memory, new long[] {2}, new long[] {1, 1}), "do not match the shape");
      refused(
          () -> TensorView.of(memory, DType.FLOAT32, 1, 1, 1, 1, 1, 1, 1, 1, 1),
          "at most 8 dimensions");
      refused(() -> TensorView.of(memory.asSlice(2), DType.FLOAT32, 1), "a multiple of 4");
      refused(
          () -> TensorView.of(MemorySegment.ofArray(new float[4]), DType.FLOAT32, 4),
          "on the Java heap");
      refused(() -> TensorView.ofAddress(0, DType.FLOAT32, Device.CPU, 1), "at the null address");
      refused(() -> TensorView.copyOf(arena, new float[3], 2, 2), "does not have the 3 elements");
      refused(
          () -> TensorView.allocate(arena, DType.INT32, 1).toFloatArray(),
          "is not a compact FLOAT32 tensor");
      refused(
          () -> TensorView.ofAddress(64, DType.FLOAT32, Device.cuda(1), 1).toFloatArray(),
          "on cuda:1");
      refused(() -> Device.cuda(-1), "0 or more");
    }
  }

  @Test
  void readingAClosedTensorThrows() {
    TensorView view;
    try (Arena arena = Arena.ofConfined()) {
      view = TensorView.allocate(arena, DType.FLOAT32, 4);
    }
    assertThatThrownBy(view::toFloatArray).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void gridsAndGeometriesRefuseNonsense() {
    refused(() -> BevGrid.Axis.range(0, 10, 3), "a whole number of cells");
    refused(() -> BevGrid.Axis.range(51.2, -51.2, 0.8), "must have its upper end above the lower");
    refused(() -> BevGrid.Axis.range(0, 10, 0), "cells larger than 0");
    refused(() -> BevGrid.Axis.range(Double.NaN, 10, 1), "the range from NaN to 10.0 by 1.0");
    refused(() -> new BevGrid.Axis(Double.NaN, 1, 4), "an axis needs");
    LiftSplatGeometry.Builder builder = LiftSplatGeometry.builder();
    refused(builder::build, "grid must be given");
    builder.grid(LiftSplatScene.grid(1, CellRounding.TRUNC, RowAxis.Y));
    refused(builder::build, "depth must be given");
    builder.depth(4, 1, 1);
    refused(builder::build, "featureSize must be given");
    builder.featureSize(2, 3);
    refused(builder::build, "imageSize must be given");
    builder.imageSize(16, 24);
    refused(builder::build, "intrinsics (or cells) must be given");
    builder.intrinsics(new double[8]);
    refused(builder::build, "intrinsics must be [1, 1, 3, 3], got 8 values");
    refused(() -> builder.cameras(-1), "cameras must be 0 or more, got -1");
    try (Arena arena = Arena.ofConfined()) {
      builder.cells(TensorView.allocate(arena, DType.INT32, 1, 1, 4, 2, 3));
      refused(builder::build, "either matrices or cells must be given, got cells and intrinsics");
    }
  }

  static void refused(ThrowingCallable call, String message) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            BevelException.class, e -> assertThat(e.status()).isEqualTo(Status.INVALID_ARGUMENT))
        .hasMessageContaining(message);
  }
}
