package dev.bevel.kernels;

import dev.bevel.kernels.internal.NativeFunction;
import dev.bevel.kernels.internal.ParamsStruct;
import dev.bevel.kernels.internal.Scratch;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Locale;

/**
 * What the calls of all operators have in common. Each method is small, so that the JIT compiler
 * inlines it and knows the native function.
 */
final class OperatorFrame {
  private OperatorFrame() {}

  /**
   * Asks for the size of a call's workspace, and calls with one of the settings or the library's.
   *
   * @param call with the params written, all but the workspace
   * @param device where the call works
   */
  static void run(
      Scratch call,
      ParamsStruct params,
      NativeFunction query,
      NativeFunction function,
      CallSettings settings,
      Device device) {
    Workspace given = settings.workspace();
    if (given != null) {
      runIn(given, call, params, query, function, settings);
      return;
    }
    if (device.isCuda()) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          params.operator()
              + ": a call on CUDA needs a workspace: pass CallSettings.withWorkspace(Workspace.of(uint8 tensor on "
              + device
              + ")), or Workspace.from(an allocator there)");
    }
    Workspace kept = WorkspacePool.take();
    try {
      runIn(kept, call, params, query, function, settings);
    } finally {
      WorkspacePool.giveBack(kept);
    }
  }

  private static void runIn(
      Workspace workspace,
      Scratch call,
      ParamsStruct params,
      NativeFunction query,
      NativeFunction function,
      CallSettings settings) {
    TensorView memory = workspace.acquire(params.operator(), query.query(call));
    try {
      params.workspace().set(call, memory);
      function.call(call, settings.stream());
    } finally {
      workspace.release();
    }
  }

  /** Refuses a backward pass that would do nothing. */
  static void requireGradient(String operator, boolean asked) {
    if (!asked) {
      throw new BevelException(Status.INVALID_ARGUMENT, operator + ": no gradient is asked for");
    }
  }

  /**
   * Refuses a tensor of another rank, of which no shape of a result can be told.
   *
   * @param expected the shape in words
   */
  static void requireRank(
      String operator, String argument, TensorView view, int rank, String expected) {
    if (view.rank() != rank) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          String.format(
              Locale.ROOT,
              "%s: %s must be %s, got %s",
              operator,
              argument,
              expected,
              Arrays.toString(view.shape())));
    }
  }

  /** A product of sizes. */
  static long product(String operator, String argument, long first, long second) {
    try {
      return Math.multiplyExact(first, second);
    } catch (ArithmeticException overflow) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          String.format(
              Locale.ROOT,
              "%s: %s has a size of %d × %d, more than 63 bits",
              operator,
              argument,
              first,
              second),
          overflow);
    }
  }

  /**
   * A tensor for a result, on the CPU, whose memory goes with the last view of it.
   *
   * @param inputs where these are
   */
  static TensorView allocate(String operator, Device inputs, DType dtype, long... shape) {
    if (inputs.isCuda()) {
      throw new BevelException(
          Status.UNSUPPORTED,
          String.format(
              Locale.ROOT,
              "%s: allocateOut makes tensors on the CPU, the inputs are on %s: make one of %s there (outShape)",
              operator,
              inputs,
              Arrays.toString(shape)));
    }
    return TensorView.allocate(Arena.ofAuto(), dtype, shape);
  }
}
