package dev.bevel.bench;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.bevel.kernels.DType;
import dev.bevel.kernels.TensorView;
import dev.bevel.kernels.internal.Scratch;
import dev.bevel.kernels.internal.Substitute;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/**
 * The operators' definitions in double and in plain loops, written once, in C++
 * (src/test/native/references), and called through the operators' own API: tensors of any dtype and
 * layout, results in the dtype of the tensor that is written.
 *
 * <pre>{@code
 * double[] expected =
 *     References.of(out -> BevWarp.forward(inputs, out.get(0)), List.of(BevWarp.outShape(inputs)))
 *         .get(0);
 * }</pre>
 *
 * <p>Lift-splat, whose params name a plan, has none: its calls are refused here. The caller vouches
 * for all shapes; the library's own checks are not made.
 */
public final class References {
  private static final FunctionDescriptor FUNCTION =
      FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG);

  private static final Substitute INSTEAD = new Definitions();

  private References() {}

  /**
   * Runs calls of operators by their definitions.
   *
   * @param calls on this thread
   */
  public static void run(Runnable calls) {
    Scratch.withSubstitute(INSTEAD, calls);
  }

  /**
   * What calls of operators give by their definitions, row-major.
   *
   * @param calls write the tensors they are handed, which are FLOAT64 and compact
   * @param shapes of the tensors
   */
  public static List<double[]> of(Consumer<List<TensorView>> calls, List<long[]> shapes) {
    try (Arena arena = Arena.ofConfined()) {
      List<TensorView> exact =
          shapes.stream().map(shape -> TensorView.allocate(arena, DType.FLOAT64, shape)).toList();
      run(() -> calls.accept(exact));
      return exact.stream().map(TensorView::toDoubleArray).toList();
    }
  }

  private static final class Definitions implements Substitute {
    private final Map<String, Optional<MethodHandle>> handles = new ConcurrentHashMap<>();

    private Optional<MethodHandle> find(String function) {
      return handles.computeIfAbsent(
          function,
          name -> PeerLibrary.function(name.replaceFirst("^bevel_", "bevel_reference_"), FUNCTION));
    }

    @Override
    public int call(String function, long params, long second) {
      if (function.endsWith("_workspace")) {
        return 0; // the number asked for stays 0
      }
      MethodHandle handle =
          find(function)
              .orElseThrow(() -> new UnsupportedOperationException(function + " has no reference"));
      try {
        return (int) handle.invokeExact(params, second);
      } catch (Throwable failure) {
        throw new IllegalStateException("the reference of " + function + " failed", failure);
      }
    }
  }
}
