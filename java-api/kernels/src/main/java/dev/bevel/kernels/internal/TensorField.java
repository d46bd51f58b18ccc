package dev.bevel.kernels.internal;

import dev.bevel.kernels.DType;
import dev.bevel.kernels.TensorView;
import org.jspecify.annotations.Nullable;

/**
 * A {@code DLTensor*} of a params struct.
 *
 * @param offset in the outermost struct
 * @param name the argument in Java, for messages
 * @param role what the call does with it
 */
public record TensorField(long offset, String name, Role role) {
  /** What a call does with a tensor. */
  enum Role {
    /** It reads it. */
    READ,
    /** It writes it wholly. */
    WRITTEN,
    /** It reads it: bytes, 0 or not. */
    MASK_READ,
    /** It writes it: bytes, 0 or 1. */
    MASK_WRITTEN;

    private boolean isWritten() {
      return this == WRITTEN || this == MASK_WRITTEN;
    }

    private boolean isMask() {
      return this == MASK_READ || this == MASK_WRITTEN;
    }
  }

  /**
   * Names a tensor.
   *
   * @param view described in the scratch memory; null for none
   */
  public void set(Scratch scratch, @Nullable TensorView view) {
    if (view != null) {
      scratch.setLong(offset, describe(scratch, view));
    }
  }

  private long describe(Scratch scratch, TensorView view) {
    DType dtype = view.dtype();
    boolean bytes = role.isMask() && dtype == DType.BOOL;
    return scratch.describe(name, view, bytes ? DType.UINT8 : dtype, role.isWritten());
  }
}
