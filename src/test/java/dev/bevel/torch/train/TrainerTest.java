package dev.bevel.torch.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.torch.TensorScope;
import dev.bevel.torch.head.LossTerms;
import dev.bevel.torch.nn.Tensors;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

@SuppressWarnings("try") // scopes are there to be closed
class TrainerTest {
  private static Trainer.Settings settings(double clip) {
    return new Trainer.Settings(
        0.01, 0.01, clip, new LearningRate.WarmUp(5, 0.5, new LearningRate.Constant()), null);
  }

  @Test
  void learns() {
    try (SmallNetwork network = new SmallNetwork(1);
        Trainer trainer = new Trainer(network, settings(100), 1)) {
      double first = trainer.step(network.loss(0)).loss();
      StepReport last = trainer.step(network.loss(1));
      for (int i = 0; i < 200; i++) {
        last = trainer.step(network.loss(i));
      }
      assertThat(last.loss()).isLessThan(first / 4);
      assertThat(last.step()).isEqualTo(202);
      assertThat(last.terms()).containsOnlyKeys("square");
      assertThat(last.learningRate()).isEqualTo(0.01);
      assertThat(trainer.step()).isEqualTo(202);
    }
  }

  @Test
  void theSameSeedGivesTheSameBits() {
    assertThat(train(5, 7)).containsExactlyEntriesOf(train(5, 7));
    assertThat(train(5, 7)).isNotEqualTo(train(5, 8));
  }

  private static Map<String, String> train(int steps, long seed) {
    try (SmallNetwork network = new SmallNetwork(1);
        Trainer trainer = new Trainer(network, settings(1), seed)) {
      for (int i = 0; i < steps; i++) {
        trainer.step(network.loss(i));
      }
      return bits(network.stateDict());
    }
  }

  private static double[] numbers(Map<String, Tensor> state, String name) {
    return Tensors.toDoubles(Objects.requireNonNull(state.get(name), name));
  }

  /** All numbers of a state, as text without rounding. */
  static Map<String, String> bits(Map<String, Tensor> state) {
    Map<String, String> bits = new LinkedHashMap<>();
    try (TensorScope scope = TensorScope.open()) {
      state.forEach(
          (name, tensor) -> {
            StringBuilder text = new StringBuilder();
            for (double value : Tensors.toDoubles(tensor)) {
              text.append(Double.toHexString(value)).append(' ');
            }
            bits.put(name, text.toString());
          });
    }
    return bits;
  }

  @Test
  void clippingBoundsTheGradientAndReportsItsNorm() {
    for (double clip : new double[] {1e-3, 1e6, Trainer.Settings.NO_CLIP}) {
      try (SmallNetwork network = new SmallNetwork(2);
          Trainer trainer = new Trainer(network, settings(clip), 2);
          TensorScope scope = TensorScope.open()) {
        double norm = trainer.step(network.loss(3)).gradientNorm();
        assertThat(norm).isGreaterThan(0.1);
        // After one step the first moment is a tenth of the gradient that was used.
        double squares = 0;
        for (Map.Entry<String, Tensor> s : trainer.optimizer().state().entrySet()) {
          if (s.getKey().startsWith(AdamW.FIRST + ".")) {
            for (double m : Tensors.toDoubles(s.getValue())) {
              squares += 100 * m * m;
            }
          }
        }
        assertThat(Math.sqrt(squares)).isCloseTo(Math.min(norm, clip), within(1e-4 * norm));
      }
    }
  }

  @Test
  void aLossThatIsNoNumberChangesNothing() {
    try (SmallNetwork network = new SmallNetwork(3);
        Trainer trainer = new Trainer(network, settings(1), 3)) {
      Map<String, String> before = bits(network.namedParameters());
      assertThatThrownBy(
              () ->
                  trainer.step(
                      () ->
                          new LossTerms()
                              .add("good", network.loss(0).get().total())
                              .add(
                                  "bad",
                                  network.loss(0).get().total().mul(new Scalar(Double.NaN)))))
          .isInstanceOf(TrainingException.class)
          .hasMessageContaining("step 1: the loss is NaN")
          .hasMessageContaining("bad=NaN");
      assertThat(bits(network.namedParameters())).isEqualTo(before);
      assertThat(trainer.step()).isZero();
      trainer.step(network.loss(0));
      assertThat(bits(network.namedParameters())).isNotEqualTo(before);
    }
  }

  @Test
  void aGradientThatIsNoNumberChangesNothing() {
    try (SmallNetwork network = new SmallNetwork(4);
        Trainer trainer = new Trainer(network, settings(1), 4)) {
      Map<String, String> before = bits(network.namedParameters());
      // √ of 0 · x is 0 with an infinite slope.
      assertThatThrownBy(
              () ->
                  trainer.step(
                      () ->
                          new LossTerms()
                              .add(
                                  "root",
                                  network.loss(0).get().total().mul(new Scalar(0.0)).sqrt())))
          .isInstanceOf(TrainingException.class)
          .hasMessageContaining("norm of the gradient");
      assertThat(bits(network.namedParameters())).isEqualTo(before);
    }
  }

  @Test
  void gradientsDoNotOutliveTheStep() {
    try (SmallNetwork network = new SmallNetwork(5);
        Trainer trainer = new Trainer(network, settings(1), 5);
        TensorScope scope = TensorScope.open()) {
      trainer.step(network.loss(0));
      network
          .namedParameters()
          .forEach((name, p) -> assertThat(p.grad().defined()).as(name).isFalse());
    }
  }

  @Test
  void badSettingsAreRefused() {
    assertThatThrownBy(() -> settings(0))
        .hasMessage("Trainer: learningRate and clip must be positive, got 0.01 and 0.0");
    assertThatThrownBy(() -> new WeightAverageSettings(1, 2000, 0))
        .hasMessageContaining("limit must be in [0, 1)");
  }

  @Test
  void theAverageFollowsItsFormula() {
    WeightAverageSettings average = new WeightAverageSettings(0.9, 3, 2);
    Trainer.Settings settings =
        new Trainer.Settings(0.01, 0, 10, new LearningRate.Constant(), average);
    try (SmallNetwork network = new SmallNetwork(6);
        Trainer trainer = new Trainer(network, settings, 6);
        TensorScope scope = TensorScope.open()) {
      String name = "second.weight";
      double[] expected = numbers(network.stateDict(), name);
      for (int i = 1; i <= 4; i++) {
        trainer.step(network.loss(i));
        double decay = 0.9 * (1 - Math.exp(-(2 + i) / 3.0));
        double[] now = numbers(network.stateDict(), name);
        for (int k = 0; k < now.length; k++) {
          expected[k] = decay * expected[k] + (1 - decay) * now[k];
        }
      }
      WeightAverage mean = Objects.requireNonNull(trainer.average());
      assertThat(numbers(mean.state(), name)).containsExactly(expected, within(1e-6));
      assertThat(numbers(mean.state(), "norm.num_batches_tracked")).containsExactly(4);
    }
  }
}
