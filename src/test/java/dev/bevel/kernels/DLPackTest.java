package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.kernels.internal.DlPackStructs;
import dev.bevel.kernels.internal.DlTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tensors from and to other libraries; the other library is played by this test. */
class DLPackTest {
  private static final DlPackStructs.Managed MANAGED = DlPackStructs.MANAGED;
  private static final DlPackStructs.Versioned VERSIONED = DlPackStructs.VERSIONED;

  /** Calls of the deleter of {@link #foreign}, by the address that it was called with. */
  private static final List<Long> DELETED = new ArrayList<>();

  @SuppressWarnings("unused") // called from native code
  private static void deleted(MemorySegment struct) {
    synchronized (DELETED) {
      DELETED.add(struct.address());
    }
  }

  private static long deletions(long address) {
    synchronized (DELETED) {
      return DELETED.stream().filter(each -> each == address).count();
    }
  }

  @SuppressWarnings("restricted") // a deleter is a native function
  private static MemorySegment deleter(Arena arena) throws ReflectiveOperationException {
    MethodHandle target =
        MethodHandles.lookup()
            .findStatic(
                DLPackTest.class,
                "deleted",
                MethodType.methodType(void.class, MemorySegment.class));
    return Linker.nativeLinker()
        .upcallStub(target, FunctionDescriptor.ofVoid(ValueLayout.ADDRESS), arena);
  }

  /** Another library's float32 [2, 3] of 0.5, 1.5, .. whose columns lie one after the other. */
  private static MemorySegment foreign(Arena arena, boolean versioned) throws Exception {
    MemorySegment struct = arena.allocate(versioned ? VERSIONED.layout() : MANAGED.layout());
    synchronized (DELETED) { // of a tensor that lay at this address before
      DELETED.removeIf(each -> each == struct.address());
    }
    DlTensor tensor = versioned ? VERSIONED.tensor : MANAGED.tensor;
    // byte_offset leads past a number that is no element.
    MemorySegment data =
        arena.allocateFrom(ValueLayout.JAVA_FLOAT, -1, 0.5f, 3.5f, 1.5f, 4.5f, 2.5f, 5.5f);
    set(struct, tensor.data.offset(), data.address());
    set(struct, tensor.byteOffset.offset(), 4);
    struct.set(ValueLayout.JAVA_INT, tensor.device.type.offset(), 1);
    struct.set(ValueLayout.JAVA_INT, tensor.ndim.offset(), 2);
    struct.set(ValueLayout.JAVA_BYTE, tensor.dtype.code, (byte) 2);
    struct.set(ValueLayout.JAVA_BYTE, tensor.dtype.bits, (byte) 32);
    struct.set(ValueLayout.JAVA_SHORT, tensor.dtype.lanes, (short) 1);
    set(struct, tensor.shape.offset(), longs(arena, 2, 3));
    set(struct, tensor.strides.offset(), longs(arena, 1, 2));
    long deleter = versioned ? VERSIONED.deleter.offset() : MANAGED.deleter.offset();
    set(struct, deleter, deleter(arena).address());
    if (versioned) {
      struct.set(ValueLayout.JAVA_INT, VERSIONED.version.major.offset(), 1);
      struct.set(ValueLayout.JAVA_INT, VERSIONED.version.minor.offset(), 7);
    }
    return struct;
  }

  private static void set(MemorySegment struct, long offset, long value) {
    struct.set(ValueLayout.JAVA_LONG, offset, value);
  }

  private static long longs(Arena arena, long... values) {
    return arena.allocateFrom(ValueLayout.JAVA_LONG, values).address();
  }

  private static DLPackTensor take(MemorySegment struct, boolean versioned) {
    return versioned
        ? DLPackTensor.takeVersioned(struct.address())
        : DLPackTensor.take(struct.address());
  }

  /** Warps of a map that is not moved: it is read. */
  private static float[] read(Arena arena, TensorView map) {
    TensorView matrices = TensorView.copyOf(arena, new float[] {1, 0, 0, 0, 1, 0}, 1, 2, 3);
    BevWarpInputs inputs =
        new BevWarpInputs(map, WarpPositions.matrices(matrices, WarpCoordinates.PIXELS));
    TensorView out = BevWarp.allocateOut(inputs);
    BevWarp.forward(inputs, out);
    return out.toFloatArray();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aForeignTensorIsReadAndDeletedOnce(boolean versioned) throws Exception {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = foreign(arena, versioned);
      DLPackTensor tensor = take(struct, versioned);
      TensorView view = tensor.view();
      assertThat(view).hasToString("float32[2, 3] on cpu with strides [1, 2]");
      assertThat(view.segment().isReadOnly()).isFalse();
      TensorView flat =
          TensorView.ofAddress(view.address(), DType.FLOAT32, Device.CPU, 1, 1, 2, 3)
              .ownedBy(Objects.requireNonNull(view.memoryOwner()));
      assertThat(read(arena, flat)).containsExactly(0.5f, 3.5f, 1.5f, 4.5f, 2.5f, 5.5f);
      assertThat(deletions(struct.address())).isZero();
      tensor.close();
      tensor.close();
      assertThat(deletions(struct.address())).isOne();
      assertThatThrownBy(() -> read(arena, flat))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("input is closed: DLPackTensor: the tensor is closed");
    }
  }

