package dev.bevel.kernels;

import dev.bevel.kernels.internal.NativeMemory;
import java.lang.foreign.Arena;
import java.util.Locale;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Scratch memory of operators, reused from call to call. One on the CPU grows to the largest size
 * asked of it; one over caller's memory ({@link #of}) has a fixed size.
 *
 * <p>May be used from any thread; calls that share a workspace run one after the other. {@link
 * #close} waits for a running call, and a closed workspace throws.
 */
public final class Workspace implements AutoCloseable {
  private final ReentrantLock lock = new ReentrantLock();
  private final boolean growable;
  private @Nullable Arena arena;
  private @Nullable TensorView memory;
  private boolean closed;

  private Workspace(@Nullable TensorView fixed) {
    this.memory = fixed;
    this.growable = fixed == null;
  }

  /** An empty workspace on the CPU that grows as calls need it. */
  public static Workspace cpu() {
    return new Workspace(null);
  }

  /**
   * A workspace over memory of the caller, who keeps and frees it; on CUDA the only kind, because
   * calls there do not allocate.
   *
   * @param memory compact {@link DType#UINT8}, aligned to 64 bytes
   */
  public static Workspace of(TensorView memory) {
    if (memory.dtype() != DType.UINT8
        || !memory.isCompact()
        || memory.address() % TensorView.ALIGNMENT != 0) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          "Workspace: memory must be compact uint8 aligned to 64 bytes, got "
              + memory
              + String.format(Locale.ROOT, " at 0x%x", memory.address()));
    }
    return new Workspace(memory);
  }

  /** Bytes it holds now. */
  public long byteSize() {
    lock.lock();
    try {
      return memory == null ? 0 : memory.byteSize();
    } finally {
      lock.unlock();
    }
  }

  /** Frees what this workspace allocated; a second call does nothing. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      memory = null;
      if (arena != null) {
        arena.close();
        arena = null;
      }
    } finally {
      lock.unlock();
    }
  }

  /** Reserves the workspace for a call of this thread; {@link #release} must follow. */
  TensorView acquire(String operator, long bytes) {
    lock.lock();
    boolean held = false;
    try {
      TensorView view = sized(operator, bytes);
      held = true;
      return view;
    } finally {
      if (!held) {
        lock.unlock();
      }
    }
  }

  void release() {
    lock.unlock();
  }

  private TensorView sized(String operator, long bytes) {
    if (closed) {
      throw new IllegalStateException(operator + ": the workspace is closed");
    }
    TensorView current = memory;
    if (current != null && current.byteSize() >= bytes) {
      return current;
    }
    if (!growable) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          operator + ": workspace must have " + bytes + " bytes or more, got " + byteSize());
    }
    Arena larger = Arena.ofShared();
    long size = Math.max(bytes, TensorView.ALIGNMENT);
    TensorView view =
        TensorView.of(NativeMemory.allocate(larger, size, operator), DType.UINT8, size);
    if (arena != null) {
      arena.close();
    }
    arena = larger;
    memory = view;
    return view;
  }
}
