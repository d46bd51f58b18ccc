package dev.bevel.torch.autograd;

import dev.bevel.torch.TensorScope;
import dev.bevel.torch.Torch;
import org.bytedeco.pytorch.FunctionPostHook;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.jspecify.annotations.Nullable;

/**
 * Java code that runs after a node of LibTorch's graph and replaces what the node sends on.
 * LibTorch runs it on the thread that called backward for CPU tensors and on a thread of its own
 * for each CUDA device; several passes over one graph run it on several threads at once.
 *
 * <p>What is sent on is changed in place: the vector belongs to LibTorch, which copies it after the
 * hook has returned. A vector of Java's own would have to live until then, and nobody tells when.
 */
abstract sealed class NodeHook extends FunctionPostHook {
  private static final Tensor UNDEFINED = Torch.permanent(Tensor::new);

  private final FunctionNode node;

  private NodeHook(FunctionNode node) {
    this.node = node;
  }

  /**
   * What the node is to send to its one successor.
   *
   * @param node the application of a function that the hook belongs to
   * @param arrived what came to the node
   * @return the gradient, which the caller releases, or null for an undefined one
   */
  abstract @Nullable Tensor run(FunctionNode node, TensorVector arrived);

  @Override
  public final TensorVector apply(TensorVector sent, TensorVector arrived) {
    // An own scope: what is made here must not depend on which scopes, if any, this thread has
    // open.
    try (TensorScope scope = TensorScope.open()) {
      node.running(() -> replace(sent, run(node, arrived)));
      return sent;
    } catch (Throwable failure) {
      throw Autograd.hookFailure(node.name() + ".backward", failure);
    }
  }

  private static void replace(TensorVector sent, @Nullable Tensor gradient) {
    for (long i = 0; i < sent.size(); i++) {
      sent.put(i, i == 0 && gradient != null ? gradient : UNDEFINED);
    }
    if (gradient != null) {
      gradient.releaseReference();
    }
  }

  /** Behind an output: takes its gradient; sends nothing on. */
  static final class OfOutput extends NodeHook {
    private final int index;

    OfOutput(FunctionNode node, int index) {
      super(node);
      this.index = index;
    }

    @Override
    @Nullable Tensor run(FunctionNode node, TensorVector arrived) {
      node.receive(index, arrived.get(0));
      return null;
    }
  }

  /** Before an input: sends the gradient that backward computed for it. */
  static final class OfInput extends NodeHook {
    private final int index;

    OfInput(FunctionNode node, int index) {
      super(node);
      this.index = index;
    }

    @Override
    @Nullable Tensor run(FunctionNode node, TensorVector arrived) {
      return node.deliver(index);
    }
  }
}
