package dev.bevel.kernels.internal;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.Status;
import dev.bevel.kernels.TensorView;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.util.Locale;

/**
 * What the calls of the C ABI have in common, and the functions that are no operators. Operators
 * are {@link NativeFunction}s and stand beside the Java class of the operator.
 */
@SuppressWarnings("restricted")
public final class Abi {
  private static final Linker LINKER = Linker.nativeLinker();

  private static final FunctionDescriptor GIVES_TEXT = FunctionDescriptor.of(ADDRESS);
  private static final MethodHandle LAST_ERROR = bind("bevel_last_error", GIVES_TEXT);
  private static final MethodHandle GET_INSTRUCTION_SET =
      bind("bevel_get_instruction_set", FunctionDescriptor.of(JAVA_INT));
  private static final MethodHandle SET_INSTRUCTION_SET =
      bind("bevel_set_instruction_set", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final MethodHandle GET_NUM_THREADS =
      bind("bevel_get_num_threads", FunctionDescriptor.of(JAVA_INT));
  private static final MethodHandle SET_NUM_THREADS =
      bind("bevel_set_num_threads", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final MethodHandle GET_NUM_THREADS_REASON =
      bind("bevel_get_num_threads_reason", GIVES_TEXT);
  private static final MethodHandle SET_DEFAULT_NUM_THREADS =
      bind("bevel_set_default_num_threads", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));
  private static final MethodHandle CHECK_ENVIRONMENT =
      bind("bevel_check_environment", FunctionDescriptor.of(JAVA_INT));
  private static final MethodHandle GET_CAPABILITIES =
      bind("bevel_get_capabilities", FunctionDescriptor.of(JAVA_INT, JAVA_LONG));
  private static final MethodHandle SET_CUDA_LIBRARY =
      bind("bevel_set_cuda_library", FunctionDescriptor.of(JAVA_INT, ADDRESS));

  // Two functions of lift-splat's plans, whose signatures are their own.
  private static final MethodHandle PLAN_SIZE =
      bind(
          "bevel_lift_splat_plan_size",
          FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle PLAN_READ_INFO =
      bind(
              "bevel_lift_splat_plan_read_info",
              FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS))
          .asSpreader(MemorySegment[].class, 1);

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

  static String threadsReason() {
    return textOf(GET_NUM_THREADS_REASON);
  }

  static void defaultThreads(int count, String reason) {
    try (Arena arena = Arena.ofConfined()) {
      check((int) SET_DEFAULT_NUM_THREADS.invokeExact(count, arena.allocateFrom(reason)));
    } catch (Throwable failure) {
      throw rethrow(failure);
    }
  }

  static void checkEnvironment() {
    check(intOf(CHECK_ENVIRONMENT));
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

  /** {@code bevel_lift_splat_plan_size}, of a plan's params in the scratch memory. */
  public static void planSize(
      Scratch scratch, int deviceType, long planElements, long workspaceBytes) {
    try {
      int status =
          (int)
              PLAN_SIZE.invokeExact(
                  scratch.address(0),
                  deviceType,
                  scratch.address(planElements),
                  scratch.address(workspaceBytes));
      check(status, LiftSplatParams.PLAN);
    } catch (Throwable failure) {
      throw rethrow(failure);
    }
  }

  /**
   * {@code bevel_lift_splat_plan_read_info}.
   *
   * @param info written, a {@code bevel_lift_splat_plan_info} with its size
   */
  public static void planReadInfo(TensorView plan, MemorySegment info, long stream) {
    String operator = "lift_splat_plan_read_info";
    try (Scratch scratch = Scratch.begin(operator, LiftSplatParams.PLAN_INFO, 1)) {
      long tensor = scratch.describe("plan", plan, plan.dtype(), false);
      check((int) PLAN_READ_INFO.invokeExact(tensor, info.address(), stream, scratch.held()));
    } catch (Throwable failure) {
      throw rethrow(failure);
    } finally {
      Reference.reachabilityFence(info);
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

  /**
   * Finds a function in the loaded library. Callers are static initialisers, from which nothing may
   * be thrown (the JVM tells the reason at the first attempt only): the handle of a function that
   * cannot be had throws at every call.
   */
  static MethodHandle bind(String function, FunctionDescriptor descriptor) {
    return NativeLibrary.find(function)
        .map(symbol -> LINKER.downcallHandle(symbol, descriptor))
        .orElseGet(() -> missing(function, descriptor.toMethodType()));
  }

  /** A handle that says at each call why there is no such function. */
  static MethodHandle missing(String function, MethodType type) {
    MethodHandle reason;
    try {
      reason =
          MethodHandles.lookup()
              .findStatic(
                  Abi.class,
                  "whyMissing",
                  MethodType.methodType(BevelException.class, String.class));
    } catch (ReflectiveOperationException e) {
      throw new AssertionError(e);
    }
    MethodHandle thrower =
        MethodHandles.filterArguments(
            MethodHandles.throwException(type.returnType(), BevelException.class), 0, reason);
    return MethodHandles.dropArguments(thrower.bindTo(function), 0, type.parameterList());
  }

  /** Throws what hindered the loading, if that failed. */
  private static BevelException whyMissing(String function) {
    Path library = NativeLibrary.pathOrFailure();
    return new BevelException(
        Status.NOT_LOADED,
        String.format(
            Locale.ROOT,
            "Bevel: %s lacks the function %s: it is of another build than these Java classes",
            library,
            function));
  }

  /** Throws what a status other than 0 means, with Java's names of a struct's fields. */
  static void check(int status, CStruct struct) {
    if (status != 0) {
      throw new BevelException(Status.of(status), struct.inJavaNames(lastError()));
    }
  }

  /** Throws what a status other than 0 means. */
  static void check(int status) {
    if (status != 0) {
      throw new BevelException(Status.of(status), lastError());
    }
  }

  private static String lastError() {
    return textOf(LAST_ERROR);
  }

  private static String textOf(MethodHandle function) {
    try {
      return ((MemorySegment) function.invokeExact()).reinterpret(Long.MAX_VALUE).getString(0);
    } catch (Throwable failure) {
      throw rethrow(failure);
    }
  }

  /** Method handles declare Throwable; ours throw nothing that is checked. */
  static RuntimeException rethrow(Throwable failure) {
    if (failure instanceof RuntimeException unchecked) {
      throw unchecked;
    }
    if (failure instanceof Error error) {
      throw error;
    }
    throw new AssertionError("a method handle threw a checked exception", failure);
  }
}
