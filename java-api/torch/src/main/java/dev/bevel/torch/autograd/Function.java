package dev.bevel.torch.autograd;

import dev.bevel.torch.TensorHold;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.TorchException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * A differentiable operator with a hand-written backward, shaped like {@code
 * torch.autograd.Function}. What is no tensor (a plan, options) is a field of the subclass; {@link
 * #apply} may be called any number of times.
 *
 * <pre>{@code
 * final class Square extends Function {
 *   protected Tensor[] forward(Context context, Tensor... inputs) {
 *     context.saveForBackward(inputs[0]);
 *     return new Tensor[] {inputs[0].mul(inputs[0])};
 *   }
 *
 *   protected Tensor[] backward(Context context, Tensor... gradOutputs) {
 *     Tensor x = context.savedTensors()[0];
 *     return new Tensor[] {x.mul(gradOutputs[0]).mul(TWO)};
 *   }
 * }
 * Tensor y = new Square().apply(x)[0];
 * }</pre>
 *
 * <p><b>forward</b> runs without gradient recording on aliases of the inputs without history. The
 * tensors it returns become the outputs without a copy. The exceptions, which cost one copy: a
 * result that shares memory with an input or with an earlier result, and one whose elements overlap
 * (expanded). A returned tensor belongs to the function from then on.
 *
 * <p><b>backward</b> runs once a pass, after all gradients of the outputs have arrived, with
 * recording off, on whatever thread LibTorch runs its hooks, inside a scope of its own. {@code
 * gradOutputs} have the outputs' shapes and dtypes and any strides (expanded ones too): call {@code
 * contiguous()} where a kernel needs it. It returns one gradient for each input, with the input's
 * shape, dtype and device; null where there is none, which counts as zero.
 *
 * <p><b>Limits.</b> The derivative of {@code backward} is not known: a pass that asks for it
 * ({@code create_graph}) fails. {@code retain_graph} works. The backward pass must come before the
 * {@link TensorScope} that {@code apply} was called in closes; a later one fails, and one that the
 * scope's end meets on another thread finishes or fails. The hooks and saved tensors belong to that
 * scope. Several threads may go backward over one retained graph, and {@code backward} may go
 * backward itself, over other graphs or the same: it must bear being run by several threads at
 * once, as with several graphs. Of passes that are nested LibTorch runs the first 60 on the thread
 * that began, and each 60 more on a native thread that it starts and keeps for later ones: a depth
 * of 600 needs nine. Callers that go so deep at once need their own each, so the process may come
 * to have (callers) × (depth / 60) of them. Where none can be started the pass fails, and says so.
 */
public abstract class Function {
  /** For subclasses. */
  protected Function() {}

  /**
   * Computes the outputs.
   *
   * @param context remembers what backward needs
   * @param inputs aliases of the inputs of {@link #apply}, null where those are
   * @return the outputs, at least one
   */
  protected abstract Tensor[] forward(Context context, @Nullable Tensor... inputs);

  /**
   * Computes the gradients of the inputs.
   *
   * @param context what forward remembered
   * @param gradOutputs one for each output; where none arrived zeros, or null after {@link
   *     Context#setMaterializeGrads setMaterializeGrads(false)}, and always null for
   *     non-differentiable outputs
   * @return one for each input, null ones included; null for zero. Those of inputs that need no
   *     gradient, as null ones do, are ignored
   */
  protected abstract @Nullable Tensor[] backward(Context context, @Nullable Tensor... gradOutputs);

  /** The operator's name in messages. */
  protected String name() {
    return getClass().getSimpleName();
  }

