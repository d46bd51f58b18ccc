package dev.bevel.torch.train;

import dev.bevel.torch.head.LossTerms;
import dev.bevel.torch.nn.BatchNorm;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Linear;
import dev.bevel.torch.nn.Module;
import dev.bevel.torch.nn.Tensors;
import java.util.Random;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Two linear layers with batch norm and dropout: everything a training has to remember, and quick.
 */
final class SmallNetwork extends Module {
  private static final int FEATURES = 6;
  private static final int ROWS = 16;

  private final Linear first;
  private final BatchNorm norm;
  private final Linear second;

  SmallNetwork(long seed) {
    try (Initializer init = Initializer.seeded(seed)) {
      first = child("first", new Linear(FEATURES, 32, init));
      norm = child("norm", new BatchNorm(32));
      second = child("second", new Linear(32, 1, init));
    }
  }

  Tensor forward(Tensor x) {
    Tensor hidden = norm.forward(first.forward(x)).relu();
    return second.forward(torch.dropout(hidden, 0.25, isTraining()));
  }

  /** The squared error against sums of the features, on data that follows from {@code batch}. */
  Supplier<LossTerms> loss(long batch) {
    return () -> {
      Random random = new Random(batch);
      double[] x = random.doubles((long) ROWS * FEATURES, -1, 1).toArray();
      double[] y = new double[ROWS];
      for (int i = 0; i < x.length; i++) {
        y[i / FEATURES] += x[i];
      }
      Tensor input = Tensors.of(x, ROWS, FEATURES).to(torch.ScalarType.Float);
      Tensor wanted = Tensors.of(y, ROWS, 1).to(torch.ScalarType.Float);
      return new LossTerms().add("square", forward(input).sub(wanted).square().mean());
    };
  }
}
