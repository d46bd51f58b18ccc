package dev.bevel.kernels;

/**
 * Whose the memory of a {@link TensorView} is, and whether it is still there. Every use of a view
 * begins with {@link #acquire} and ends with {@link #release}; in between the memory stays.
 *
 * <p>Safe for use by several threads, and without blocking.
 */
public interface MemoryOwner {
  /**
   * Begins a use of the memory.
   *
   * @return false if the memory was freed or is to be; {@link #release} must not follow then
   */
  boolean acquire();

  /** Ends a use; the last one frees the memory if it was closed meanwhile. */
  void release();

  /** What became of the memory, after "is closed: " in messages, where {@link #acquire} failed. */
  String whyClosed();
}
