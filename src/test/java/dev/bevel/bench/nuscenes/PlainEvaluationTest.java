package dev.bevel.bench.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.Splits;
import dev.bevel.nuscenes.evaluation.DetectionEvaluation;
import dev.bevel.nuscenes.evaluation.DetectionMetrics;
import dev.bevel.nuscenes.evaluation.EvaluationBox;
import dev.bevel.nuscenes.evaluation.EvaluationSet;
import dev.bevel.nuscenes.evaluation.EvaluationSettings;
import dev.bevel.nuscenes.evaluation.Submission;
import dev.bevel.nuscenes.evaluation.SubmissionReader;
import dev.bevel.nuscenes.evaluation.TruePositiveMetric;
import dev.bevel.testing.TestData;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PlainEvaluationTest {
  private static double score(Path data, Path results, String split) {
    NuScenes set = NuScenes.load(data);
    EvaluationSet samples = EvaluationSet.of(set, Splits.scenes(set, split));
    Submission submission = SubmissionReader.read(results, samples);
    double score = PlainEvaluation.detectionScore(set, submission);
    assertThat(DetectionEvaluation.evaluate(samples, submission).detectionScore())
        .isCloseTo(score, within(1e-12));
    return score;
  }

  /** The score that the nuScenes devkit's own test asserts. */
  @Test
  void isTheDevkitsOnRealData() {
    Path data = TestData.require("nuscenes-mini-val");
    assertThat(score(data, data.resolve("detections-devkit-mock/results_nusc.json"), "mini_val"))
        .isCloseTo(0.19449091580477748, within(1e-12));
  }

  /** Ties, unknown velocities, missing attributes, racks; the score that the devkit gives. */
  @Test
  void isTheDevkitsOnTheSyntheticSet() {
    Path data = TestData.require("evaluation-fixtures/synthetic-set");
    assertThat(score(data, data.resolve("results_nusc.json"), "mini_val"))
        .isCloseTo(0.4391332570915255, within(1e-12));
  }

  /** Each threshold by itself, and all of them. */
  @Test
  void alteredThresholdsGiveWhatThePlainEvaluatorGives() throws URISyntaxException {
    Path data =
        Path.of(
            Objects.requireNonNull(
                    PlainEvaluationTest.class.getResource("/evaluation/synthetic-set"))
                .toURI());
    NuScenes set = NuScenes.load(data);
    EvaluationSet samples = EvaluationSet.of(set, Splits.scenes(set, "mini_val"));
    Submission submission = SubmissionReader.read(data.resolve("results_nusc.json"), samples);
    EvaluationSettings benchmark = EvaluationSettings.BENCHMARK;
    Set<Double> scores = new HashSet<>();
    for (EvaluationSettings settings :
        List.of(
            benchmark,
            benchmark.withMatchDistances(List.of(1.0, 3.0), 3.0),
            benchmark.withMatchDistances(List.of(0.5, 1.0, 2.0, 4.0), 4.0),
            benchmark.withMinimum(0, 0.1),
            benchmark.withMinimum(0.1, 0),
            benchmark.withMinimum(0.25, 0.3),
            benchmark.withRange(20),
            benchmark.withRange(Double.POSITIVE_INFINITY),
            benchmark.withMatchDistances(List.of(1.5), 1.5).withMinimum(0.05, 0.2).withRange(35))) {
      double plain = PlainEvaluation.detectionScore(set, submission, settings);
      DetectionMetrics metrics = DetectionEvaluation.evaluate(samples, submission, settings);
      assertThat(metrics.detectionScore()).as("%s", settings).isCloseTo(plain, within(1e-12));
      assertThat(metrics.settings()).isEqualTo(settings);
      scores.add(plain);
      // The same boxes without the tables: what the tables knew of ranges and racks is done.
      EvaluationSettings everywhere = settings.withRange(Double.POSITIVE_INFINITY);
      assertThat(
              DetectionEvaluation.evaluate(
                      samples.filter(samples.truth(), settings),
                      samples.filter(submission.boxes(), settings),
                      everywhere)
                  .detectionScore())
          .isEqualTo(metrics.detectionScore());
    }
    assertThat(scores).as("each threshold matters").hasSize(9);
  }

  @Test
  void boxesNeedNoTables() {
    EvaluationBox near = box(7, 49.9, -1, 3);
    EvaluationBox far = box(7, 50.1, -1, 3);
    EvaluationBox empty = box(7, 10, -1, 0);
    EvaluationBox found = box(7, 49.8, 0.9, -1);
    EvaluationBox elsewhere = box(-3, 49.8, 0.8, -1);
    EvaluationSettings benchmark = EvaluationSettings.BENCHMARK;
    DetectionMetrics metrics =
        DetectionEvaluation.evaluate(
            List.of(near, far, empty), List.of(found, elsewhere), benchmark);
    assertThat(metrics.averagePrecision(DetectionClass.CAR)).isBetween(0.99, 1.0);
    assertThat(metrics.error(DetectionClass.CAR, TruePositiveMetric.TRANSLATION))
        .isCloseTo(0.1, within(1e-12));
    DetectionMetrics all =
        DetectionEvaluation.evaluate(
            List.of(near, far, empty),
            List.of(found, elsewhere),
            benchmark.withRange(Double.POSITIVE_INFINITY));
    assertThat(all.averagePrecision(DetectionClass.CAR)).isBetween(0.4, 0.5);
    assertThatThrownBy(
            () ->
                DetectionEvaluation.evaluate(
                    List.of(near), List.of(found, found), benchmark.withMaxBoxes(1)))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("sample 7 has more detections than the limit of 1");
    assertThatThrownBy(() -> DetectionEvaluation.evaluate(List.of(), List.of(), benchmark))
        .hasMessageContaining("no ground truth");
  }

  private static EvaluationBox box(int sample, double x, double score, int points) {
    return new EvaluationBox(
        sample, DetectionClass.CAR, x, 0, 0, 2, 4, 1.5, 0, 0, 0, score, "", points);
  }

  @Test
  void settingsOutOfRangeAreNamed() {
    EvaluationSettings good = EvaluationSettings.BENCHMARK;
    Map<String, Runnable> bad =
        Map.of(
            "must not be empty", () -> good.withMatchDistances(List.of(), 2),
            "must be positive and ascend", () -> good.withMatchDistances(List.of(2.0, 1.0), 2),
            "truePositiveDistance must be one of", () -> good.withMatchDistances(List.of(1.0), 2),
            "minRecall must be in", () -> good.withMinimum(1, 0.1),
            "minPrecision must be in", () -> good.withMinimum(0.1, Double.NaN),
            "ranges must have a positive one of car", () -> good.withRange(0),
            "maxBoxes must be positive", () -> good.withMaxBoxes(0));
    bad.forEach(
        (words, call) ->
            assertThatThrownBy(call::run)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(words));
  }

  @Test
  void isTheEvaluatorsOnMadeUpDetections(@TempDir Path folder) {
    Path file = folder.resolve("results.json");
    SyntheticDataSet.writeWithSubmission(folder, SyntheticSize.val(2 / 150.0), 11, file);
    assertThat(score(folder, file, SyntheticDataSet.SPLIT)).isBetween(0.3, 0.7);
  }

  @SuppressWarnings("NullAway") // what callers without a nullness checker can do
  private static EvaluationBox car(@Nullable DetectionClass type, double score, int points) {
    return new EvaluationBox(0, type, 5, 5, 0, 2, 4, 1.5, 0, 0, 0, score, "", points);
  }

  @Test
  void predictionsHaveNoPointsAndMustHaveAClass() {
    List<EvaluationBox> truth = List.of(car(DetectionClass.CAR, 0, 7));
    for (int points : new int[] {-1, 0, 3}) {
      List<EvaluationBox> found = List.of(car(DetectionClass.CAR, 0.9, points));
      DetectionMetrics metrics =
          DetectionEvaluation.evaluate(truth, found, EvaluationSettings.BENCHMARK);
      assertThat(metrics.averagePrecision(DetectionClass.CAR))
          .as("points %d", points)
          .isCloseTo(1, within(1e-12));
    }
    List<EvaluationBox> nothing = List.of(car(null, 0.9, 1));
    assertThatThrownBy(
            () -> DetectionEvaluation.evaluate(truth, nothing, EvaluationSettings.BENCHMARK))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("predictions has a box without a class");
  }
}
