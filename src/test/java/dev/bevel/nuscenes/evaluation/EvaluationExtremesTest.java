package dev.bevel.nuscenes.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.NuScenesException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Values at the ends of float64 and null: figures in their ranges, or refusals that name them. */
class EvaluationExtremesTest {
  private static final EvaluationSettings SETTINGS = EvaluationSettings.BENCHMARK;
  private static final double[] SCORES = {
    0, 5e-324, 1e-323, 1.5e-323, 1e-310, Double.MIN_NORMAL, 1e-200, 0.5, 1, 1e200, 1.7e308
  };
  private static final double[] SIZES = {5e-324, 1e-310, 1e-110, 1, 1e60, 1e150};
  private static final double[] VELOCITIES = {0, 5e-324, 1, 1e150, -1e150, Double.NaN};

  private static EvaluationBox box(double x, double size, double vx, double score) {
    return new EvaluationBox(
        0, DetectionClass.CAR, x, 0, 0, size, size, size, 0, vx, 0, score, "", 1);
  }

  @Test
  void subnormalScoresGiveTheFiguresOfOrdinaryOnes() {
    List<EvaluationBox> truth = List.of(box(1, 1, 0, -1), box(10, 1, 0, -1));
    DetectionMetrics tiny =
        DetectionEvaluation.evaluate(
            truth, List.of(box(1.5, 1, 5, 5e-324), box(10, 1, 0, 1e-323)), SETTINGS);
    DetectionMetrics plain =
        DetectionEvaluation.evaluate(
            truth, List.of(box(1.5, 1, 5, 0.25), box(10, 1, 0, 0.5)), SETTINGS);
    assertThat(tiny.meanAveragePrecision()).isEqualTo(plain.meanAveragePrecision());
    assertThat(tiny.detectionScore()).isCloseTo(plain.detectionScore(), within(0.01));
    DetectionMetrics huge =
        DetectionEvaluation.evaluate(
            truth, List.of(box(1.5, 1, 5, 1.7e308), box(10, 1, 0, 1e-323)), SETTINGS);
    DetectionMetrics reversed =
        DetectionEvaluation.evaluate(
            truth, List.of(box(1.5, 1, 5, 0.5), box(10, 1, 0, 0.25)), SETTINGS);
    assertThat(huge.meanAveragePrecision()).isEqualTo(reversed.meanAveragePrecision());
    assertThat(huge.detectionScore()).isFinite();
  }

  @Test
  void figuresAreInTheirRangesWhateverTheValues() {
    for (int seed = 0; seed < 400; seed++) {
      Random random = new Random(seed);
      List<EvaluationBox> truth = boxes(random, 1 + random.nextInt(6));
      List<EvaluationBox> predictions = boxes(random, 1 + random.nextInt(12));
      DetectionMetrics metrics = DetectionEvaluation.evaluate(truth, predictions, SETTINGS);
      assertThat(metrics.detectionScore()).as("NDS, seed %d", seed).isBetween(0.0, 1.0);
      for (TruePositiveMetric metric : TruePositiveMetric.values()) {
        assertThat(metrics.error(DetectionClass.CAR, metric))
            .as("%s, seed %d", metric, seed)
            .isFinite()
            .isNotNegative();
      }
    }
  }

