package dev.bevel.torch.head;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.torch.TensorScope;
import dev.bevel.torch.nn.Tensors;
import java.util.Arrays;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class DepthLossTest {
  private static final int IMAGES = 2;
  private static final int BINS = 7;
  private static final int HEIGHT = 3;
  private static final int WIDTH = 4;
  private static final int CELLS = HEIGHT * WIDTH;

  private final double[] logits = new Random(21).doubles(IMAGES * BINS * CELLS, -2, 2).toArray();
  private final int[] bins = bins();

  @Test
  void valueAndGradientEqualPlainLoopsInDouble() {
    double expected = reference(logits);
    try (TensorScope scope = TensorScope.open()) {
      Tensor leaf = tensor();
      leaf.set_requires_grad(true);
      Tensor loss = new DepthLoss(3).compute(leaf.softmax(1), bins).total();
      assertThat(loss.item_double()).isCloseTo(expected, within(1e-10));
      loss.backward();
      double[] gradient = Tensors.toDoubles(leaf.grad());
      for (int i = 0; i < logits.length; i++) {
        double original = logits[i];
        logits[i] = original + 1e-6;
        double up = reference(logits);
        logits[i] = original - 1e-6;
        double down = reference(logits);
        logits[i] = original;
        assertThat(gradient[i]).as("element %d", i).isCloseTo((up - down) / 2e-6, within(1e-7));
      }
    }
  }

  @Test
  void withoutDepthsTheLossIsZeroAndHasAGradient() {
    int[] none = new int[bins.length];
    Arrays.fill(none, DepthLoss.NO_DEPTH);
    try (TensorScope scope = TensorScope.open()) {
      Tensor leaf = tensor();
      leaf.set_requires_grad(true);
      Tensor loss = new DepthLoss(3).compute(leaf.softmax(1), none).total();
      assertThat(loss.item_double()).isZero();
      loss.backward();
      assertThat(Tensors.toDoubles(leaf.grad())).containsOnly(0);
    }
  }

  @Test
  void certaintyAboutTheWrongBinStaysFinite() {
    Arrays.fill(logits, 0);
    for (int cell = 0; cell < CELLS; cell++) {
      logits[cell] = 1e4; // bin 0 of image 0
    }
    Arrays.fill(bins, 3);
    try (TensorScope scope = TensorScope.open()) {
      assertThat(new DepthLoss(3).compute(tensor().softmax(1), bins).total().item_double())
          .isFinite();
    }
  }

  @Test
  void badBinsAndShapesAreNamed() {
    try (TensorScope scope = TensorScope.open()) {
      bins[5] = BINS;
      assertThatThrownBy(() -> new DepthLoss(3).compute(tensor().softmax(1), bins))
          .hasMessage("DepthLoss: bin of cell 5 must be in 0..6 or NO_DEPTH, got 7");
      assertThatThrownBy(() -> new DepthLoss(3).compute(tensor().softmax(1), new int[23]))
          .hasMessageContaining("23 cells, got [2, 7, 3, 4]");
    }
  }

  private Tensor tensor() {
    return Tensor.create(logits, IMAGES, BINS, HEIGHT, WIDTH);
  }

  private static int[] bins() {
    Random random = new Random(22);
    int[] bins = new int[IMAGES * CELLS];
    for (int i = 0; i < bins.length; i++) {
      bins[i] = random.nextInt(-1, BINS);
    }
    return bins;
  }

  private double reference(double[] values) {
    double sum = 0;
    int count = 0;
    for (int i = 0; i < bins.length; i++) {
      if (bins[i] == DepthLoss.NO_DEPTH) {
        continue;
      }
      count++;
      double total = 0;
      for (int d = 0; d < BINS; d++) {
        total += Math.exp(values[index(i, d)]);
      }
      for (int d = 0; d < BINS; d++) {
        double p = Math.exp(values[index(i, d)]) / total;
        sum -= d == bins[i] ? Math.log(p) : Math.log(1 - p);
      }
    }
    return 3 * sum / Math.max(1, count);
  }

  private static int index(int cell, int bin) {
    return (cell / CELLS * BINS + bin) * CELLS + cell % CELLS;
  }
}
