package dev.bevel.torch.train;

import dev.bevel.kernels.SharedResource;
import dev.bevel.torch.nn.Module;
import dev.bevel.torch.nn.Scopes;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * An exponential moving average of everything in a module's state dictionary, batch-norm statistics
 * included; what is no floating-point number is copied. As in BEVDet and BEVDepth the decay rises:
 * {@code decay(n) = limit · (1 − e^(−n/ramp))} at the n-th update. The average belongs to this
 * object until {@link #close}.
 */
public final class WeightAverage implements AutoCloseable {
  private final SharedResource life = new SharedResource("WeightAverage: the average", this::free);
  private final WeightAverageSettings settings;
  private final Map<String, Tensor> average = new LinkedHashMap<>();
  private long updates;

  /** An average that begins with the module's present values. */
  public WeightAverage(Module module, WeightAverageSettings settings) {
    this.settings = settings;
    this.updates = settings.start();
    Scopes.withoutGradient(
        () ->
            module
                .stateDict()
                .forEach((name, tensor) -> average.put(name, Scopes.own(tensor.detach().clone()))));
  }

  /** Moves the average towards the module's values. */
  public void update(Module module) {
    life.use();
    try {
      module.<@Nullable Void>call(
          () -> {
            move(module);
            return null;
          });
    } finally {
      life.release();
    }
  }

  private void move(Module module) {
    Scalar newWeight = new Scalar(1 - settings.decay(++updates));
    Scopes.withoutGradient(
        () ->
            module
                .stateDict()
                .forEach(
                    (name, tensor) -> {
                      Tensor mean = tensor(name);
                      if (tensor.is_floating_point()) {
                        mean.lerp_(tensor, newWeight);
                      } else {
                        mean.copy_(tensor);
                      }
                    }));
    newWeight.close();
  }

  private Tensor tensor(String name) {
    Tensor tensor = average.get(name);
    if (tensor == null) {
      throw new IllegalStateException(
          "WeightAverage: the module has gained the tensor " + name + " since the average began");
    }
    return tensor;
  }

  /** The averaged tensors by name; they stay owned by this object. */
  public Map<String, Tensor> state() {
    life.requireOpen();
    return java.util.Collections.unmodifiableMap(average);
  }

  /** Updates so far, {@link WeightAverageSettings#start} included. */
  public long updates() {
    return updates;
  }

  /** Takes over a saved average; names and shapes have been checked. */
  void load(Map<String, Tensor> saved, long savedUpdates) {
    life.requireOpen();
    updates = savedUpdates;
    Scopes.withoutGradient(() -> saved.forEach((name, tensor) -> tensor(name).copy_(tensor)));
  }

  @Override
  public void close() {
    life.close();
  }

  private void free() {
    average.values().forEach(Tensor::close);
    average.clear();
  }
}
