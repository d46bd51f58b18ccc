package dev.bevel.javacpp;

import dev.bevel.kernels.MemoryOwner;
import org.bytedeco.javacpp.Pointer;

/**
 * A pointer as the owner of the memory that views show. While a use runs, {@code close()} and the
 * end of a {@code PointerScope} do not free it: the end of the last use does. {@code deallocate()}
 * asks nobody.
 */
final class PointerHold implements MemoryOwner {
  private final Pointer pointer;
  private final long address;

  PointerHold(Pointer pointer) {
    this.pointer = pointer;
    this.address = pointer.address();
  }

  @Override
  public boolean acquire() {
    synchronized (pointer) {
      if (pointer.isNull() || pointer.address() != address) {
        return false;
      }
      if (pointer.referenceCount() == 0) {
        // Made outside every scope: the owner's reference, which close() will give back.
        pointer.retainReference();
      }
      pointer.retainReference();
      return true;
    }
  }

  @Override
  public void release() {
    synchronized (pointer) {
      pointer.releaseReference();
    }
  }

  @Override
  public String whyClosed() {
    return "the pointer was closed, or points elsewhere now";
  }
}
