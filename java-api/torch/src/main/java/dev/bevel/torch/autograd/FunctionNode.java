package dev.bevel.torch.autograd;

import dev.bevel.kernels.SharedResource;
import dev.bevel.torch.Torch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.stream.Stream;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * One application of a {@link Function} in LibTorch's graph.
 *
 * <p>LibTorch has no node for Java code, so existing nodes carry it. Every input gets an empty
 * slice (a SliceBackward node whose edge leads to the input); the slices, concatenated and cast,
 * are added at no indices to every output (an IndexAddBackward node). Neither touches a value. A
 * post-hook on an output's IndexAddBackward takes the output's gradient and sends an undefined one
 * on, for which LibTorch's nodes do no work; a post-hook on an input's SliceBackward, which runs
 * after all of those, runs backward once and puts the input's gradient in place of the undefined
 * one.
 *
 * <p>LibTorch owns the native half of a hook and frees it with its node; it holds the Java half by
 * a weak reference, so this object, which the step's scope owns, keeps the Java halves.
 *
 * <p>Passes on several threads may run through the node at once: each has a state of its own. No
 * lock is held while {@code backward} or LibTorch runs: a backward that goes backward itself may
 * find its inner pass on another thread (LibTorch moves every sixtieth there), which would wait for
 * the lock for ever. Where the scope closes while hooks run, the last of them frees what the node
 * owns, and those that come later fail.
 */
final class FunctionNode implements AutoCloseable {
  /** Made at the first use: a static initialiser that fails gives its reason only once. */
  private static @Nullable Tensor noIndices;

  private static final long[] EMPTY = {0};
  private static final long[] SCALAR = {};

  /**
   * Passes whose state is kept, besides those whose backward runs at the moment. One that ended
   * early, by a failure elsewhere or because not all gradients were asked for, never says so; the
   * oldest go.
   */
  static final int MAX_PASSES = 16;

  private static final int MAX_GIVEN_UP = 4096;

  private final Function function;
  private final Context context;
  private final List<NodeHook> hooks = new ArrayList<>();
  private final SharedResource life = new SharedResource("a function's node", this::free);
  private @Nullable TensorSpec[] inputs = {};
  private @Nullable TensorSpec[] outputs = {};

  /** The passes through the node by the numbers that LibTorch gives them, oldest first. */
  private final Map<Integer, Pass> passes = new LinkedHashMap<>();

  /** Of those that had to go: they may still be running, and must not begin anew with a part. */
  private final Set<Integer> givenUp = new LinkedHashSet<>();

  /** One backward pass through the node: the gradients that came and those that were computed. */
  private final class Pass {
    final SharedResource life = new SharedResource("a backward pass", this::free);
    final @Nullable Tensor[] gradOutputs = new @Nullable Tensor[outputs.length];

    /** Run by the first that needs its result; the hooks of other devices' inputs wait for it. */
    final FutureTask<@Nullable Tensor[]> gradInputs =
        new FutureTask<>(() -> computeGradients(this));

    private volatile boolean computing;

    private int pendingInputs = (int) Arrays.stream(inputs).filter(Objects::nonNull).count();

    synchronized void receive(int output, Tensor gradient) {
      gradOutputs[output] = gradient;
    }

    @Nullable Tensor[] compute() {
      computing = true;
      gradInputs.run();
      try {
        return gradInputs.get();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted while another thread ran it", e);
      } catch (ExecutionException e) {
        throw thrown(gradInputs.exceptionNow());
      }
    }

    /** Hands out a gradient, which the caller releases from now on. */
    synchronized @Nullable Tensor take(@Nullable Tensor[] gradients, int input) {
      @Nullable Tensor gradient = gradients[input];
      gradients[input] = null;
      pendingInputs--;
      return gradient;
    }

    synchronized boolean isOver() {
      return pendingInputs == 0;
    }

    /** Whether backward runs now, and so may be waiting for newer passes that it began itself. */
    boolean isComputing() {
      return computing && !gradInputs.isDone();
    }

    /** Runs after the last use, so that the task is over if it ever ran. */
    private void free() {
      release(gradOutputs);
      if (gradInputs.state() == Future.State.SUCCESS) {
        release(gradInputs.resultNow());
      }
    }

    private static void release(@Nullable Tensor[] tensors) {
      for (int i = 0; i < tensors.length; i++) {
        Tensor tensor = tensors[i];
        if (tensor != null) {
          tensor.releaseReference();
          tensors[i] = null;
        }
      }
    }
  }

