package dev.bevel.torch.head;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.nn.Tensors;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class CenterLossTest {
  private static final HeadGrid GRID = new HeadGrid(-4, -3.2, 0.2, 4, 10, 8);
  private static final HeadTasks TASKS =
      new HeadTasks(List.of(List.of(DetectionClass.CAR, DetectionClass.TRUCK)));
  private static final double[] CODE_WEIGHTS = {1, 1, 1, 1, 1, 1, 1, 1, 0.2, 0.3};
  private static final CenterLoss LOSS = new CenterLoss(6, 1.5, CODE_WEIGHTS);

  /** Channels of a prediction in the order of {@link #prediction}. */
  private static final int[] CHANNELS = {2, 1, 3, 2, 2, 2};

  @Test
  void valuesEqualPlainLoopsInDouble() {
    List<TaskTarget> targets = targets();
    double[][] maps = randomMaps(11);
    try (TensorScope scope = TensorScope.open()) {
      Map<String, Double> values =
          LOSS.compute(List.of(prediction(tensors(maps, false))), targets).values();
      assertThat(values.keySet()).containsExactly("heatmap", "box");
      assertThat(values.get("heatmap"))
          .isCloseTo(focalReference(maps[5], targets.getFirst()), within(1e-8));
      assertThat(values.get("box")).isCloseTo(l1Reference(maps, targets.getFirst()), within(1e-9));
    }
  }

  @Test
  void gradientsEqualFiniteDifferences() {
    List<TaskTarget> targets = targets();
    double[][] maps = randomMaps(12);
    double[][] gradients = new double[maps.length][];
    try (TensorScope scope = TensorScope.open()) {
      Tensor[] leaves = tensors(maps, true);
      LOSS.compute(List.of(prediction(leaves)), targets).total().backward();
      for (int m = 0; m < maps.length; m++) {
        gradients[m] = Tensors.toDoubles(leaves[m].grad());
      }
    }
    double step = 1e-6;
    Random random = new Random(5);
    int nonZero = 0;
    for (int m = 0; m < maps.length; m++) {
      for (int trial = 0; trial < 60; trial++) {
        int i =
            trial < 12
                ? peakIndex(targets.getFirst(), maps[m].length, trial)
                : random.nextInt(maps[m].length);
        double original = maps[m][i];
        maps[m][i] = original + step;
        double up = total(maps, targets);
        maps[m][i] = original - step;
        double down = total(maps, targets);
        maps[m][i] = original;
        assertThat(gradients[m][i])
            .as("map %d, element %d", m, i)
            .isCloseTo((up - down) / (2 * step), within(1e-6));
        nonZero += gradients[m][i] != 0 ? 1 : 0;
      }
    }
    assertThat(nonZero).isGreaterThan(60);
  }

  @Test
  void unknownVelocitiesAreNotLearnedFrom() {
    List<TaskTarget> targets = targets();
    try (TensorScope scope = TensorScope.open()) {
      Tensor[] leaves = tensors(randomMaps(13), true);
      LossTerms terms = LOSS.compute(List.of(prediction(leaves)), targets);
      terms.total().backward();
      assertThat(terms.values().get("box")).isFinite();
      double[] velocity = Tensors.toDoubles(leaves[4].grad());
      for (double g : velocity) {
        assertThat(g).isFinite();
      }
      int cells = GRID.cells();
      int unknown = (int) targets.getFirst().cells()[1];
      assertThat(velocity[unknown]).isZero();
      assertThat(velocity[cells + unknown]).isZero();
      int known = 2 * cells + (int) targets.getFirst().cells()[5];
      assertThat(velocity[known]).isNotZero();
    }
  }

  @Test
  void withoutBoxesOnlyTheBackgroundIsLearned() {
    List<TaskTarget> none =
        new CenterTargetAssigner(GRID, TASKS, 5)
            .assign(
                List.of(
                    new GroundTruth(List.of(), new int[0]),
                    new GroundTruth(List.of(), new int[0])));
    try (TensorScope scope = TensorScope.open()) {
      Tensor[] leaves = tensors(randomMaps(14), true);
      LossTerms terms = LOSS.compute(List.of(prediction(leaves)), none);
      terms.total().backward();
      assertThat(terms.values().get("box")).isZero();
      assertThat(terms.values().get("heatmap")).isPositive().isFinite();
      assertThat(Tensors.toDoubles(leaves[2].grad())).containsOnly(0);
    }
  }

  @Test
  void saturatedLogitsStayFinite() {
    List<TaskTarget> targets = targets();
    double[][] maps = randomMaps(15);
    java.util.Arrays.fill(maps[5], 200);
    assertThat(total(maps, targets)).isFinite();
    java.util.Arrays.fill(maps[5], -200);
    assertThat(total(maps, targets)).isFinite();
  }

  @Test
  void shapesThatDifferAreNamed() {
    List<TaskTarget> single =
        new CenterTargetAssigner(GRID, TASKS, 5)
            .assign(List.of(new GroundTruth(List.of(), new int[0])));
    try (TensorScope scope = TensorScope.open()) {
      TaskPrediction two = prediction(tensors(randomMaps(16), false));
      assertThatThrownBy(() -> LOSS.compute(List.of(two), single))
          .hasMessage(
              "CenterLoss: the heatmap of task 0 must be [1, 2, 8, 10] to match its target, got [2, 2, 8, 10]");
      assertThatThrownBy(() -> LOSS.compute(List.of(), single)).hasMessageContaining("got 1 and 0");
      Tensor wrong = Tensor.create(new double[160], 2, 1, 8, 10);
      assertThatThrownBy(
              () ->
                  new TaskPrediction(
                      wrong, two.height(), two.dim(), two.rot(), two.vel(), two.heatmap()))
          .hasMessage(
              "TaskPrediction: reg must be [2, 2, 8, 10] to match the heatmap, got [2, 1, 8, 10]");
    }
    assertThatThrownBy(() -> new CenterLoss(1, 1, new double[9]))
        .hasMessageContaining("10 numbers");
  }

  /** Two samples: three boxes (one velocity unknown, two in one cell) and one box. */
  private static List<TaskTarget> targets() {
    GroundTruth first =
        new GroundTruth(
            List.of(
                new double[] {0.1, 0.3, -1, 4, 2, 1.6, 0.7, 1, -2},
                new double[] {-2, 1, -0.5, 4.5, 1.9, 1.7, -2, Double.NaN, Double.NaN},
                new double[] {0.15, 0.35, -0.5, 8, 2.5, 3, 0, 0.5, 0.5}),
            new int[] {0, 0, 1});
    GroundTruth second =
        new GroundTruth(List.of(new double[] {3.5, -3, 0, 1, 0.5, 0.4, 3, 0, 0}), new int[] {1});
    return new CenterTargetAssigner(GRID, TASKS, 5).assign(List.of(first, second));
  }

  private static int peakIndex(TaskTarget target, int length, int trial) {
    int channel = trial % (length / (2 * GRID.cells()));
    return channel * GRID.cells() + (int) target.cells()[trial % 3];
  }

  private static double total(double[][] maps, List<TaskTarget> targets) {
    try (TensorScope scope = TensorScope.open()) {
      return LOSS.compute(List.of(prediction(tensors(maps, false))), targets).total().item_double();
    }
  }

  private static double[][] randomMaps(long seed) {
    Random random = new Random(seed);
    double[][] maps = new double[CHANNELS.length][];
    for (int m = 0; m < maps.length; m++) {
      maps[m] = random.doubles(2L * CHANNELS[m] * GRID.cells(), -3, 3).toArray();
    }
    return maps;
  }

  private static Tensor[] tensors(double[][] maps, boolean leaf) {
    Tensor[] tensors = new Tensor[maps.length];
    for (int m = 0; m < maps.length; m++) {
      tensors[m] = Tensor.create(maps[m], 2, CHANNELS[m], GRID.height(), GRID.width());
      tensors[m].set_requires_grad(leaf);
    }
    return tensors;
  }

  private static TaskPrediction prediction(Tensor[] t) {
    return new TaskPrediction(t[0], t[1], t[2], t[3], t[4], t[5]);
  }

  private static double focalReference(double[] logits, TaskTarget target) {
    double sum = 0;
    int peaks = 0;
    for (int i = 0; i < logits.length; i++) {
      double p = Math.clamp(1 / (1 + Math.exp(-logits[i])), 1e-4, 1 - 1e-4);
      double t = target.heatmap()[i];
      if (t == 1) {
        peaks++;
        sum -= Math.log(p) * (1 - p) * (1 - p);
      } else {
        sum -= Math.log(1 - p) * p * p * Math.pow(1 - t, 4);
      }
    }
    return 6 * sum / Math.max(peaks, 1);
  }

  private static double l1Reference(double[][] maps, TaskTarget target) {
    double sum = 0;
    int count = 0;
    for (int slot = 0; slot < target.used().length; slot++) {
      if (!target.used()[slot]) {
        continue;
      }
      count++;
      int sample = slot / target.maxObjects();
      int number = 0;
      for (int m = 0; m < 5; m++) {
        for (int c = 0; c < CHANNELS[m]; c++, number++) {
          double wanted = target.boxes()[slot * 10 + number];
          int index = (sample * CHANNELS[m] + c) * GRID.cells() + (int) target.cells()[slot];
          sum += Double.isNaN(wanted) ? 0 : codeWeight(number) * Math.abs(maps[m][index] - wanted);
        }
      }
    }
    return 1.5 * sum / (count + 1e-4);
  }

  private static double codeWeight(int number) {
    return (float) CODE_WEIGHTS[number];
  }
}
