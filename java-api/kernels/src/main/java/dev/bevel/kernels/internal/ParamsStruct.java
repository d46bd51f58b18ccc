package dev.bevel.kernels.internal;

import dev.bevel.kernels.CallSettings;
import org.jspecify.annotations.Nullable;

/**
 * The params of one function of the C ABI that is an operator, or one pass of it. The name of the
 * function gives those of the struct and of the query of its workspace.
 */
public abstract class ParamsStruct extends CStruct {
  private final String operator;
  private @Nullable TensorField workspace;
  private @Nullable Int32 determinism;
  private @Nullable Int64 threads;

  /**
   * Begins params; their first field is their size.
   *
   * @param operator name of the function without {@code bevel_}, for example {@code msda_forward};
   *     also named in messages
   */
  ParamsStruct(String operator) {
    this("bevel_" + operator + "_params", operator);
  }

  /** Begins params of another name than the function's. */
  ParamsStruct(String name, String operator) {
    super(name, 0);
    this.operator = operator;
    int64("struct_size");
  }

  /** The tensor of the scratch memory. */
  final TensorField workspaceField() {
    TensorField field = written("workspace");
    workspace = field;
    return field;
  }

  /** How gradients are added up. */
  final void determinism() {
    determinism = int32("determinism");
  }

  /** Threads of the call. */
  final void threads() {
    threads = int64("threads");
  }

  /** Named in messages. */
  public final String operator() {
    return operator;
  }

  /** Where the call's scratch memory is named. */
  public final TensorField workspace() {
    TensorField field = workspace;
    if (field == null) {
      throw new AssertionError(operator + " has no workspace");
    }
    return field;
  }

  /**
   * Begins a call on this thread: a zeroed struct with its size and what the settings say. Loads
   * the library if that has not been done, so that the functions may be initialised.
   */
  public final Scratch begin(CallSettings settings) {
    Scratch scratch = Scratch.begin(operator, this, tensors());
    scratch.setLong(0, byteSize());
    if (threads != null) {
      threads.set(scratch, settings.threads());
    }
    if (determinism != null) {
      determinism.set(scratch, settings.determinism().value());
    }
    return scratch;
  }

  /** The operator's function: (params, stream). */
  public final NativeFunction function() {
    return NativeFunction.of("bevel_" + operator, this, tensors());
  }

  /** The query of its workspace: (params, bytes). */
  public final NativeFunction workspaceQuery() {
    return NativeFunction.of("bevel_" + operator + "_workspace", this, tensors());
  }
}
