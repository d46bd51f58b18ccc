package dev.bevel.kernels;

/** The owner of memory that is there while both its owners have it. */
record BothOwners(MemoryOwner first, MemoryOwner second) implements MemoryOwner {
  @Override
  public boolean acquire() {
    if (!first.acquire()) {
      return false;
    }
    if (second.acquire()) {
      return true;
    }
    first.release();
    return false;
  }

  @Override
  public void release() {
    second.release();
    first.release();
  }

  @Override
  public String whyClosed() {
    if (!first.acquire()) {
      return first.whyClosed();
    }
    first.release();
    return second.whyClosed();
  }
}