  private static RuntimeException thrown(Throwable cause) {
    if (cause instanceof Error error) {
      throw error;
    }
    return cause instanceof RuntimeException failure ? failure : new IllegalStateException(cause);
  }

  FunctionNode(Function function, Context context) {
    this.function = function;
    this.context = context;
  }

  private static synchronized Tensor noIndices() {
    if (noIndices == null) {
      noIndices = Torch.permanent(() -> torch.zeros(new long[] {0}).to(ScalarType.Long));
    }
    return noIndices;
  }

  /** Ties the results of forward to the inputs; returns the outputs. Runs with recording on. */
  Tensor[] connect(@Nullable Tensor[] arguments, Tensor[] results) {
    inputs = new @Nullable TensorSpec[arguments.length];
    outputs = new @Nullable TensorSpec[results.length];
    TensorVector edges = new TensorVector();
    for (int i = 0; i < arguments.length; i++) {
      Tensor argument = arguments[i];
      if (argument != null && context.needsInputGrad(i)) {
        edges.push_back(emptySlice(i, argument));
      }
    }
    Tensor tie = edges.size() == 1 ? edges.get(0) : torch.cat(edges);
    Tensor[] connected = results.clone();
    for (int i = 0; i < results.length; i++) {
      if (context.isDifferentiable(i)) {
        connected[i] = tied(i, results[i], tie);
      }
    }
    context.recordVersions();
    return connected;
  }

  /** A one-dimensional tensor without elements whose history leads to the input. */
  private Tensor emptySlice(int index, Tensor input) {
    inputs[index] = new TensorSpec(input);
    LongOptional zero = new LongOptional(0);
    Tensor first = input.dim() == 0 ? input.view(1) : input.slice(0, zero, zero, 1);
    hook(first, new NodeHook.OfInput(this, index));
    Tensor slice = input.dim() == 0 ? first.slice(0, zero, zero, 1) : first;
    return slice.dim() == 1 ? slice : slice.reshape(EMPTY);
  }

  /** The result as part of the graph: an alias of its memory, tied to the inputs. */
  private Tensor tied(int index, Tensor result, Tensor tie) {
    TensorSpec spec = new TensorSpec(result);
    outputs[index] = spec;
    // index_add_ takes no scalars. Detached last: LibTorch refuses in-place operations on some
    // views.
    Tensor output = spec.isScalar() ? result.view(1).detach() : result.detach();
    long[] shape = output.shape();
    shape[0] = 0;
    Tensor source = tie.to(output.device(), output.scalar_type()).view(shape);
    output.index_add_(0, noIndices().to(output.device(), ScalarType.Long), source);
    hook(output, new NodeHook.OfOutput(this, index));
    return spec.isScalar() ? output.view(SCALAR) : output;
  }

  private void hook(Tensor tensor, NodeHook hook) {
    hooks.add(hook);
    tensor.grad_fn().add_post_hook(hook);
  }

  /** Runs a hook's work, during which the node stays. */
  void running(Runnable hook) {
    if (!life.acquire()) {
      throw new IllegalStateException(
          "the TensorScope in which it was applied closed before this backward pass");
    }
    try {
      hook.run();
    } finally {
      life.release();
    }
  }

  /** Takes the gradient of one output. */
  void receive(int output, Tensor gradient) {
    Pass pass = begin(torch.get_current_graph_task_id());
    if (!pass.life.acquire()) {
      throw tooManyPasses();
    }
    try {
      if (gradient.defined()) {
        boolean scalar = Objects.requireNonNull(outputs[output]).isScalar();
        Tensor shaped = scalar ? gradient.view(SCALAR) : new Tensor(gradient);
        pass.receive(output, shaped.retainReference());
      }
    } finally {
      pass.life.release();
    }
  }

  private synchronized Pass begin(int number) {
    Pass pass = passes.get(number);
    if (pass == null) {
      if (givenUp.contains(number)) {
        throw tooManyPasses();
      }
      pass = new Pass();
      passes.put(number, pass);
      giveUpIdle();
    }
    return pass;
  }

  private void giveUpIdle() {
    if (passes.size() <= MAX_PASSES) {
      return;
    }
    List<Integer> idle =
        passes.keySet().stream()
            .filter(number -> !Objects.requireNonNull(passes.get(number)).isComputing())
            .toList();
    if (idle.size() > MAX_PASSES) {
      giveUp(idle.getFirst());
    }
  }

