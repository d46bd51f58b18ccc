package dev.bevel.bench;

import dev.bevel.kernels.TensorView;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.nn.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * A computation with LibTorch's tensors, timed as a training step has it: forward without a graph,
 * or forward with a graph and backward over it. Allocating and freeing its intermediate tensors is
 * part of it; what it gives is dropped.
 */
@SuppressWarnings("try") // scopes are there to be closed
final class DifferentiableCall implements AutoCloseable {
  /** An input as Bevel has it, and whether its gradient is wanted. */
  record Input(TensorView view, boolean differentiable) {}

  private final PermanentPointers pointers = new PermanentPointers();
  private final Function<Tensor[], Tensor> computation;
  private final Tensor[] constants;
  private final Tensor[] leaves;
  private final List<Tensor> wanted = new ArrayList<>();
  private final Tensor gradOut;

  DifferentiableCall(
      List<Input> inputs, TensorView gradOut, Function<Tensor[], Tensor> computation) {
    this.computation = computation;
    constants = new Tensor[inputs.size()];
    leaves = new Tensor[inputs.size()];
    for (int i = 0; i < leaves.length; i++) {
      Input input = inputs.get(i);
      constants[i] = pointers.over(input.view, input.view.shape());
      leaves[i] = pointers.over(input.view, input.view.shape());
      if (input.differentiable) {
        leaves[i].set_requires_grad(true);
        wanted.add(leaves[i]);
      }
    }
    this.gradOut = pointers.over(gradOut, gradOut.shape());
  }

  void forward() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor unused = computation.apply(constants);
    }
  }

  void forwardBackward() {
    try (TensorScope scope = TensorScope.open()) {
      gradients(computation.apply(leaves));
    }
  }

  /** The result. */
  double[] result() {
    try (TensorScope scope = TensorScope.open()) {
      return Tensors.toDoubles(computation.apply(constants));
    }
  }

  /** The result and the gradients of the differentiable inputs, from one forward and backward. */
  List<double[]> resultAndGradients() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor out = computation.apply(leaves);
      List<double[]> all = new ArrayList<>(List.of(Tensors.toDoubles(out.detach())));
      TensorVector gradients = gradients(out);
      for (long i = 0; i < gradients.size(); i++) {
        all.add(Tensors.toDoubles(gradients.get(i)));
      }
      return all;
    }
  }

  private TensorVector gradients(Tensor out) {
    return torch.grad(
        new TensorVector(out),
        new TensorVector(wanted.toArray(Tensor[]::new)),
        new TensorVector(gradOut),
        new BoolOptional(false),
        false,
        false);
  }

  @Override
  public void close() {
    pointers.close();
  }
}
