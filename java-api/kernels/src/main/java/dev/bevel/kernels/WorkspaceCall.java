package dev.bevel.kernels;

import dev.bevel.kernels.internal.NativeFunction;
import dev.bevel.kernels.internal.Scratch;
import java.lang.ref.Reference;
import org.jspecify.annotations.Nullable;

/**
 * Arguments of a call that needs scratch memory.
 *
 * @param <C> the class itself
 */
public abstract class WorkspaceCall<C extends WorkspaceCall<C>> extends OperatorCall<C> {
  private @Nullable Workspace workspace;

  WorkspaceCall(String operator) {
    super(operator);
  }

  /**
   * Scratch memory. On CUDA it must be given. On the CPU, if this is not called, lift-splat uses
   * its plan's own and other operators allocate some for the call: where calls are many, keep one.
   *
   * @param scratchMemory of the operator's {@code workspaceBytes} or more, or growable ({@link
   *     Workspace#cpu})
   */
  public final C workspace(Workspace scratchMemory) {
    workspace = Given.argument(scratchMemory, getClass(), "scratchMemory");
    return self();
  }

  /** Where the call works. */
  abstract Device device();

  /** The operator's own workspace on the CPU, for calls that bring none; null if it has none. */
  @Nullable Workspace ownWorkspace() {
    return null;
  }

  /** Calls the operator with a workspace of the size that {@code query} tells. */
  static void run(WorkspaceCall<?> call, NativeFunction query, NativeFunction function) {
    Workspace kept = call.workspace != null ? call.workspace : call.ownWorkspaceOnCpu();
    if (kept != null) {
      runIn(kept, call, query, function);
      return;
    }
    try (Workspace temporary = Workspace.cpu()) {
      runIn(temporary, call, query, function);
    }
  }

  private static void runIn(
      Workspace workspace, WorkspaceCall<?> call, NativeFunction query, NativeFunction function) {
    TensorView memory = workspace.acquire(call.operator(), workspaceBytes(call, query));
    try {
      run(call, function, memory);
    } finally {
      workspace.release();
    }
  }

  /** The size of the workspace that a call needs. */
  static long workspaceBytes(WorkspaceCall<?> call, NativeFunction query) {
    try (Scratch scratch = Scratch.begin(call.operator(), query.tensors())) {
      long bytes = scratch.longs(1);
      query.call(scratch, call.write(scratch, null), scratch.address(bytes));
      return scratch.getLong(bytes);
    } finally {
      Reference.reachabilityFence(call);
    }
  }

  private @Nullable Workspace ownWorkspaceOnCpu() {
    if (device().isCuda()) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          operator()
              + ": a call on CUDA needs a workspace: pass Workspace.of(uint8 tensor on "
              + device()
              + ")");
    }
    return ownWorkspace();
  }
}
