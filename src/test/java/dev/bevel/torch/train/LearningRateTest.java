package dev.bevel.torch.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class LearningRateTest {
  private static final Offset<Double> EXACT = within(1e-12);

  @Test
  void constantStaysOne() {
    assertThat(new LearningRate.Constant().factor(0)).isEqualTo(1);
    assertThat(new LearningRate.Constant().factor(1_000_000)).isEqualTo(1);
  }

  @Test
  void stepsFallAtTheirMilestones() {
    LearningRate rate = new LearningRate.Steps(List.of(10L, 20L), 0.1);
    assertThat(rate.factor(9)).isEqualTo(1);
    assertThat(rate.factor(10)).isCloseTo(0.1, EXACT);
    assertThat(rate.factor(19)).isCloseTo(0.1, EXACT);
    assertThat(rate.factor(20)).isCloseTo(0.01, EXACT);
  }

  @Test
  void cosineGoesFromOneToLastAndStaysThere() {
    LearningRate rate = new LearningRate.Cosine(100, 0.2);
    assertThat(rate.factor(0)).isCloseTo(1, EXACT);
    assertThat(rate.factor(50)).isCloseTo(0.6, EXACT);
    assertThat(rate.factor(25)).isCloseTo(0.2 + 0.8 * (1 + Math.sqrt(0.5)) / 2, EXACT);
    assertThat(rate.factor(100)).isCloseTo(0.2, EXACT);
    assertThat(rate.factor(1000)).isCloseTo(0.2, EXACT);
  }

  /**
   * The values of PyTorch's OneCycleLR(max_lr=1, total_steps=10, pct_start=.3, div_factor=25,
   * final_div_factor=1e4).
   */
  @Test
  void oneCycleRisesAndFalls() {
    LearningRate rate = new LearningRate.OneCycle(10, 0.3, 25, 1e4);
    assertThat(rate.factor(0)).isCloseTo(0.04, EXACT);
    assertThat(rate.factor(1)).isCloseTo(0.52, EXACT);
    assertThat(rate.factor(2)).isCloseTo(1, EXACT);
    double last = 0.04 / 1e4;
    double expected = last + (1 - last) * (1 + Math.cos(Math.PI * 3 / 7)) / 2;
    assertThat(rate.factor(5)).isCloseTo(expected, EXACT);
    assertThat(rate.factor(9)).isCloseTo(last, EXACT);
    assertThat(rate.factor(99)).isCloseTo(last, EXACT);
  }

  @Test
  void warmUpMultipliesWhatFollows() {
    LearningRate rate = new LearningRate.WarmUp(4, 0.2, new LearningRate.Steps(List.of(2L), 0.5));
    assertThat(rate.factor(0)).isCloseTo(0.2, EXACT);
    assertThat(rate.factor(1)).isCloseTo(0.4, EXACT);
    assertThat(rate.factor(2)).isCloseTo(0.3, EXACT);
    assertThat(rate.factor(4)).isCloseTo(0.5, EXACT);
  }

  @Test
  void badLengthsAreRefused() {
    assertThatThrownBy(() -> new LearningRate.Cosine(0, 0))
        .hasMessage("Cosine: steps must be positive, got 0");
    for (double rise : new double[] {1, 0.1, 0, -1, Double.NaN}) {
      assertThatThrownBy(() -> new LearningRate.OneCycle(10, rise, 25, 1e4))
          .hasMessage("OneCycle: rise must be below 1 and more than one of 10 steps, got " + rise);
    }
    assertThatThrownBy(() -> new LearningRate.WarmUp(-1, 0, new LearningRate.Constant()))
        .hasMessage("WarmUp: steps must be positive, got -1");
  }
}
