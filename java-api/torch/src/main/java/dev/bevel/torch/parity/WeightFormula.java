package dev.bevel.torch.parity;

import dev.bevel.torch.nn.Scopes;
import dev.bevel.torch.nn.Tensors;
import java.util.List;
import java.util.Map;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * "Formula 1" of the fixtures: every value of a weight follows from the tensor's name and the
 * element's row-major index.
 *
 * @param kept names of constants that keep their values
 * @param embeddings names of tensors whose values are uniform in [−1, 1)
 * @param multipliers factor by prefix of the name, for tensors of rank 2 and more
 * @param tables values by name
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record WeightFormula(
    List<String> kept,
    List<String> embeddings,
    Map<String, Double> multipliers,
    Map<String, double[]> tables) {
  private static final int CHUNK = 1 << 16;

  /** Fills parameters and buffers, by name, in float32. */
  void fill(Map<String, Tensor> weights) {
    weights.forEach(this::fill);
  }

  private void fill(String name, Tensor tensor) {
    long[] shape = tensor.shape();
    IntToDoubleFunction formula = formula(name, shape, tensor.is_floating_point());
    if (formula == null) {
      return;
    }
    Scopes.withoutGradient(() -> tensor.copy_(make(formula, shape)));
  }

  /** The value at each index, or null where upstream's value is kept. */
  @Nullable IntToDoubleFunction formula(String name, long[] shape, boolean floating) {
    if (!floating || name.endsWith("num_batches_tracked") || kept.contains(name)) {
      return null;
    }
    double[] table = tables.get(name);
    if (table != null) {
      if (table.length != count(shape)) {
        throw new FixtureException(
            "value_tables." + name + " must have " + count(shape) + " values, got " + table.length);
      }
      return i -> table[i];
    }
    long hash = SplitMix.fnv1a(name);
    double factor = shape.length >= 2 ? multiplier(name) : 1;
    if (name.endsWith("running_var")) {
      return i -> 1 + 0.25 * (SplitMix.centred(hash, i) + 1);
    }
    if (name.endsWith("running_mean")) {
      return i -> 0.1 * SplitMix.centred(hash, i);
    }
    if (embeddings.contains(name)) {
      return i -> SplitMix.centred(hash, i) * factor;
    }
    if (shape.length >= 2) {
      double bound = Math.sqrt(3.0 / fanIn(shape));
      return i -> SplitMix.centred(hash, i) * bound * factor;
    }
    if (name.endsWith("weight")) {
      return i -> 1 + 0.2 * SplitMix.centred(hash, i);
    }
    if (name.endsWith("bias")) {
      return i -> 0.1 * SplitMix.centred(hash, i);
    }
    throw new FixtureException(
        "the fixture's formula says nothing of " + name + " of rank " + shape.length);
  }

  private double multiplier(String name) {
    double factor = 1;
    for (Map.Entry<String, Double> entry : multipliers.entrySet()) {
      if (name.startsWith(entry.getKey())) {
        factor *= entry.getValue();
      }
    }
    return factor;
  }

  private static long fanIn(long[] shape) {
    // Sparse kernels (rank 5) are stored with the output channels last, all others with them first.
    return shape.length == 5 ? count(shape) / shape[4] : count(shape) / shape[0];
  }

  private static long count(long[] shape) {
    long count = 1;
    for (long size : shape) {
      count *= size;
    }
    return count;
  }

  /** An input made by the formula: uniform in [−2, 2), float32. */
  static Tensor input(String key, long[] shape) {
    long hash = SplitMix.fnv1a(key);
    return make(i -> SplitMix.centred(hash, i) * 2, shape);
  }

  private static Tensor make(IntToDoubleFunction formula, long[] shape) {
    int count = Math.toIntExact(count(shape));
    float[] values = new float[count];
    IntStream.rangeClosed(0, (count - 1) / CHUNK)
        .parallel()
        .forEach(
            chunk -> {
              int end = Math.min(count, (chunk + 1) * CHUNK);
              for (int i = chunk * CHUNK; i < end; i++) {
                values[i] = (float) formula.applyAsDouble(i);
              }
            });
    return Tensors.of(values, shape);
  }
}
