package dev.bevel.torch.autograd;

import dev.bevel.kernels.SharedResource;
import dev.bevel.torch.TensorHold;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/** What one application of a {@link Function} carries from forward to backward. */
public final class Context {
  private final String function;
  private final boolean[] needsInputGrad;
  private final List<@Nullable Tensor> saved = new ArrayList<>();
  private final List<Tensor> nonDifferentiable = new ArrayList<>();
  private boolean[] differentiable = {};
  private long[] versions = {};
  private boolean materializeGrads = true;
  private final SharedResource life;

  Context(String function, boolean[] needsInputGrad) {
    this.function = function;
    this.needsInputGrad = needsInputGrad;
    life = new SharedResource(function + ": what forward saved", this::free);
  }

  /**
   * Whether the gradient of an input is wanted. In backward it need not be computed where it is
   * not; in forward nothing need be saved where none is.
   *
   * @param input index of the input
   */
  public boolean needsInputGrad(int input) {
    return needsInputGrad[input];
  }

  /** Inputs of the application. */
  int inputCount() {
    return needsInputGrad.length;
  }

  /** Whether the gradient of any input is wanted. */
  public boolean needsAnyInputGrad() {
    for (boolean needed : needsInputGrad) {
      if (needed) {
        return true;
      }
    }
    return false;
  }

  /**
   * Keeps tensors for backward: inputs, outputs or intermediate ones. Called in forward, once.
   *
   * @param tensors what {@link #savedTensors} gives back, in this order; null entries are allowed
   */
  public void saveForBackward(@Nullable Tensor... tensors) {
    for (int i = 0; i < tensors.length; i++) {
      if (tensors[i] != null) {
        TensorHold.requireAny(function + ".saveForBackward", "tensors[" + i + "]", tensors[i]);
      }
    }
    if (!saved.isEmpty()) {
      throw new IllegalStateException(function + ": saveForBackward was called twice");
    }
    if (!needsAnyInputGrad()) {
      return;
    }
    for (Tensor tensor : tensors) {
      if (tensor != null) {
        tensor.retainReference();
      }
      saved.add(tensor);
    }
  }

  /**
   * The tensors that forward saved.
   *
   * @throws IllegalStateException if they were freed by an earlier backward pass without {@code
   *     retain_graph}, or modified in place since
   */
  public @Nullable Tensor[] savedTensors() {
    requireOpen(!life.isClosed());
    for (int i = 0; i < versions.length; i++) {
      Tensor tensor = saved.get(i);
      if (tensor != null && tensor._version() != versions[i]) {
        throw new IllegalStateException(
            String.format(
                Locale.ROOT,
                "%s: saved tensor %d was modified in place after forward (version %d, expected %d)",
                function,
                i,
                tensor._version(),
                versions[i]));
      }
    }
    return saved.toArray(new @Nullable Tensor[0]);
  }

  /**
   * Declares outputs that carry no gradient. Outputs of integer or boolean dtype need no
   * declaration.
   *
   * @param outputs tensors that forward will return
   */
  public void markNonDifferentiable(Tensor... outputs) {
    TensorHold.requireAllOfAnyKind(function + ".markNonDifferentiable", "outputs", outputs);
    nonDifferentiable.addAll(List.of(outputs));
  }

  /**
   * Whether backward gets zeros (the default) or null for an output that no gradient reached.
   *
   * @param materialize false for null
   */
  public void setMaterializeGrads(boolean materialize) {
    materializeGrads = materialize;
  }

  boolean materializesGrads() {
    return materializeGrads;
  }

  /** Decides which of forward's results take part in the graph. */
  void classifyOutputs(Tensor[] results) {
    differentiable = new boolean[results.length];
    for (int i = 0; i < results.length; i++) {
      Tensor result = results[i];
      differentiable[i] =
          (result.is_floating_point() || result.is_complex())
              && nonDifferentiable.stream().noneMatch(result::is_same);
    }
    nonDifferentiable.clear();
  }

  boolean isDifferentiable(int output) {
    return differentiable[output];
  }

  boolean hasDifferentiableOutput() {
    for (boolean carriesGradient : differentiable) {
      if (carriesGradient) {
        return true;
      }
    }
    return false;
  }

  /**
   * Takes the saved tensors' versions, after the outputs were tied to the graph (which counts as a
   * modification).
   */
  void recordVersions() {
    versions = saved.stream().mapToLong(t -> t == null ? 0 : t._version()).toArray();
  }

  /**
   * Keeps the saved tensors while a backward runs; {@link #endUse} must follow.
   *
   * @throws IllegalStateException if they are freed
   */
  void beginUse() {
    requireOpen(life.acquire());
  }

  void endUse() {
    life.release();
  }

  private void requireOpen(boolean open) {
    if (!open) {
      throw new IllegalStateException(
          function
              + ": the saved tensors were freed after the first backward pass; ask for retain_graph"
              + " in all passes but the last");
    }
  }

  /** Frees the saved tensors, or lets the last backward that runs do so. */
  void close() {
    life.close();
  }

  private void free() {
    for (Tensor tensor : saved) {
      if (tensor != null) {
        tensor.releaseReference();
      }
    }
    saved.clear();
  }
}
