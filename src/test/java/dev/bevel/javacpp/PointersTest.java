package dev.bevel.javacpp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.bevel.javacpp.abi.DLTensor;
import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.DeformConv;
import dev.bevel.kernels.DeformConvInputs;
import dev.bevel.kernels.DeformConvSettings;
import dev.bevel.kernels.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.junit.jupiter.api.Test;

/** Views of pointers and pointers to views: the same memory, and no more of it than there is. */
class PointersTest {
  @Test
  void aViewShowsThePointersMemory() {
    try (FloatPointer pointer = new FloatPointer(1, 2, 3, 4, 5, 6)) {
      assertThat(Pointers.view(pointer, DType.FLOAT32, 2, 3).toFloatArray())
          .containsExactly(1, 2, 3, 4, 5, 6);
      pointer.position(4);
      TensorView rest = Pointers.view(pointer, DType.FLOAT32, 2);
      assertThat(rest.toFloatArray()).containsExactly(5, 6);
      pointer.put(9);
      assertThat(rest.toFloatArray()).containsExactly(9, 6);
      assertThatThrownBy(() -> Pointers.view(pointer, DType.FLOAT32, 3))
          .isInstanceOf(BevelException.class)
          .hasMessageContaining("needs 12 bytes, the pointer has 8");
    }
  }

  @Test
  void aPointerShowsTheViewsMemory() {
    try (Arena arena = Arena.ofConfined()) {
      TensorView view = TensorView.copyOf(arena, new float[] {1, 2, 3}, 3);
      BytePointer bytes = Pointers.pointer(view);
      assertThat(bytes.capacity()).isEqualTo(12);
      try (FloatPointer floats = bytes.getPointer(FloatPointer.class)) {
        assertThat(floats.capacity()).isEqualTo(3);
        floats.put(1, 7);
      }
      assertThat(view.toFloatArray()).containsExactly(1, 7, 3);
      TensorView gaps =
          TensorView.ofStrided(view.segment(), DType.FLOAT32, new long[] {2}, new long[] {2});
      assertThatThrownBy(() -> Pointers.pointer(gaps))
          .isInstanceOf(BevelException.class)
          .hasMessageContaining("compact");
    }
  }

  @Test
  void segmentsAndPointersShowTheSameMemory() {
    try (FloatPointer pointer = new FloatPointer(1, 2, 3, 4);
        Arena arena = Arena.ofConfined()) {
      MemorySegment segment = Pointers.segment(pointer.position(1));
      assertThat(segment.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(2, 3, 4);
      MemorySegment own = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 5, 6);
      assertThat(Pointers.pointer(own).asByteBuffer().remaining()).isEqualTo(8);
      assertThatThrownBy(() -> Pointers.pointer(MemorySegment.ofArray(new float[2])))
          .isInstanceOf(BevelException.class);
      assertThatThrownBy(() -> Pointers.segment(new BytePointer()))
          .isInstanceOf(BevelException.class)
          .hasMessageContaining("limit");
    }
  }

  @Test
  void aDescriptorDescribes() {
    try (Arena arena = Arena.ofConfined()) {
      TensorView view =
          TensorView.ofStrided(
              arena.allocate(400, 64), DType.FLOAT64, new long[] {2, 3}, new long[] {10, 2});
      try (DLTensor tensor = Pointers.descriptor(view)) {
        assertThat(tensor.data().address()).isEqualTo(view.address());
        assertThat(tensor.ndim()).isEqualTo(2);
        assertThat(tensor.dtype().bits()).isEqualTo((byte) 64);
        assertThat(tensor.dtype().lanes()).isEqualTo((short) 1);
        assertThat(tensor.shape().get(1)).isEqualTo(3);
        assertThat(tensor.strides().get(0)).isEqualTo(10);
        assertThat(tensor.device().device_type()).isEqualTo(1);
      }
      try (DLTensor compact = Pointers.descriptor(TensorView.allocate(arena, DType.INT32, 4))) {
        assertThat(compact.strides()).isNull();
      }
    }
  }

