package dev.bevel.bench;

import dev.bevel.kernels.DType;
import dev.bevel.kernels.TensorView;
import dev.bevel.torch.Torch;
import java.lang.foreign.Arena;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.IntToDoubleFunction;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * One case of an operator: its inputs, what it must give, and who computes it. Bevel's kernels and
 * LibTorch's compositions work on the same memory. Whoever is timed is checked first: result and
 * gradients are filled with NaN, computed, and compared with the values given here, which come from
 * a reference in double.
 *
 * <pre>{@code
 * try (OperatorComparison c = new OperatorComparison("bev-warp", "8-frames", "fp32")) {
 *   TensorView map = c.input(FLOAT32, values, 8, 80, 128, 128);      // rounds values
 *   TensorView matrices = c.constant(FLOAT32, affine, 8, 2, 3);
 *   TensorView gradOut = c.gradOut(FLOAT32, gradients, 8, 80, 128, 128);
 *   double[] expected = c.reference(out -> BevWarp.forward(inputs, out), 8, 80, 128, 128);
 *   TensorView out = c.result(FLOAT32, expected, 1e-5, 8, 80, 128, 128);
 *   TensorView gradMap = c.gradient(0, c.reference(..), 1e-5);
 *   c.kernel(BenchmarkReport.BEVEL, () -> BevWarp.forward(..), () -> BevWarp.backward(..));
 *   c.tensors("bevel_autograd", in -> function.warp(in[0], in[1]));
 *   c.tensors("libtorch", in -> composed(in[0], in[1]));
 *   c.run(session);
 * }
 * }</pre>
 *
 * <p>{@link #run} times forward, and forward with backward, for every number of threads of the
 * session. A kernel's results stay where they are; it keeps nothing between the passes. The DRAM
 * floor counts every tensor once: inputs and result for forward, also the result's gradient and the
 * gradients asked for with backward.
 */
public final class OperatorComparison implements AutoCloseable {
  /** The name of LibTorch's compositions in results. */
  public static final String LIBTORCH = "libtorch";

  /** What a tensor must hold; {@code bound} is relative to the largest expected magnitude. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Expected(String name, TensorView view, double[] values, double bound) {
    void check(String variant, IntToDoubleFunction actual) {
      double largest = 0;
      for (double value : values) {
        largest = Math.max(largest, Math.abs(value));
      }
      for (int i = 0; i < values.length; i++) {
        double found = actual.applyAsDouble(i);
        if (!(Math.abs(found - values[i]) <= bound * largest)) {
          throw new VerificationException(
              String.format(
                  Locale.ROOT,
                  "%s: element %d of %s must be %s ± %.3g, got %s",
                  variant,
                  i,
                  name,
                  values[i],
                  bound * largest,
                  found));
        }
      }
    }

    void check(String variant) {
      check(variant, i -> TensorData.at(view, i));
    }
  }

  private record Way(String name, Pass pass, Runnable call, Runnable verify) {}

  private final String operator;
  private final String caseName;
  private final String dtype;
  private final Arena arena = Arena.ofShared();
  private final Deque<AutoCloseable> owned = new ArrayDeque<>();
  private final List<DifferentiableCall.Input> inputs = new ArrayList<>();
  private final List<@Nullable Expected> gradients = new ArrayList<>();
  private final Map<Integer, Long> bytesRead = new HashMap<>();
  private final List<Way> ways = new ArrayList<>();
  private @Nullable TensorView gradOut;
  private @Nullable Expected result;

  /**
   * A case without tensors yet.
   *
   * @param operator in results
   * @param caseName in results
   * @param dtype in results
   */
  public OperatorComparison(String operator, String caseName, String dtype) {
    Torch.initialize();
    this.operator = operator;
    this.caseName = caseName;
    this.dtype = dtype;
  }

  /**
   * Adds an input whose gradient may be asked for.
   *
   * @param type element type
   * @param values row-major; they become what the type makes of them
   * @param shape sizes
   */
  public TensorView input(DType type, double[] values, long... shape) {
    return add(type, values, true, shape);
  }

  /** Adds an input that gets no gradient; see {@link #input}. */
  public TensorView constant(DType type, double[] values, long... shape) {
    return add(type, values, false, shape);
  }

  private TensorView add(DType type, double[] values, boolean differentiable, long... shape) {
    TensorView view = TensorData.store(arena, type, values, shape);
    inputs.add(new DifferentiableCall.Input(view, differentiable));
    gradients.add(null);
    return view;
  }

  /** Adds the gradient of the result that backward starts from; see {@link #input}. */
  public TensorView gradOut(DType type, double[] values, long... shape) {
    TensorView view = TensorData.store(arena, type, values, shape);
    gradOut = view;
    return view;
  }

  /**
   * What the definition of an operator gives ({@link References}), row-major.
   *
   * @param call one call of the operator that writes the tensor it is handed, which is FLOAT64
   * @param shape of that tensor
   */
  public double[] reference(Consumer<TensorView> call, long... shape) {
    return references(views -> call.accept(views.get(0)), List.of(shape)).get(0);
  }

  /**
   * The same of a call that writes several tensors.
   *
   * @param shapes of the tensors
   */
  public List<double[]> references(Consumer<List<TensorView>> call, List<long[]> shapes) {
    return References.of(call, shapes);
  }

  /**
   * Says what the result must be, and makes the memory that kernels write it to.
   *
   * @param type element type
   * @param expected from a reference in double, row-major
   * @param bound on an element's difference, relative to the largest expected magnitude
   * @param shape sizes
   */
  public TensorView result(DType type, double[] expected, double bound, long... shape) {
    TensorView view = TensorView.allocate(arena, type, shape);
    result = new Expected("the result", view, expected, bound);
    return view;
  }

  /**
   * Says what the gradient of an input must be, and makes the memory that kernels write it to.
   *
   * @param input number of the input, in the order they were added
   * @param expected from a reference in double, row-major
   * @param bound on an element's difference, relative to the largest expected magnitude
   */
  public TensorView gradient(int input, double[] expected, double bound) {
    TensorView of = inputs.get(input).view();
    TensorView view = TensorView.allocate(arena, of.dtype(), of.shape());
    gradients.set(input, new Expected("the gradient of input " + input, view, expected, bound));
    return view;
  }

  /**
   * Says that only part of an input need be read, some pixels of a map for example; without, the
   * DRAM floor counts all of it.
   *
   * @param input number of the input, in the order they were added
   * @param bytes of it
   */
  public void reads(int input, long bytes) {
    bytesRead.put(input, bytes);
  }

  /** Makes this close something, a workspace for example, before its memory. */
  public <R extends AutoCloseable> R own(R resource) {
    owned.push(resource);
    return resource;
  }

  /**
   * Adds a computation by kernels that write to this case's tensors.
   *
   * @param name {@value BenchmarkReport#BEVEL} once, for what others are compared with
   * @param forward writes the result
   * @param backward writes every gradient that was named
   */
  public void kernel(String name, Runnable forward, Runnable backward) {
    Expected out = expectedResult();
    ways.add(new Way(name, Pass.FORWARD, forward, () -> out.check(name)));
    ways.add(
        new Way(
            name,
            Pass.FORWARD_BACKWARD,
            () -> {
              forward.run();
              backward.run();
            },
            () -> {
              out.check(name);
              gradients.stream().filter(Objects::nonNull).forEach(each -> each.check(name));
            }));
  }

  /**
   * Adds a computation with LibTorch's tensors. Its gradients are those of all inputs that may have
   * one.
   *
   * @param name {@link #LIBTORCH} for the composition that Bevel is compared with
   * @param computation from the inputs, in the order they were added, to the result
   */
  public void tensors(String name, Function<Tensor[], Tensor> computation) {
    DifferentiableCall call =
        own(
            new DifferentiableCall(
                inputs, Objects.requireNonNull(gradOut, "gradOut"), computation));
    Expected out = expectedResult();
    ways.add(new Way(name, Pass.FORWARD, call::forward, () -> check(out, name, call.result())));
    ways.add(
        new Way(
            name,
            Pass.FORWARD_BACKWARD,
            call::forwardBackward,
            () -> checkAll(name, call.resultAndGradients())));
  }

  private void checkAll(String name, List<double[]> found) {
    check(expectedResult(), name, found.getFirst());
    int next = 1;
    for (int i = 0; i < inputs.size(); i++) {
      if (inputs.get(i).differentiable()) {
        double[] gradient = found.get(next++);
        Expected expected = gradients.get(i);
        if (expected != null) {
          check(expected, name, gradient);
        }
      }
    }
  }

  private static void check(Expected expected, String name, double[] found) {
    if (found.length != expected.values.length) {
      throw new VerificationException(
          String.format(
              Locale.ROOT,
              "%s: %s must have %d elements, got %d",
              name,
              expected.name,
              expected.values.length,
              found.length));
    }
    expected.check(name, i -> found[i]);
  }

  private Expected expectedResult() {
    return Objects.requireNonNull(result, "result() must be called first");
  }

  /**
   * Checks and times everyone.
   *
   * @param session how, and where results go
   * @throws VerificationException if someone's result is wrong
   */
  public void run(BenchmarkSession session) {
    for (int threads : session.options().threads()) {
      BenchmarkSession.useThreads(threads);
      for (Pass pass : List.of(Pass.FORWARD, Pass.FORWARD_BACKWARD)) {
        List<Way> timed =
            ways.stream().filter(way -> way.pass == pass && session.times(way.name)).toList();
        timed.forEach(this::verify);
        BenchmarkKey key = new BenchmarkKey(operator, caseName, pass, dtype, "cpu", threads);
        long bytes = bytes(pass);
        session.time(
            timed.stream().map(way -> key).toList(),
            timed.stream()
                .map(way -> Variant.fp32(way.name, bytes, way.call, way.verify).in(dtype))
                .toList());
      }
    }
  }

  private void verify(Way way) {
    TensorData.poison(expectedResult().view);
    gradients.stream().filter(Objects::nonNull).forEach(each -> TensorData.poison(each.view));
    way.call.run();
    way.verify.run();
  }

  private long bytes(Pass pass) {
    long bytes = expectedResult().view.byteSize();
    for (int i = 0; i < inputs.size(); i++) {
      bytes += bytesRead.getOrDefault(i, inputs.get(i).view().byteSize());
    }
    if (pass == Pass.FORWARD || gradOut == null) {
      return bytes;
    }
    bytes += gradOut.byteSize();
    for (Expected gradient : gradients) {
      bytes += gradient == null ? 0 : gradient.view.byteSize();
    }
    return bytes;
  }

  @Override
  public void close() {
    try {
      while (!owned.isEmpty()) {
        owned.pop().close();
      }
    } catch (Exception e) {
      throw new IllegalStateException("OperatorComparison: a resource could not be closed", e);
    } finally {
      arena.close();
    }
  }
}
