package dev.bevel.torch.autograd;

import dev.bevel.kernels.CallSettings;
import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.TensorView;
import dev.bevel.torch.TensorViews;
import java.util.Arrays;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * A function over an operator that writes one tensor, with the first argument's dtype and on its
 * device, and whose backward pass reads what forward read. It only says how tensors must lie in
 * memory and what the operator is called with.
 *
 * @param <I> the operator's inputs
 * @param <G> its gradients
 */
abstract class OperatorFunction<I, G> extends KernelFunction {
  /**
   * A function.
   *
   * @param determinism how gradients are added up
   * @param arguments in the order of forward's inputs; those that may be left out come last
   */
  OperatorFunction(Determinism determinism, Argument... arguments) {
    super(determinism, arguments);
  }

  /** What the operator reads, of tensors as {@link #fitted} leaves them. */
  abstract I inputs(@Nullable Tensor[] ready);

  /** The shape of what it writes. */
  abstract long[] outShape(I inputs);

  /** Calls the operator. */
  abstract void callForward(I inputs, TensorView out, CallSettings settings);

  /**
   * Where the gradients go.
   *
   * @param written one for each argument, as {@link #emptyGradient} made it; null: not wanted
   * @param saved what forward worked with
   */
  abstract G gradients(@Nullable Tensor[] written, @Nullable Tensor[] saved);

  /** Calls the operator's backward pass. */
  abstract void callBackward(I inputs, TensorView gradOut, G gradients, CallSettings settings);

  /** Tensors that lie in memory as the operator takes them. */
  @Nullable Tensor[] fitted(@Nullable Tensor[] inputs) {
    @Nullable Tensor[] ready = new @Nullable Tensor[inputs.length];
    for (int i = 0; i < ready.length; i++) {
      Tensor input = inputs[i];
      ready[i] = input == null ? null : input.contiguous();
    }
    return ready;
  }

  /** A tensor for the gradient of an argument. */
  Tensor emptyGradient(int argument, Tensor like, @Nullable Tensor[] saved) {
    return KernelTensors.emptyLike(like);
  }

  @Override
  protected Tensor[] forward(Context context, @Nullable Tensor... inputs) {
    @Nullable Tensor[] ready = fitted(complete(context, inputs));
    I views = inputs(ready);
    Tensor first = Objects.requireNonNull(ready[0]);
    Tensor out = KernelTensors.empty(outShape(views), first, first.scalar_type());
    callForward(views, TensorViews.of(out), settings(out));
    context.saveForBackward(ready);
    return new Tensor[] {out};
  }

  @Override
  protected @Nullable Tensor[] backward(Context context, @Nullable Tensor... gradOutputs) {
    @Nullable Tensor[] saved = context.savedTensors();
    Tensor gradOut = Objects.requireNonNull(gradOutputs[0]).contiguous();
    @Nullable Tensor[] written = new @Nullable Tensor[saved.length];
    for (int i = 0; i < context.inputCount(); i++) {
      Tensor like = saved[i];
      if (like != null && context.needsInputGrad(i)) {
        written[i] = emptyGradient(i, like, saved);
      }
    }
    callBackward(
        inputs(saved), TensorViews.of(gradOut), gradients(written, saved), settings(gradOut));
    return Arrays.copyOf(written, context.inputCount());
  }
}