  /**
   * Runs forward and, where an input needs a gradient and recording is on, makes the results part
   * of the autograd graph.
   *
   * @param inputs tensors of any dtype and device; the same one may occur several times. Null is an
   *     optional tensor that is absent: it keeps its place in forward and backward
   * @return the outputs, owned by the innermost {@link TensorScope}
   * @throws IllegalStateException if no scope is open on this thread, an input is closed, or
   *     forward returns null, a closed or an undefined tensor
   * @throws IllegalArgumentException if an input is undefined
   * @throws TorchException if LibTorch fails in forward
   */
  public final Tensor[] apply(@Nullable Tensor... inputs) {
    TensorScope.require(name());
    requireInputs(inputs);
    try (TensorScope inner = TensorScope.open()) {
      Context context = new Context(name(), needsGrad(inputs));
      Tensor[] results = runForward(context, inputs);
      Tensor[] outputs = results;
      if (context.needsAnyInputGrad() && context.hasDifferentiableOutput()) {
        FunctionNode node = inner.own(new FunctionNode(this, context));
        outputs = node.connect(inputs, results);
      } else {
        context.close();
      }
      for (Tensor output : outputs) {
        inner.keep(output);
      }
      return outputs;
    }
  }

  private void requireInputs(@Nullable Tensor... inputs) {
    Objects.requireNonNull(inputs, () -> name() + ": inputs is null");
    for (int i = 0; i < inputs.length; i++) {
      if (inputs[i] != null) {
        TensorHold.requireAny(name(), "inputs[" + i + "]", inputs[i]);
      }
    }
  }

  private static boolean[] needsGrad(@Nullable Tensor[] inputs) {
    boolean recording = GradMode.is_enabled();
    boolean[] needed = new boolean[inputs.length];
    for (int i = 0; i < inputs.length; i++) {
      Tensor input = inputs[i];
      needed[i] = recording && input != null && input.requires_grad();
    }
    return needed;
  }

  private Tensor[] runForward(Context context, @Nullable Tensor[] inputs) {
    try (NoGradGuard noGrad = new NoGradGuard()) {
      @Nullable Tensor[] aliases = new @Nullable Tensor[inputs.length];
      for (int i = 0; i < inputs.length; i++) {
        Tensor input = inputs[i];
        aliases[i] = input == null ? null : input.detach();
      }
      Tensor[] results = checkedResults(forward(context, aliases));
      context.classifyOutputs(results);
      return ownedResults(aliases, results);
    } catch (RuntimeException e) {
      context.close();
      throw TorchException.translate(name() + ".forward", e);
    }
  }

  @SuppressWarnings("NullAway") // the checks are for what a subclass was not to return
  private Tensor[] checkedResults(Tensor[] results) {
    if (results == null || results.length == 0) {
      throw new IllegalStateException(
          name()
              + ".forward: must return at least one tensor, got "
              + (results == null ? "null" : "none"));
    }
    for (int i = 0; i < results.length; i++) {
      requireUsable(name() + ".forward: output " + i, results[i]);
    }
    return results;
  }

  /** Refuses what forward or backward may not return. */
  static void requireUsable(String what, @Nullable Tensor returned) {
    String fault = returned == null ? "is null" : fault(returned);
    if (fault != null) {
      throw new IllegalStateException(what + " " + fault);
    }
  }

  private static @Nullable String fault(Tensor returned) {
    synchronized (returned) { // nobody frees it between the questions
      if (returned.isNull()) {
        return "is closed: it was closed, or the TensorScope that it was made in has ended";
      }
      return returned.defined() ? null : "is an undefined tensor";
    }
  }

  /** The results, copied where another tensor shares their memory or their elements overlap. */
  private static Tensor[] ownedResults(@Nullable Tensor[] inputs, Tensor[] results) {
    List<Tensor> taken = new ArrayList<>();
    for (Tensor input : inputs) {
      if (input != null) {
        taken.add(input);
      }
    }
    Tensor[] owned = new Tensor[results.length];
    for (int i = 0; i < results.length; i++) {
      Tensor result = results[i];
      boolean shared = taken.stream().anyMatch(result::is_alias_of);
      owned[i] = shared || !result.is_non_overlapping_and_dense() ? result.clone() : result;
      taken.add(owned[i]);
    }
    return owned;
  }
}
