package dev.bevel.torch.autograd;

import dev.bevel.torch.TensorScope;
import java.util.concurrent.atomic.AtomicReference;
import org.bytedeco.pytorch.FunctionPostHook;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.jspecify.annotations.Nullable;

/**
 * Java code that runs after a node of LibTorch's graph and replaces what the node sends on.
 * LibTorch runs it on the thread that called backward for CPU tensors and on a thread of its own
 * for each CUDA device.
 */
abstract sealed class NodeHook extends FunctionPostHook {
  /**
   * The hook that returned last on this thread. When the next one runs, LibTorch has copied its
   * result.
   */
  private static final ThreadLocal<@Nullable NodeHook> LAST = new ThreadLocal<>();

  private final FunctionNode node;
  private final AtomicReference<@Nullable TensorVector> returned = new AtomicReference<>();

  private NodeHook(FunctionNode node) {
    this.node = node;
  }

  /**
   * Does the work.
   *
   * @param node the application of a function that the hook belongs to
   * @param sent what the node sends to its successors in the graph
   * @param arrived what came to the node
   * @return what to send instead
   */
  abstract TensorVector run(FunctionNode node, TensorVector sent, TensorVector arrived);

  @Override
  public final TensorVector apply(TensorVector sent, TensorVector arrived) {
    releaseLast();
    // An own scope: what is made here must not depend on which scopes, if any, this thread has
    // open.
    try (TensorScope scope = TensorScope.open()) {
      TensorVector result = run(node, sent, arrived);
      returned.set(result.retainReference());
      LAST.set(this);
      return result;
    } catch (Throwable failure) {
      throw Autograd.hookFailure(node.name() + ".backward", failure);
    }
  }

  /**
   * Frees what the hook that ran last on this thread returned. To be called when no hook is
   * returning.
   */
  static void releaseLast() {
    NodeHook last = LAST.get();
    if (last != null) {
      LAST.remove();
      last.releaseReturned();
    }
  }

  void releaseReturned() {
    TensorVector vector = returned.getAndSet(null);
    if (vector != null) {
      vector.releaseReference();
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
    TensorVector run(FunctionNode node, TensorVector sent, TensorVector arrived) {
      node.receive(index, arrived.get(0));
      return new TensorVector(sent.size());
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
    TensorVector run(FunctionNode node, TensorVector sent, TensorVector arrived) {
      Tensor gradient = node.deliver(index);
      if (gradient == null) {
        return new TensorVector(sent.size());
      }
      try {
        return new TensorVector(gradient);
      } finally {
        gradient.releaseReference();
      }
    }
  }
}