  @Test
  void closedMemoryIsNotHandedOut() {
    TensorView view;
    try (Arena arena = Arena.ofConfined()) {
      view = TensorView.allocate(arena, DType.FLOAT32, 4);
    }
    for (ThrowingCallable use :
        List.<ThrowingCallable>of(
            () -> Pointers.pointer(view),
            () -> Pointers.pointer(view.segment()),
            () -> Pointers.descriptor(view))) {
      assertThatThrownBy(use)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("its arena was closed");
    }
  }

  @Test
  void aViewKnowsWhenItsPointerIsGone() {
    for (Consumer<FloatPointer> end :
        List.<Consumer<FloatPointer>>of(
            FloatPointer::close, FloatPointer::deallocate, FloatPointer::setNull)) {
      FloatPointer pointer = ones();
      TensorView view = Pointers.view(pointer, DType.FLOAT32, 1, 8, SIZE, SIZE);
      assertThat(convolved(view)).isEqualTo(72);
      end.accept(pointer);
      for (ThrowingCallable use :
          List.<ThrowingCallable>of(
              () -> convolved(view),
              view::toFloatArray,
              () -> Pointers.view(pointer, DType.FLOAT32, 1),
              () -> Pointers.pointer(view),
              () -> Pointers.descriptor(view))) {
        assertThatThrownBy(use)
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("closed");
      }
    }
  }

  @Test
  void aPointerThatClosesDuringACallIsFreedAfterIt() throws Exception {
    for (int round = 0; round < 50; round++) {
      FloatPointer pointer = ones();
      TensorView view = Pointers.view(pointer, DType.FLOAT32, 1, 8, SIZE, SIZE);
      CountDownLatch running = new CountDownLatch(1);
      AtomicReference<Throwable> end = new AtomicReference<>();
      Thread caller =
          new Thread(
              () ->
                  end.set(
                      catchThrowable(
                          () -> {
                            for (; ; ) {
                              assertThat(convolved(view)).isEqualTo(72);
                              running.countDown();
                            }
                          })));
      caller.start();
      running.await();
      pointer.close();
      caller.join();
      assertThat(end.get())
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("input is closed: the pointer was closed");
      assertThat(pointer.isNull()).as("freed").isTrue();
    }
  }

  @Test
  void aSegmentKeepsTheMemoryOfAClosedPointer() {
    FloatPointer pointer = ones();
    MemorySegment segment = Pointers.segment(pointer);
    pointer.close();
    assertThat(segment.get(ValueLayout.JAVA_FLOAT, 4L * (8 * SIZE * SIZE - 1))).isEqualTo(1);
  }

  @Test
  void readOnlyMemoryIsNotHandedOutToBeWritten() {
    try (Arena arena = Arena.ofConfined()) {
      TensorView view = TensorView.allocate(arena, DType.FLOAT32, 4).asReadOnly();
      for (ThrowingCallable use :
          List.<ThrowingCallable>of(
              () -> Pointers.pointer(view), () -> Pointers.pointer(view.segment()))) {
        assertThatThrownBy(use)
            .isInstanceOf(BevelException.class)
            .hasMessageContaining("read-only");
      }
    }
  }

  private static final int SIZE = 96;

  /** So large that the C library gives it back to the system when it is freed. */
  private static FloatPointer ones() {
    float[] values = new float[8 * SIZE * SIZE];
    Arrays.fill(values, 1);
    return new FloatPointer(values);
  }

  /** An inner element of the sums over 8 channels and 3×3 pixels. */
  private static float convolved(TensorView input) {
    try (Arena arena = Arena.ofConfined()) {
      float[] ones = new float[4 * 8 * 9];
      Arrays.fill(ones, 1);
      TensorView out = TensorView.allocate(arena, DType.FLOAT32, 1, 4, SIZE, SIZE);
      DeformConvInputs inputs =
          new DeformConvInputs(
              input,
              TensorView.allocate(arena, DType.FLOAT32, 1, 18, SIZE, SIZE),
              null,
              TensorView.copyOf(arena, ones, 4, 8, 3, 3),
              DeformConvSettings.of(1, 1, 1));
      DeformConv.forward(inputs, out);
      return out.toFloatArray()[40 * SIZE + 40];
    }
  }
}
