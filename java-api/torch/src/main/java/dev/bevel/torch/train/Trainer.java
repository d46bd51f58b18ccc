package dev.bevel.torch.train;

import dev.bevel.kernels.SharedResource;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.Torch;
import dev.bevel.torch.autograd.Autograd;
import dev.bevel.torch.head.LossTerms;
import dev.bevel.torch.nn.Module;
import dev.bevel.torch.nn.Scopes;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * Trains a module step by step. A step owns a {@link TensorScope}: whatever the loss makes ends
 * with it, so memory stays flat however long the training.
 *
 * <p>Everything random comes from the seed: the constructor sets LibTorch's default generator
 * (which dropout uses), and the order of data is for the caller to derive from {@link #seed} and
 * {@link #step}. With {@link Checkpoint} a training goes on bit for bit, on the same machine and
 * with the same number of threads.
 *
 * <p>Owns its optimiser and its average, not the module. Closing marks the trainer and returns at
 * once; a step that is running on another thread ends first, later ones throw {@link
 * IllegalStateException}.
 */
public final class Trainer implements AutoCloseable {
  /**
   * How a module is trained.
   *
   * @param learningRate base rate, positive
   * @param weightDecay decoupled weight decay of all parameters
   * @param clip greatest L2 norm of the gradient over all parameters, or {@link #NO_CLIP}
   * @param schedule of the rate
   * @param average of the weights, or null for none
   */
  public record Settings(
      double learningRate,
      double weightDecay,
      double clip,
      LearningRate schedule,
      @Nullable WeightAverageSettings average) {
    /** The {@code clip} that lets every gradient pass. */
    public static final double NO_CLIP = Double.POSITIVE_INFINITY;

    /** Checks the numbers. */
    public Settings {
      if (!(learningRate > 0 && clip > 0)) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "Trainer: learningRate and clip must be positive, got %s and %s",
                learningRate,
                clip));
      }
    }
  }

  private final SharedResource life = new SharedResource("Trainer: the trainer", this::free);
  private final Module module;
  private final Settings settings;
  private final Map<String, Tensor> parameters;
  private final AdamW optimizer;
  private final @Nullable WeightAverage average;
  private final long seed;
  private long step;
  private boolean torn;

  /**
   * A training of all parameters at its beginning.
   *
   * @throws IllegalStateException if JavaCPP has a cap on the process's memory ({@link
   *     Torch#requireNoMemoryCap})
   */
  public Trainer(Module module, Settings settings, long seed) {
    Torch.requireNoMemoryCap("Trainer");
    this.module = module;
    this.settings = settings;
    this.seed = seed;
    parameters = module.namedParameters();
    optimizer = new AdamW(List.of(new AdamW.Group(parameters, 1, settings.weightDecay())));
    average = settings.average() == null ? null : new WeightAverage(module, settings.average());
    torch.manual_seed(seed);
  }

  /** The module that is trained. */
  public Module module() {
    return module;
  }

  /** What all randomness follows from. */
  public long seed() {
    return seed;
  }

  /** Steps taken so far. */
  public long step() {
    return step;
  }

  /** The averaged weights, if there are any. */
  public @Nullable WeightAverage average() {
    return average;
  }

  AdamW optimizer() {
    return optimizer;
  }

  void restore(long savedStep) {
    step = savedStep;
  }

  /**
   * @throws IllegalStateException if a step failed while it changed the parameters: what there is
   *     now is the state of no training
   */
  void requireWhole() {
    if (torn) {
      throw new IllegalStateException(
          "Trainer: step "
              + (step + 1)
              + " failed while it changed the parameters; go on from the last checkpoint");
    }
  }

  /**
   * Takes one step.
   *
   * <p>After a failure before the parameters change (of the data, of the loss, of memory) the
   * training is exactly where it was before the step, with running statistics and random generator,
   * and can be saved.
   *
   * @param loss runs the module on the step's data; called once, in training mode, in the step's
   *     scope
   * @throws TrainingException if the loss or the gradient is not finite; no parameter has changed
   *     then
   */
  public StepReport step(Supplier<LossTerms> loss) {
    life.use();
    try {
      return module.call(() -> takeStep(loss));
    } finally {
      life.release();
    }
  }

  @SuppressWarnings("try") // the scope is there to be closed
  private StepReport takeStep(Supplier<LossTerms> loss) {
    requireWhole();
    try (TensorScope scope = TensorScope.open()) {
      Undo undo = Undo.of(module);
      boolean done = false;
      try {
        module.train(true);
        LossTerms terms = loss.get();
        Map<String, Double> values = terms.values();
        Tensor total = terms.total();
        double value = total.item_double();
        requireFinite("loss", value, values);
        Autograd.backward(total);
        double norm = clip();
        requireFinite("norm of the gradient", norm, values);
        double rate = settings.learningRate() * settings.schedule().factor(step);
        torn = true;
        optimizer.step(rate);
        step++;
        if (average != null) {
          average.update(module);
        }
        torn = false;
        done = true;
        return new StepReport(step, value, values, rate, norm);
      } finally {
        if (!done && !torn) {
          undo.run();
        }
      }
    } finally {
      module.zeroGrad();
    }
  }

  /** What a step changes before it changes the parameters, in the step's scope. */
  private record Undo(List<Tensor> buffers, List<Tensor> before, Tensor random) {
    static Undo of(Module module) {
      List<Tensor> buffers = List.copyOf(module.namedBuffers().values());
      return new Undo(
          buffers,
          buffers.stream().map(buffer -> buffer.clone()).toList(),
          torch.getDefaultCPUGenerator().get_state());
    }

    void run() {
      Scopes.withoutGradient(
          () -> {
            for (int i = 0; i < buffers.size(); i++) {
              buffers.get(i).copy_(before.get(i));
            }
          });
      torch.getDefaultCPUGenerator().set_state(random);
    }
  }

  private void requireFinite(String what, double value, Map<String, Double> terms) {
    if (!Double.isFinite(value)) {
      throw new TrainingException(
          String.format(
              Locale.ROOT,
              "step %d: the %s is %s (loss terms %s); lower the learning rate or look at the data",
              step + 1,
              what,
              value,
              terms));
    }
  }

  /**
   * Scales all gradients down to the greatest norm, as PyTorch's {@code clip_grad_norm_} does;
   * returns the norm before.
   */
  private double clip() {
    double[] squares = {0};
    forEachGradient(
        gradient -> {
          double norm = gradient.norm().item_double();
          squares[0] += norm * norm;
        });
    double norm = Math.sqrt(squares[0]);
    double factor = settings.clip() / (norm + 1e-6);
    if (factor < 1) {
      forEachGradient(gradient -> gradient.mul_(new Scalar(factor)));
    }
    return norm;
  }

  private void forEachGradient(Consumer<Tensor> action) {
    Scopes.withoutGradient(
        () -> {
          for (Tensor parameter : parameters.values()) {
            Tensor gradient = parameter.grad();
            if (gradient.defined()) {
              action.accept(gradient);
            }
          }
        });
  }

  @Override
  public void close() {
    life.close();
  }

  private void free() {
    optimizer.close();
    if (average != null) {
      average.close();
    }
  }
}
