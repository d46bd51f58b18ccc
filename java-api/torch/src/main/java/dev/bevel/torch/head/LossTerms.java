package dev.bevel.torch.head;

import dev.bevel.torch.TensorHold;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/** The named terms of a loss, 0-d tensors with their autograd history, weights already applied. */
public final class LossTerms {
  private final Map<String, Tensor> terms = new LinkedHashMap<>();

  /** No terms yet. */
  public LossTerms() {}

  /**
   * Adds a term; one of the same name is added up.
   *
   * @return this
   */
  public LossTerms add(String name, Tensor value) {
    TensorHold.require("LossTerms.add", "value", value);
    terms.merge(name, value, Tensor::add);
    return this;
  }

  /** Adds all terms of another loss. */
  public LossTerms addAll(LossTerms other) {
    other.terms.forEach(this::add);
    return this;
  }

  /**
   * Their sum.
   *
   * @throws IllegalStateException if there is none
   */
  public Tensor total() {
    requireOpen("LossTerms.total");
    return terms.values().stream()
        .reduce(Tensor::add)
        .orElseThrow(() -> new IllegalStateException("LossTerms.total: there are no terms"));
  }

  /** The numbers, in the order in which the terms were added. */
  public Map<String, Double> values() {
    requireOpen("LossTerms.values");
    Map<String, Double> values = new LinkedHashMap<>();
    terms.forEach((name, tensor) -> values.put(name, tensor.item_double()));
    return values;
  }

  private void requireOpen(String operation) {
    terms.forEach((name, tensor) -> TensorHold.require(operation, "the term " + name, tensor));
  }
}
