package dev.bevel.kernels;

import dev.bevel.kernels.internal.NativeMemory;
import dev.bevel.kernels.internal.Scratch;
import java.lang.foreign.Arena;
import java.util.Locale;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Scratch memory of operators. One on the CPU grows to the largest size asked of it and is reused
 * from call to call; one over caller's memory ({@link #of}) has a fixed size; one that is made anew
 * for each call ({@link #from}) has whatever the call needs. Calls on the CPU need none: they take
 * memory that the library keeps.
 *
 * <p>May be used from any thread; calls that share a workspace run one after the other. {@link
 * #close} returns at once: the calls that wait and those that come later throw {@link
 * IllegalStateException}, and the end of the running one frees the memory.
 */
public final class Workspace implements AutoCloseable {
  /** After so many calls it is asked whether the memory is much larger than these needed. */
  private static final int CALLS_TO_JUDGE_BY = 64;

  private static final long SMALL = 1L << 20;

  private final ReentrantLock lock = new ReentrantLock();
  private final SharedResource life;
  private final boolean growable;
  private final @Nullable LongFunction<TensorView> allocator;
  private @Nullable Arena arena;
  private volatile @Nullable TensorView memory;

  /** Calls since {@link #mostNeeded} was 0. Both belong to who holds the lock. */
  private int calls;

  private long mostNeeded;

  private Workspace(@Nullable TensorView fixed, @Nullable LongFunction<TensorView> allocator) {
    this.memory = fixed;
    this.allocator = allocator;
    this.growable = fixed == null && allocator == null;
    this.life = new SharedResource("the workspace", this::free);
  }

  /** An empty workspace on the CPU that grows as calls need it. */
  public static Workspace cpu() {
    return new Workspace(null, null);
  }

  /**
   * A workspace over memory of the caller, who keeps and frees it.
   *
   * @param memory compact {@link DType#UINT8}, aligned to 64 bytes, on the device of the calls
   */
  public static Workspace of(TensorView memory) {
    Given.argument(memory, Workspace.class, "memory");
    requireScratch("Workspace: memory", memory);
    return new Workspace(memory, null);
  }

  /**
   * A workspace that takes its memory, for each call anew, from an allocator of the caller: with a
   * framework on CUDA, whose allocator keeps memory and knows streams. The call says what it needs,
   * so that nobody has to ask for {@code workspaceBytes} before.
   *
   * <pre>{@code
   * settings.withStream(stream).withWorkspace(Workspace.from(bytes -> scratchOf(framework, bytes)))
   * }</pre>
   *
   * @param allocator from a number of bytes, 64 or more, to compact {@link DType#UINT8} of so many
   *     or more, aligned to 64 bytes, on the device of the call. Runs on the thread of the call,
   *     and calls no operator. Bevel lets go of the memory when the call returns: on CUDA the work
   *     may then still be waiting in its stream, and the allocator must give the memory out again
   *     in that stream's order only
   */
  public static Workspace from(LongFunction<TensorView> allocator) {
    Given.argument(allocator, Workspace.class, "allocator");
    return new Workspace(null, allocator);
  }

  private static void requireScratch(String what, TensorView memory) {
    if (memory.dtype() != DType.UINT8
        || !memory.isCompact()
        || memory.address() % TensorView.ALIGNMENT != 0) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          what
              + " must be compact uint8 aligned to 64 bytes, got "
              + memory
              + String.format(Locale.ROOT, " at 0x%x", memory.address()));
    }
  }

  /** Bytes it holds now: 0 once it is closed, and always where an allocator gives them. */
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

  /**
   * Whether the last calls, many of them, needed less than an eighth of memory that is not small
   * anyway. Asked once after every call, by the one who made it.
   */
  boolean isMuchLargerThanNeeded() {
    if (calls < CALLS_TO_JUDGE_BY) {
      return false;
    }
    boolean much = byteSize() > Math.max(SMALL, 8 * mostNeeded);
    calls = 0;
    mostNeeded = 0;
    return much;
  }

  void release() {
    lock.unlock();
    life.release();
  }

  private IllegalStateException closed(String operator) {
    return new IllegalStateException(operator + ": " + life.whyClosed());
  }

  private String kind() {
    return allocator != null ? "allocated" : growable ? "growable" : "fixed";
  }

  private void free() {
    memory = null;
    if (arena != null) {
      NativeMemory.close(arena);
      arena = null;
    }
  }

  private TensorView sized(String operator, long bytes) {
    calls++;
    mostNeeded = Math.max(mostNeeded, bytes);
    if (allocator != null) {
      return allocated(operator, allocator, Math.max(bytes, TensorView.ALIGNMENT));
    }
    TensorView current = memory;
    if (current != null && current.byteSize() >= bytes) {
      return current;
    }
    if (!growable) {
      throw tooSmall(operator, bytes, byteSize());
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

  private static TensorView allocated(
      String operator, LongFunction<TensorView> allocator, long bytes) {
    @Nullable TensorView view = Scratch.callBack(allocator, bytes);
    if (view == null) {
      throw new NullPointerException(operator + ": the workspace's allocator returned null");
    }
    requireScratch(operator + ": the workspace's memory", view);
    if (view.byteSize() < bytes) {
      throw tooSmall(operator, bytes, view.byteSize());
    }
    return view;
  }

  private static BevelException tooSmall(String operator, long bytes, long got) {
    return new BevelException(
        Status.INVALID_ARGUMENT,
        operator + ": workspace must have " + bytes + " bytes or more, got " + got);
  }

  /** Its kind and its size now. */
  @Override
  public String toString() {
    return Described.as(
        Workspace.class, "kind", life.isClosed() ? "closed" : kind(), "bytes", byteSize());
  }
}