  @Test
  void closingLeavesTheDeleterToARunningUse() throws Exception {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment struct = foreign(arena, false);
      DLPackTensor tensor = take(struct, false);
      MemoryOwner owner = tensor.view().memoryOwner();
      assertThat(owner).isNotNull();
      if (owner != null) {
        assertThat(owner.acquire()).isTrue();
        tensor.close();
        assertThat(deletions(struct.address())).isZero();
        assertThat(owner.acquire()).isFalse();
        Thread user = new Thread(owner::release);
        user.start();
        user.join();
      }
      assertThat(deletions(struct.address())).isOne();
    }
  }

  @Test
  void whatCannotBeTakenIsLeftToTheCaller() throws Exception {
    try (Arena arena = Arena.ofConfined()) {
      refused(() -> DLPackTensor.take(0), "the address of a managed tensor must be given, got 0");
      MemorySegment struct = foreign(arena, false);
      DlTensor fields = MANAGED.tensor;
      struct.set(ValueLayout.JAVA_INT, fields.device.type.offset(), 7);
      refused(() -> take(struct, false), "devices are of type 1 (CPU), 2 (CUDA) and 3");
      struct.set(ValueLayout.JAVA_INT, fields.device.type.offset(), 1);
      struct.set(ValueLayout.JAVA_SHORT, fields.dtype.lanes, (short) 4);
      refused(() -> take(struct, false), "no dtype has code 2, 32 bits and 4 lanes");
      struct.set(ValueLayout.JAVA_SHORT, fields.dtype.lanes, (short) 1);
      for (int rank : new int[] {-1, 9, Integer.MAX_VALUE}) {
        struct.set(ValueLayout.JAVA_INT, fields.ndim.offset(), rank);
        refused(() -> take(struct, false), "a tensor has 0 to 8 dimensions, got " + rank);
      }
      struct.set(ValueLayout.JAVA_INT, fields.ndim.offset(), 2);
      long data = struct.get(ValueLayout.JAVA_LONG, fields.data.offset());
      set(struct, fields.data.offset(), 0); // its byte_offset of 4 makes no memory of it
      refused(() -> take(struct, false), "at the null address");
      set(struct, fields.data.offset(), data);
      set(struct, fields.byteOffset.offset(), -8);
      refused(() -> take(struct, false), "a tensor must lie within memory, got a byte_offset of");
      set(struct, fields.byteOffset.offset(), 4);
      set(struct, fields.strides.offset(), longs(arena, 1, -2));
      refused(() -> take(struct, false), "sizes and strides must be 0 or more");
      set(struct, fields.shape.offset(), 0);
      refused(() -> take(struct, false), "a tensor of 2 dimensions must have a shape");
      MemorySegment future = foreign(arena, true);
      future.set(ValueLayout.JAVA_INT, VERSIONED.version.major.offset(), 2);
      refused(() -> take(future, true), "DLPack of major version 1 is known, got 2");
      assertThat(deletions(struct.address()) + deletions(future.address())).isZero();
    }
  }

  private static void refused(Runnable call, String message) {
    assertThatThrownBy(call::run).isInstanceOf(BevelException.class).hasMessageContaining(message);
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void whatIsGivenIsWhatIsTaken(DType dtype) {
    try (Arena arena = Arena.ofConfined()) {
      TensorView wide = TensorView.allocate(arena, dtype, 4, 6);
      TensorView part =
          TensorView.ofStrided(wide.segment(), dtype, new long[] {2, 3}, new long[] {12, 2});
      for (TensorView view : List.of(wide, part, TensorView.allocate(arena, dtype))) {
        try (DLPackTensor managed = DLPackTensor.take(DLPack.give(view));
            DLPackTensor versioned = DLPackTensor.takeVersioned(DLPack.giveVersioned(view))) {
          for (TensorView taken : List.of(managed.view(), versioned.view())) {
            assertThat(taken.address()).isEqualTo(view.address());
            assertThat(taken.dtype()).isEqualTo(dtype);
            assertThat(taken.shape()).isEqualTo(view.shape());
            assertThat(taken.isCompact()).isEqualTo(view.isCompact());
            assertThat(taken.segment().isReadOnly()).isFalse();
          }
        }
      }
      TensorView readOnly = wide.asReadOnly();
      refused(() -> DLPack.give(readOnly), "DLPack: view must be writable");
      try (DLPackTensor taken = DLPackTensor.takeVersioned(DLPack.giveVersioned(readOnly))) {
        assertThat(taken.view().segment().isReadOnly()).isTrue();
      }
    }
  }

  /** The owner of what was given is held until the deleter, once, whoever calls that and where. */
  @Test
  void theOwnerIsHeldUntilTheDeleter() throws Exception {
    AtomicInteger freed = new AtomicInteger();
    Arena memory = Arena.ofShared();
    SharedResource owner =
        new SharedResource(
            "the test's memory",
            () -> {
              freed.incrementAndGet();
              memory.close();
            });
    TensorView view = TensorView.copyOf(memory, new float[] {1, 2, 3}, 1, 1, 1, 3).ownedBy(owner);
    DLPackTensor taken = DLPackTensor.take(DLPack.give(view));
    owner.close();
    assertThat(freed).hasValue(0);
    try (Arena arena = Arena.ofConfined()) {
      assertThat(read(arena, taken.view())).containsExactly(1, 2, 3);
    }
    CountDownLatch closed = new CountDownLatch(1);
    Thread other =
        new Thread(
            () -> {
              taken.close();
              taken.close();
              closed.countDown();
            });
    other.start();
    closed.await();
    assertThat(freed).hasValue(1);
    assertThatThrownBy(() -> DLPack.give(view))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("DLPack: view is closed: the test's memory is closed");
    TensorView gone = TensorView.of(memorySegment(), DType.FLOAT32, 3);
    assertThatThrownBy(() -> DLPack.giveVersioned(gone))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("DLPack: view is closed: its arena was closed");
  }

  private static MemorySegment memorySegment() {
    try (Arena arena = Arena.ofConfined()) {
      return arena.allocate(64, 64);
    }
  }
}
