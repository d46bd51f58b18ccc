package dev.bevel.kernels;

import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The workspaces of calls on the CPU that bring none: one for each call that runs at a time, so
 * that no call waits for another's, kept for later calls. A thread looks first where it left one,
 * so that a thread alone uses the same memory again and again.
 *
 * <p>There are at most as many as {@link #SLOTS}; what further calls make is freed at their end. A
 * workspace that calls have needed little of for long is freed too ({@link
 * Workspace#isMuchLargerThanNeeded}).
 */
final class WorkspacePool {
  /** More than the calls that can make progress at a time on this machine; a power of two. */
  static final int SLOTS =
      Math.max(8, Integer.highestOneBit(4 * Runtime.getRuntime().availableProcessors() - 1));

  private static final AtomicReferenceArray<@Nullable Workspace> IDLE =
      new AtomicReferenceArray<>(SLOTS);

  private WorkspacePool() {}

  /** A workspace that no other call has; {@link #giveBack} must follow. */
  static Workspace take() {
    int first = slotOfThread();
    for (int i = 0; i < SLOTS; i++) {
      int slot = (first + i) & (SLOTS - 1);
      if (IDLE.getOpaque(slot) != null) {
        Workspace idle = IDLE.getAndSet(slot, null);
        if (idle != null) {
          return idle;
        }
      }
    }
    return Workspace.cpu();
  }

  /** Keeps a workspace for later calls. */
  static void giveBack(Workspace workspace) {
    if (!workspace.isMuchLargerThanNeeded()) {
      int first = slotOfThread();
      for (int i = 0; i < SLOTS; i++) {
        int slot = (first + i) & (SLOTS - 1);
        if (IDLE.getOpaque(slot) == null && IDLE.compareAndSet(slot, null, workspace)) {
          return;
        }
      }
    }
    workspace.close();
  }

  /** Frees the workspaces that no call is using. */
  static void freeIdle() {
    for (int slot = 0; slot < SLOTS; slot++) {
      Workspace idle = IDLE.getAndSet(slot, null);
      if (idle != null) {
        idle.close();
      }
    }
  }

  /** Bytes of the workspaces that no call is using. */
  static long idleBytes() {
    long bytes = 0;
    for (int slot = 0; slot < SLOTS; slot++) {
      Workspace idle = IDLE.get(slot);
      bytes += idle == null ? 0 : idle.byteSize();
    }
    return bytes;
  }

  private static int slotOfThread() {
    return (int) Thread.currentThread().threadId() & (SLOTS - 1);
  }
}
