package dev.bevel.torch.train;

import dev.bevel.kernels.SharedResource;
import dev.bevel.torch.nn.Scopes;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019), the arithmetic of PyTorch's
 * {@code AdamW} without AMSGrad:
 *
 * <pre>
 * p ← p − lr·λ·p
 * m ← β₁ m + (1 − β₁) g          v ← β₂ v + (1 − β₂) g²
 * p ← p − lr/(1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
 * </pre>
 *
 * <p>Parameters without a gradient in a step are left alone, and their t does not count on. The
 * moments belong to the optimiser until {@link #close}; the parameters do not.
 */
public final class AdamW implements AutoCloseable {
  /** Name of the first moments in checkpoints. */
  static final String FIRST = "exp_avg";

  /** Name of the second moments in checkpoints. */
  static final String SECOND = "exp_avg_sq";

  /** Name of the step counts in checkpoints. */
  static final String COUNT = "step";

  private static final double BETA1 = 0.9;
  private static final double BETA2 = 0.999;
  private static final double EPSILON = 1e-8;

  /**
   * Parameters that share their settings.
   *
   * @param parameters by name
   * @param rateFactor factor on the learning rate
   * @param weightDecay λ
   */
  public record Group(Map<String, Tensor> parameters, double rateFactor, double weightDecay) {
    /** Checks the numbers. */
    public Group {
      if (!(rateFactor >= 0 && weightDecay >= 0)) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "AdamW: rateFactor and weightDecay must not be negative, got %s and %s",
                rateFactor,
                weightDecay));
      }
    }
  }

  private static final class State implements AutoCloseable {
    final Tensor parameter;
    final Group group;
    final Tensor first;
    final Tensor second;
    long count;

    State(Tensor parameter, Group group) {
      this.parameter = parameter;
      this.group = group;
      first = Scopes.own(torch.zeros_like(parameter));
      second = Scopes.own(torch.zeros_like(parameter));
    }

    @Override
    public void close() {
      first.close();
      second.close();
    }
  }

  private final SharedResource life = new SharedResource("AdamW: the optimiser", this::free);
  private final Map<String, State> states = new LinkedHashMap<>();

  /**
   * @throws IllegalArgumentException if a parameter is in two groups
   */
  public AdamW(List<Group> groups) {
    Set<String> names = new HashSet<>();
    for (Group group : groups) {
      for (String name : group.parameters().keySet()) {
        if (!names.add(name)) {
          throw new IllegalArgumentException("AdamW: parameter " + name + " is in two groups");
        }
      }
    }
    Scopes.withoutGradient(
        () ->
            groups.forEach(
                group ->
                    group
                        .parameters()
                        .forEach((name, p) -> states.put(name, new State(p, group)))));
  }

  /**
   * Updates all parameters from their gradients.
   *
   * @param learningRate before the groups' factors
   */
  public void step(double learningRate) {
    life.use();
    try {
      for (State state : states.values()) {
        Scopes.withoutGradient(() -> step(state, learningRate));
      }
    } finally {
      life.release();
    }
  }

  private static void step(State state, double learningRate) {
    Tensor gradient = state.parameter.grad();
    if (gradient.defined()) {
      update(state, gradient, learningRate * state.group.rateFactor());
    }
  }

  private static void update(State s, Tensor gradient, double rate) {
    s.count++;
    double firstCorrection = 1 - Math.pow(BETA1, (double) s.count);
    double secondCorrection = Math.sqrt(1 - Math.pow(BETA2, (double) s.count));
    if (s.group.weightDecay() > 0) {
      s.parameter.mul_(new Scalar(1 - rate * s.group.weightDecay()));
    }
    s.first.lerp_(gradient, new Scalar(1 - BETA1));
    s.second.mul_(new Scalar(BETA2)).addcmul_(gradient, gradient, new Scalar(1 - BETA2));
    Tensor denominator =
        s.second.sqrt().div_(new Scalar(secondCorrection)).add_(new Scalar(EPSILON));
    s.parameter.addcdiv_(s.first, denominator, new Scalar(-rate / firstCorrection));
  }

  /**
   * Moments and counts by {@code kind.parameter}; the moments are the optimiser's own tensors,
   * counts are new.
   */
  Map<String, Tensor> state() {
    life.requireOpen();
    Map<String, Tensor> all = new LinkedHashMap<>();
    states.forEach(
        (name, s) -> {
          all.put(FIRST + "." + name, s.first);
          all.put(SECOND + "." + name, s.second);
          all.put(COUNT + "." + name, Tensor.create(s.count));
        });
    return all;
  }

  /** Takes over what {@link #state} gave; names and shapes have been checked. */
  void load(Map<String, Tensor> saved) {
    life.requireOpen();
    Scopes.withoutGradient(
        () ->
            states.forEach(
                (name, s) -> {
                  s.first.copy_(get(saved, FIRST + "." + name));
                  s.second.copy_(get(saved, SECOND + "." + name));
                  s.count = get(saved, COUNT + "." + name).item_long();
                }));
  }

  private static Tensor get(Map<String, Tensor> saved, String name) {
    Tensor tensor = saved.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException("AdamW: the saved state has no " + name);
    }
    return tensor;
  }

  @Override
  public void close() {
    life.close();
  }

  private void free() {
    states.values().forEach(State::close);
    states.clear();
  }
}