  private static List<EvaluationBox> boxes(Random random, int count) {
    List<EvaluationBox> boxes = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      boxes.add(
          box(
              random.nextInt(6) + random.nextDouble(),
              SIZES[random.nextInt(SIZES.length)],
              VELOCITIES[random.nextInt(VELOCITIES.length)],
              SCORES[random.nextInt(SCORES.length)]));
    }
    return boxes;
  }

  @Test
  void interpolationStaysBetweenItsOrdinates() {
    double[] ends = {-1.7e308, -1, -5e-324, 0, 5e-324, 1e-323, 1, 1.7e308};
    for (int i = 0; i < ends.length; i++) {
      for (int j = i + 1; j < ends.length; j++) {
        for (double x : ends) {
          for (double low : ends) {
            for (double high : ends) {
              double y =
                  DetectionCurve.interpolate(
                      x, new double[] {ends[i], ends[j]}, new double[] {low, high}, high);
              // NumPy's form rounds to the larger ordinate's precision.
              double rounding = 1e-15 * Math.max(Math.abs(low), Math.abs(high));
              assertThat(y)
                  .as("%s in %s, %s to %s, %s", x, ends[i], ends[j], low, high)
                  .isBetween(Math.min(low, high) - rounding, Math.max(low, high) + rounding);
            }
          }
        }
      }
    }
  }

  /** Where a score rounds above the one before it no negative one is to blame. */
  @Test
  void scoresThatInterpolationRoundsAreNotCalledNegative() {
    for (int seed = 0; seed < 300; seed++) {
      Random random = new Random(seed);
      List<EvaluationBox> truth = new ArrayList<>();
      List<EvaluationBox> predictions = new ArrayList<>();
      for (int i = 0; i < 23; i++) {
        truth.add(box(2 * i, 1, 0, -1));
        predictions.add(box(2 * i, 1, 0, 0.1 + 0.1 * random.nextInt(4)));
      }
      DetectionMetrics metrics = DetectionEvaluation.evaluate(truth, predictions, SETTINGS);
      assertThat(metrics.averagePrecision(DetectionClass.CAR))
          .as("seed %d", seed)
          .isCloseTo(1, within(1e-12));
    }
    assertThatThrownBy(
            () ->
                DetectionEvaluation.evaluate(
                    List.of(box(1, 1, 0, -1), box(10, 1, 0, -1)),
                    List.of(box(1, 1, 0, -0.5)),
                    SETTINGS))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("must not be negative");
  }

  @Test
  void boxesThatMeanNothingAreRefused() {
    for (double bad : new double[] {Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 1e308}) {
      refusedBox(() -> box(1, 1, bad, 0.5), "the velocity of a box must be finite");
      refusedBox(() -> box(bad, 1, 0, 0.5), "the centre (" + bad);
      refusedBox(() -> box(1, bad, 0, 0.5), "box size (width, length, height)");
    }
    refusedBox(() -> box(1, 1, 0, Double.NaN), "score NaN of a box must be finite");
    @SuppressWarnings("NullAway") // what is tested
    Runnable withoutAttribute =
        () -> new EvaluationBox(0, DetectionClass.CAR, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0.5, null, 1);
    refusedBox(withoutAttribute, "the attribute of a box must be");
  }

  private static void refusedBox(Runnable make, String message) {
    assertThatThrownBy(make::run)
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining(message);
  }

  @Test
  @SuppressWarnings("NullAway") // what is tested
  void settingsThatAreNullOrIncompleteAreNamed() {
    refusedSetting(() -> SETTINGS.withRanges(null), "ranges must be given");
    refusedSetting(() -> SETTINGS.withRanges(Map.of()), "ranges must have a positive one of car");
    Map<DetectionClass, Double> withNull = new HashMap<>(SETTINGS.ranges());
    withNull.put(DetectionClass.BUS, null);
    refusedSetting(() -> SETTINGS.withRanges(withNull), "ranges must not hold null");
    Map<DetectionClass, Double> ofNull = new HashMap<>(SETTINGS.ranges());
    ofNull.put(null, 1.0);
    refusedSetting(() -> SETTINGS.withRanges(ofNull), "ranges must not hold null");
    refusedSetting(() -> SETTINGS.withMatchDistances(null, 1), "matchDistances must be given");
    refusedSetting(
        () -> SETTINGS.withMatchDistances(Arrays.asList(1.0, null), 1),
        "matchDistances must not hold null");
  }

  private static void refusedSetting(Runnable make, String message) {
    assertThatThrownBy(make::run)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("evaluation settings: ")
        .hasMessageContaining(message);
  }
}