  private void giveUp(int number) {
    end(number);
    givenUp.add(number);
    if (givenUp.size() > MAX_GIVEN_UP) {
      givenUp.remove(givenUp.iterator().next());
    }
  }

  private static IllegalStateException tooManyPasses() {
    return new IllegalStateException(
        String.format(
            Locale.ROOT,
            "this backward pass was given up, for %d newer ones over the same graph began before it"
                + " was over (those that failed count too, and those that a backward ran itself);"
                + " let at most so many threads go backward over one graph at a time, or give each"
                + " thread a graph, that is a forward pass, of its own",
            MAX_PASSES));
  }

  private synchronized void end(int number) {
    Pass pass = passes.remove(number);
    if (pass != null) {
      pass.life.close();
    }
  }

  /**
   * Hands out the gradient of one input, or null for zero; the caller releases it. The first call
   * in a pass runs backward.
   */
  @Nullable Tensor deliver(int input) {
    int number = torch.get_current_graph_task_id();
    Pass pass;
    synchronized (this) {
      pass = passes.get(number);
    }
    if (pass == null || !pass.life.acquire()) {
      throw tooManyPasses();
    }
    try {
      return deliver(input, number, pass);
    } finally {
      pass.life.release();
    }
  }

  private @Nullable Tensor deliver(int input, int number, Pass pass) {
    @Nullable Tensor gradient = pass.take(pass.compute(), input);
    if (pass.isOver()) {
      end(number);
      if (!torch.get_current_graph_task_keep_graph()) {
        context.close();
      }
    }
    return gradient;
  }

  private @Nullable Tensor[] computeGradients(Pass pass) {
    if (GradMode.is_enabled()) {
      throw new IllegalStateException(
          "the derivative of its backward is not known, so create_graph (double backward) is not"
              + " possible");
    }
    @Nullable Tensor[] gradients = new @Nullable Tensor[inputs.length];
    if (Arrays.stream(pass.gradOutputs).allMatch(Objects::isNull)) {
      return gradients;
    }
    @Nullable Tensor[] computed = runBackward(materialized(pass.gradOutputs));
    if (computed == null || computed.length != inputs.length) {
      throw new IllegalStateException(
          String.format(
              Locale.ROOT,
              "must return %d gradients, one for each input, got %s",
              inputs.length,
              computed == null ? "null" : computed.length));
    }
    for (int i = 0; i < inputs.length; i++) {
      checkGradient(i, computed[i]);
    }
    for (int i = 0; i < inputs.length; i++) {
      @Nullable Tensor gradient = computed[i];
      if (inputs[i] != null && gradient != null) {
        gradients[i] = gradient.retainReference();
      }
    }
    return gradients;
  }

  /** Runs backward; another pass that frees the graph meanwhile leaves the saved tensors to it. */
  private @Nullable Tensor[] runBackward(@Nullable Tensor[] gradOutputs) {
    context.beginUse();
    try {
      return function.backward(context, gradOutputs);
    } finally {
      context.endUse();
    }
  }

  private @Nullable Tensor[] materialized(@Nullable Tensor[] arrived) {
    @Nullable Tensor[] gradients = arrived.clone();
    for (int i = 0; i < gradients.length; i++) {
      TensorSpec output = outputs[i];
      if (gradients[i] == null && output != null && context.materializesGrads()) {
        gradients[i] = output.zeros();
      }
    }
    return gradients;
  }

  private void checkGradient(int index, @Nullable Tensor gradient) {
    TensorSpec input = inputs[index];
    if (input == null || gradient == null) {
      return;
    }
    Function.requireUsable("the gradient of input " + index, gradient);
    if (!input.matches(gradient)) {
      throw new IllegalStateException(
          String.format(
              Locale.ROOT,
              "the gradient of input %d must be %s like the input, got %s",
              index,
              input.describe(),
              TensorSpec.describe(gradient)));
    }
  }

  @Override
  public void close() {
    life.close();
  }

  private void free() {
    passes.values().forEach(pass -> pass.life.close());
    passes.clear();
    context.close();
    Stream.concat(Arrays.stream(inputs), Arrays.stream(outputs))
        .filter(Objects::nonNull)
        .forEach(TensorSpec::close);
  }

  String name() {
    return function.name();
  }
}
