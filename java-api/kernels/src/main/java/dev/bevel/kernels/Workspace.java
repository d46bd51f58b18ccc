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
 * #close} returns at once: the calls that wait and those that come later throw {@link
 * IllegalStateException}, and the end of the running one frees the memory.
 */
public final class Workspace implements AutoCloseable {
  private final ReentrantLock lock = new ReentrantLock();
  private final SharedResource life;
  private final boolean growable;
  private @Nullable Arena arena;
  private volatile @Nullable TensorView memory;

  private Workspace(@Nullable TensorView fixed, String name) {
    this.memory = fixed;
    this.growable = fixed == null;
    this.life = new SharedResource(name, this::free);
  }

  /** An empty workspace on the CPU that grows as calls need it. */
  public static Workspace cpu() {
    return cpu("the workspace");
  }

  /** An empty workspace on the CPU under another name in messages. */
  static Workspace cpu(String name) {
    return new Workspace(null, name);
  }

  /**
   * A workspace over memory of the caller, who keeps and frees it; on CUDA the only kind, because
   * calls there do not allocate.
   *
   * @param memory compact {@link DType#UINT8}, aligned to 64 bytes
   */
  public static Workspace of(TensorView memory) {
    Given.argument(memory, Workspace.class, "memory");
    if (memory.dtype() != DType.UINT8
        || !memory.isCompact()
        || memory.address() % TensorView.ALIGNMENT != 0) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          "Workspace: memory must be compact uint8 aligned to 64 bytes, got "
              + memory
              + String.format(Locale.ROOT, " at 0x%x", memory.address()));
    }
    return new Workspace(memory, "the workspace");
  }

  /** Bytes it holds now; 0 once it is closed. */
  public long byteSize() {
    TensorView current = memory;
    return current == null || life.isClosed() ? 0 : current.byteSize();
  }

  /** Frees what this workspace allocated, when no call uses it; a second call does nothing. */
  @Override
  public void close() {
    life.close();
  }

  /**
   * Reserves the workspace for a call of this thread; {@link #release} must follow.
   *
   * @throws IllegalStateException if it is closed
   */
  TensorView acquire(String operator, long bytes) {
    if (!life.acquire()) {
      throw closed(operator);
    }
    lock.lock();
    boolean held = false;
    try {
      if (life.isClosed()) {
        throw closed(operator);
      }
      TensorView view = sized(operator, bytes);
      held = true;
      return view;
    } finally {
      if (!held) {
        release();
      }
    }
  }

  void release() {
    lock.unlock();
    life.release();
  }

  private IllegalStateException closed(String operator) {
    return new IllegalStateException(operator + ": " + life.whyClosed());
  }

  private void free() {
    memory = null;
    if (arena != null) {
      NativeMemory.close(arena);
      arena = null;
    }
  }

  private TensorView sized(String operator, long bytes) {
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
      NativeMemory.close(arena);
    }
    arena = larger;
    memory = view;
    return view;
  }
}
