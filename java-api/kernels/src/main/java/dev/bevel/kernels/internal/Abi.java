package dev.bevel.kernels.internal;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.Status;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;

/**
 * The functions of the C ABI.
 *
 * <p>A call that touches tensors passes, after the C function's two arguments, the segments of its
 * tensors. The C function does not see them (in every 64-bit calling convention the caller owns
 * surplus arguments); the linker does, and keeps their arenas from being closed until the call
 * returns. Without that, {@code Arena.close()} on another thread would free memory under a running
 * kernel.
 */
@SuppressWarnings("restricted")
public final class Abi {
  private static final Linker LINKER = Linker.nativeLinker();

  private static final MethodHandle LAST_ERROR =
      bind(
          "bevel_last_error",
          FunctionDescriptor.of(
              ADDRESS.withTargetLayout(MemoryLayout.sequenceLayout(Long.MAX_VALUE, JAVA_BYTE))));
  private static final MethodHandle GET_INSTRUCTION_SET =
      bind("bevel_get_instruction_set", FunctionDescriptor.of(JAVA_INT));
  private static final MethodHandle SET_INSTRUCTION_SET =
      bind("bevel_set_instruction_set", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final MethodHandle GET_NUM_THREADS =
      bind("bevel_get_num_threads", FunctionDescriptor.of(JAVA_INT));
  private static final MethodHandle SET_NUM_THREADS =
      bind("bevel_set_num_threads", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final MethodHandle GET_CAPABILITIES =
      bind("bevel_get_capabilities", FunctionDescriptor.of(JAVA_INT, JAVA_LONG));
  private static final MethodHandle SET_CUDA_LIBRARY =
      bind("bevel_set_cuda_library", FunctionDescriptor.of(JAVA_INT, ADDRESS));

  private static final MethodHandle PLAN_SIZE =
      bind(
          "bevel_lift_splat_plan_size",
          FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle PLAN_BUILD = holding("bevel_lift_splat_plan_build", 2);
  private static final MethodHandle PLAN_READ_INFO = holding("bevel_lift_splat_plan_read_info", 3);
  private static final MethodHandle POINTS = holding("bevel_lift_splat_points", 2);
  private static final MethodHandle CELLS = holding("bevel_lift_splat_cells", 2);
  private static final MethodHandle FORWARD_WORKSPACE =
      holding("bevel_lift_splat_forward_workspace", 2);
  private static final MethodHandle FORWARD = holding("bevel_lift_splat_forward", 2);
  private static final MethodHandle BACKWARD_WORKSPACE =
      holding("bevel_lift_splat_backward_workspace", 2);
  private static final MethodHandle BACKWARD = holding("bevel_lift_splat_backward", 2);
  private static final MethodHandle POOL_FORWARD = holding("bevel_bev_pool_forward", 2);
  private static final MethodHandle POOL_BACKWARD_WORKSPACE =
      holding("bevel_bev_pool_backward_workspace", 2);
  private static final MethodHandle POOL_BACKWARD = holding("bevel_bev_pool_backward", 2);

  private Abi() {}

  static int instructionSet() {
    return intOf(GET_INSTRUCTION_SET);
  }

  static int threads() {
    return intOf(GET_NUM_THREADS);
  }

  static void instructionSet(int value) {
    set(SET_INSTRUCTION_SET, value);
  }

  static void threads(int count) {
    set(SET_NUM_THREADS, count);
  }

  static void capabilities(long struct) {
    try {
      check((int) GET_CAPABILITIES.invokeExact(struct));
    } catch (Throwable failure) {
      throw rethrow(failure);
    }
  }

  static void cudaLibrary(MemorySegment path) {
    try {
      check((int) SET_CUDA_LIBRARY.invokeExact(path));
    } catch (Throwable failure) {
      throw rethrow(failure);
    }
  }

  /** {@code bevel_lift_splat_plan_size}. */
  public static void planSize(long params, int deviceType, long planElements, long workspaceBytes) {
    try {
      check((int) PLAN_SIZE.invokeExact(params, deviceType, planElements, workspaceBytes));
    } catch (Throwable failure) {
      throw rethrow(failure);
    }
  }

  /** {@code bevel_lift_splat_plan_read_info}. */
  public static void planReadInfo(Scratch scratch, long plan, long info, long stream) {
    try {
      check((int) PLAN_READ_INFO.invokeExact(plan, info, stream, scratch.held()));
    } catch (Throwable failure) {
      throw rethrow(failure);
    }
  }

  /** {@code bevel_lift_splat_plan_build}. */
  public static void planBuild(Scratch scratch, long params, long stream) {
    call(PLAN_BUILD, params, stream, scratch);
  }

  /** {@code bevel_lift_splat_points}. */
  public static void points(Scratch scratch, long geometry, long points) {
    call(POINTS, geometry, points, scratch);
  }

  /** {@code bevel_lift_splat_cells}. */
  public static void cells(Scratch scratch, long geometry, long cells) {
    call(CELLS, geometry, cells, scratch);
  }

  /** {@code bevel_lift_splat_forward_workspace}. */
  public static void forwardWorkspace(Scratch scratch, long params, long bytes) {
    call(FORWARD_WORKSPACE, params, bytes, scratch);
  }

  /** {@code bevel_lift_splat_forward}. */
  public static void forward(Scratch scratch, long params, long stream) {
    call(FORWARD, params, stream, scratch);
  }

  /** {@code bevel_lift_splat_backward_workspace}. */
  public static void backwardWorkspace(Scratch scratch, long params, long bytes) {
    call(BACKWARD_WORKSPACE, params, bytes, scratch);
  }

  /** {@code bevel_lift_splat_backward}. */
  public static void backward(Scratch scratch, long params, long stream) {
    call(BACKWARD, params, stream, scratch);
  }

  /** {@code bevel_bev_pool_forward}. */
  public static void poolForward(Scratch scratch, long params, long stream) {
    call(POOL_FORWARD, params, stream, scratch);
  }

  /** {@code bevel_bev_pool_backward_workspace}. */
  public static void poolBackwardWorkspace(Scratch scratch, long params, long bytes) {
    call(POOL_BACKWARD_WORKSPACE, params, bytes, scratch);
  }

  /** {@code bevel_bev_pool_backward}. */
  public static void poolBackward(Scratch scratch, long params, long stream) {
    call(POOL_BACKWARD, params, stream, scratch);
  }

  /**
   * Small enough to be inlined, so that the handle is a constant to the JIT compiler at every use.
   */
  private static void call(MethodHandle function, long first, long second, Scratch scratch) {
    try {
      check((int) function.invokeExact(first, second, scratch.held()));
    } catch (Throwable failure) {
      throw rethrow(failure);
    }
  }

  private static int intOf(MethodHandle function) {
    try {
      return (int) function.invokeExact();
    } catch (Throwable failure) {
      throw rethrow(failure);
    }
  }

  private static void set(MethodHandle function, int value) {
    try {
      check((int) function.invokeExact(value));
    } catch (Throwable failure) {
      throw rethrow(failure);
    }
  }

  private static MethodHandle bind(String function, FunctionDescriptor descriptor) {
    return LINKER.downcallHandle(NativeLibrary.symbols().findOrThrow(function), descriptor);
  }

  /**
   * A function of {@code arguments} 64-bit integers or pointers, followed by the segments to hold
   * as one array.
   */
  private static MethodHandle holding(String function, int arguments) {
    MemoryLayout[] parameters = new MemoryLayout[arguments + Scratch.MAX_TENSORS];
    Arrays.fill(parameters, 0, arguments, JAVA_LONG);
    Arrays.fill(parameters, arguments, parameters.length, ADDRESS);
    return bind(function, FunctionDescriptor.of(JAVA_INT, parameters))
        .asSpreader(MemorySegment[].class, Scratch.MAX_TENSORS);
  }

  private static void check(int status) {
    if (status != 0) {
      throw new BevelException(Status.of(status), lastError());
    }
  }

  private static String lastError() {
    try {
      return ((MemorySegment) LAST_ERROR.invokeExact()).getString(0);
    } catch (Throwable failure) {
      throw rethrow(failure);
    }
  }

  /** Method handles declare Throwable; ours throw nothing that is checked. */
  private static RuntimeException rethrow(Throwable failure) {
    if (failure instanceof RuntimeException unchecked) {
      throw unchecked;
    }
    if (failure instanceof Error error) {
      throw error;
    }
    throw new AssertionError("a method handle threw a checked exception", failure);
  }
}
