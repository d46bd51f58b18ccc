package dev.bevel.kernels;

import dev.bevel.kernels.internal.CStruct;
import dev.bevel.kernels.internal.DlPackCalls;
import dev.bevel.kernels.internal.DlPackStructs;
import dev.bevel.kernels.internal.DlTensor;
import dev.bevel.kernels.internal.NativeLibrary;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;

/**
 * Tensors handed to other libraries by DLPack, without a copy; {@link DLPackTensor} is the other
 * direction.
 *
 * <p>Who takes a tensor calls its deleter once, from any thread. Until then the view, and with it
 * what it {@link TensorView#keeping keeps}, stays reachable, and its owner ({@link
 * TensorView#ownedBy}) is kept from freeing the memory. Memory of an arena that can be closed must
 * stay open until then: nothing can hinder its closing. (An automatic arena, {@link Arena#ofAuto},
 * stays by itself.)
 */
public final class DLPack {
  private static final int MAJOR = 1;
  private static final int MINOR = 0;
  private static final long READ_ONLY = 1;

  private DLPack() {}

  /**
   * A {@code DLManagedTensor}.
   *
   * @param view of any device; it may not be read-only, which this struct cannot tell
   * @return its address; taken over by a library, which calls the deleter
   * @throws IllegalStateException if the view's memory is closed
   */
  public static long give(TensorView view) {
    Given.argument(view, DLPack.class, "view");
    if (view.segment().isReadOnly()) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          "DLPack: view must be writable, for a DLManagedTensor cannot tell that it is not: use"
              + " giveVersioned");
    }
    DlPackStructs.Managed fields = DlPackStructs.MANAGED;
    return give(view, fields, fields.tensor, fields.deleter).address();
  }

  /**
   * A {@code DLManagedTensorVersioned} of version 1.0, flagged read-only where the view is.
   *
   * @param view of any device
   * @return its address; taken over by a library, which calls the deleter
   * @throws IllegalStateException if the view's memory is closed
   */
  public static long giveVersioned(TensorView view) {
    Given.argument(view, DLPack.class, "view");
    DlPackStructs.Versioned fields = DlPackStructs.VERSIONED;
    MemorySegment struct = give(view, fields, fields.tensor, fields.deleter);
    struct.set(ValueLayout.JAVA_INT, fields.version.major.offset(), MAJOR);
    struct.set(ValueLayout.JAVA_INT, fields.version.minor.offset(), MINOR);
    long flags = view.segment().isReadOnly() ? READ_ONLY : 0;
    struct.set(ValueLayout.JAVA_LONG, fields.flags.offset(), flags);
    return struct.address();
  }

  private static MemorySegment give(
      TensorView view, CStruct layout, DlTensor fields, CStruct.Int64 deleter) {
    NativeLibrary.require();
    MemoryOwner owner = view.memoryOwner();
    if (owner != null && !owner.acquire()) {
      throw new IllegalStateException("DLPack: view is closed: " + owner.whyClosed());
    }
    if (!view.segment().scope().isAlive()) {
      if (owner != null) {
        owner.release();
      }
      throw new IllegalStateException("DLPack: view is closed: its arena was closed");
    }
    Arena arena = Arena.ofShared();
    MemorySegment struct = arena.allocate(layout.layout());
    describe(struct, fields, view, arena);
    long function =
        DlPackCalls.deleterOf(
            struct.address(),
            () -> {
              arena.close();
              if (owner != null) {
                owner.release();
              }
              Reference.reachabilityFence(view);
            });
    struct.set(ValueLayout.JAVA_LONG, deleter.offset(), function);
    return struct;
  }

  private static void describe(
      MemorySegment struct, DlTensor fields, TensorView view, Arena arena) {
    int rank = view.rank();
    MemorySegment shape = arena.allocate(ValueLayout.JAVA_LONG, Math.max(1, rank));
    MemorySegment strides = arena.allocate(ValueLayout.JAVA_LONG, Math.max(1, rank));
    for (int i = 0; i < rank; i++) {
      shape.setAtIndex(ValueLayout.JAVA_LONG, i, view.size(i));
      strides.setAtIndex(ValueLayout.JAVA_LONG, i, view.stride(i));
    }
    struct.set(ValueLayout.JAVA_LONG, fields.data.offset(), view.address());
    struct.set(ValueLayout.JAVA_INT, fields.device.type.offset(), view.device().type().value());
    struct.set(ValueLayout.JAVA_INT, fields.device.id.offset(), view.device().index());
    struct.set(ValueLayout.JAVA_INT, fields.ndim.offset(), rank);
    struct.set(ValueLayout.JAVA_BYTE, fields.dtype.code, (byte) view.dtype().code());
    struct.set(ValueLayout.JAVA_BYTE, fields.dtype.bits, (byte) view.dtype().bits());
    struct.set(ValueLayout.JAVA_SHORT, fields.dtype.lanes, (short) 1);
    struct.set(ValueLayout.JAVA_LONG, fields.shape.offset(), shape.address());
    struct.set(ValueLayout.JAVA_LONG, fields.strides.offset(), strides.address());
  }
}
