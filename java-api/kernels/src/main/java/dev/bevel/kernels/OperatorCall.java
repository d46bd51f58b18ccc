package dev.bevel.kernels;

import dev.bevel.kernels.internal.NativeFunction;
import dev.bevel.kernels.internal.NativeLibrary;
import dev.bevel.kernels.internal.Scratch;
import java.lang.foreign.StructLayout;
import java.lang.ref.Reference;
import org.jspecify.annotations.Nullable;

/**
 * The arguments of one call of an operator, set one by one; this is what those of all operators
 * have in common. An object may be used for any number of calls, and changed between them.
 *
 * <p>Not safe for use by several threads while it is being set up.
 *
 * @param <C> the class itself
 */
public abstract class OperatorCall<C extends OperatorCall<C>> {
  private final String operator;
  private long stream;
  private int threads;

  /**
   * Loads the library if that has not been done: whatever holds {@link NativeFunction}s may be
   * initialised once there are arguments to call them with.
   *
   * @param operator named in errors
   */
  OperatorCall(String operator) {
    NativeLibrary.require();
    this.operator = operator;
  }

  /**
   * The CUDA stream that the work is enqueued on.
   *
   * @param cudaStream a {@code cudaStream_t}; 0, which it is if not called, is the default stream
   *     and the only one on the CPU
   */
  public final C stream(long cudaStream) {
    stream = cudaStream;
    return self();
  }

  /**
   * Threads of this call on the CPU, in place of {@link Bevel#threads()}. Results do not depend on
   * it, not even in the last bit. A workspace of a fixed size that holds fewer threads' memory runs
   * the call on as many as fit.
   *
   * @param count 1 to 4096, checked when the call is run; 0, which it is if not called, is {@link
   *     Bevel#threads()}
   */
  public final C threads(int count) {
    threads = count;
    return self();
  }

  /**
   * Begins a params struct: its size, and its last field, which is {@code threads} in all of them.
   *
   * @return its place in the scratch memory
   */
  final long params(Scratch scratch, StructLayout layout) {
    long params = scratch.struct(layout);
    scratch.setLong(params + layout.byteSize() - Long.BYTES, threads);
    return params;
  }

  /**
   * Writes the params struct with the tensors' descriptors.
   *
   * @param scratch takes them
   * @param workspace memory for a {@link WorkspaceCall}; null for others, and where only its size
   *     is asked for
   * @return the struct's address
   */
  abstract long write(Scratch scratch, @Nullable TensorView workspace);

  /** Calls an operator that needs no workspace. */
  static void run(OperatorCall<?> call, NativeFunction function) {
    run(call, function, null);
  }

  /**
   * Calls the operator. Small, like all that it calls, so that the JIT compiler inlines it and
   * knows the function.
   */
  static void run(OperatorCall<?> call, NativeFunction function, @Nullable TensorView workspace) {
    try (Scratch scratch = Scratch.begin(call.operator, function.tensors())) {
      function.call(scratch, call.write(scratch, workspace), call.stream);
    } finally {
      Reference.reachabilityFence(call);
    }
  }

  final String operator() {
    return operator;
  }

  @SuppressWarnings("unchecked") // C is the class itself
  final C self() {
    return (C) this;
  }
}
