package dev.bevel.nuscenes.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.evaluation.DetectionCurve;
import dev.bevel.nuscenes.evaluation.DetectionEvaluation;
import dev.bevel.nuscenes.evaluation.DetectionMatch;
import dev.bevel.nuscenes.evaluation.DetectionMetrics;
import dev.bevel.nuscenes.evaluation.EvaluationBox;
import dev.bevel.nuscenes.evaluation.EvaluationSet;
import dev.bevel.nuscenes.evaluation.Submission;
import dev.bevel.nuscenes.evaluation.SubmissionReader;
import dev.bevel.nuscenes.evaluation.TruePositiveMetric;
import dev.bevel.testing.Seed;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Figures by sample and by distance, from the benchmark's matching. */
class SampleScoreTest {
  private record Evaluated(
      EvaluationSet set, Submission submission, List<DetectionMatch> matches) {}

  private static Evaluated synthetic() throws URISyntaxException {
    Path data =
        Path.of(
            Objects.requireNonNull(SampleScoreTest.class.getResource("/evaluation/synthetic-set"))
                .toURI());
    EvaluationSet set = EvaluationSet.of(NuScenes.load(data), List.of("scene-0103", "scene-0916"));
    Submission submission = SubmissionReader.read(data.resolve("results_nusc.json"), set);
    return new Evaluated(set, submission, DetectionMatch.all(set, submission, 2));
  }

  @Test
  void matchesAreThoseOfTheCurves() throws URISyntaxException {
    Evaluated e = synthetic();
    assertThat(e.matches.stream().filter(m -> m.truth() != null)).hasSize(302);
    assertThat(e.matches.stream().filter(m -> m.detection() != null)).hasSize(364);
    DetectionMetrics metrics = DetectionEvaluation.evaluate(e.set, e.submission);
    for (DetectionClass each : DetectionClass.values()) {
      List<DetectionMatch> found =
          e.matches.stream().filter(m -> m.isFound() && isOf(m.truth(), each)).toList();
      long truths = e.matches.stream().filter(m -> isOf(m.truth(), each)).count();
      assertThat(found.size()).isBetween(1, (int) truths - 1);
      DetectionCurve curve = metrics.curve(each, 2);
      for (TruePositiveMetric metric : TruePositiveMetric.values()) {
        if (metric.appliesTo(each)) {
          double mean =
              found.stream()
                  .mapToDouble(m -> m.error(metric))
                  .filter(error -> !Double.isNaN(error))
                  .average()
                  .orElse(1);
          // Beyond the recall reached, a curve's error is the mean over all matches.
          assertThat(mean)
              .as("%s %s", each, metric)
              .isCloseTo(curve.errors(metric)[100], within(1e-9));
        }
      }
      double recall = found.size() / (double) truths;
      int reached = 100;
      while (curve.precision()[reached] == 0) {
        reached--;
      }
      assertThat(recall).isCloseTo(reached / 100.0, within(0.0101));
    }
  }

  private static boolean isOf(@Nullable EvaluationBox box, DetectionClass c) {
    return box != null && box.detectionClass() == c;
  }

  @Test
  void bandsPartTheObjects() throws URISyntaxException {
    Evaluated e = synthetic();
    List<DistanceBand> bands = DistanceBand.of(e.set, e.matches);
    assertThat(bands).hasSize(5);
    assertThat(bands.stream().mapToInt(DistanceBand::truths).sum()).isEqualTo(302);
    assertThat(bands.stream().mapToInt(DistanceBand::found).sum())
        .isEqualTo((int) e.matches.stream().filter(DetectionMatch::isFound).count());
    DistanceBand second = bands.get(1);
    double sum = 0;
    int truths = 0;
    int found = 0;
    for (DetectionMatch match : e.matches) {
      EvaluationBox truth = match.truth();
      if (truth != null && e.set.egoDistance(truth) >= 10 && e.set.egoDistance(truth) < 20) {
        truths++;
        EvaluationBox detection = match.detection();
        if (detection != null) {
          found++;
          sum += Math.hypot(truth.x() - detection.x(), truth.y() - detection.y());
        }
      }
    }
    assertThat(truths).isPositive();
    assertThat(second.truths()).isEqualTo(truths);
    assertThat(second.recall()).isCloseTo(found / (double) truths, within(1e-12));
    assertThat(second.errors().get(TruePositiveMetric.TRANSLATION))
        .isCloseTo(sum / found, within(1e-9));
    DistanceBand empty = DistanceBand.of(e.set, List.of()).getFirst();
    assertThat(empty.recall()).isNaN();
    assertThat(empty.errors()).containsValue(Double.NaN);
  }

  private static EvaluationBox box(int sample, double score) {
    return new EvaluationBox(sample, DetectionClass.CAR, 0, 0, 0, 1, 1, 1, 0, 0, 0, score, "", 1);
  }

  @Test
  void theThresholdIsTheBestOfAll() {
    Random random = Seed.random(SampleScoreTest.class);
    for (int trial = 0; trial < 300; trial++) {
      List<DetectionMatch> matches = new ArrayList<>();
      for (int i = random.nextInt(20); i >= 0; i--) {
        double score = random.nextInt(10) / 10.0; // with ties
        int sample = random.nextInt(4);
        matches.add(
            switch (random.nextInt(3)) {
              case 0 -> new DetectionMatch(box(sample, -1), box(sample, score));
              case 1 -> new DetectionMatch(null, box(sample, score));
              default -> new DetectionMatch(box(sample, -1), null);
            });
      }
      double threshold = SampleScore.bestThreshold(matches);
      double best = f1(matches, threshold);
      for (int i = 0; i < 10; i++) {
        assertThat(f1(matches, i / 10.0)).as("trial %d", trial).isLessThanOrEqualTo(best + 1e-12);
      }
      List<SampleScore> scores = SampleScore.of(4, matches, threshold);
      int truths = scores.stream().mapToInt(SampleScore::truths).sum();
      assertThat(truths).isEqualTo((int) matches.stream().filter(m -> m.truth() != null).count());
      for (int i = 1; i < scores.size(); i++) {
        assertThat(scores.get(i - 1).f1()).isGreaterThanOrEqualTo(scores.get(i).f1());
      }
    }
    assertThat(SampleScore.bestThreshold(List.of())).isZero();
  }

  private static double f1(List<DetectionMatch> matches, double threshold) {
    int truths = 0;
    int detections = 0;
    int found = 0;
    for (DetectionMatch match : matches) {
      EvaluationBox detection = match.detection();
      boolean counts = detection != null && detection.score() >= threshold;
      truths += match.truth() == null ? 0 : 1;
      detections += counts ? 1 : 0;
      found += counts && match.truth() != null ? 1 : 0;
    }
    return truths + detections == 0 ? 0 : 2.0 * found / (truths + detections);
  }

  @Test
  void samplesAreRankedByWhatWasFound() {
    List<DetectionMatch> matches =
        List.of(
            new DetectionMatch(box(0, -1), box(0, 0.9)),
            new DetectionMatch(box(2, -1), box(2, 0.4)),
            new DetectionMatch(box(2, -1), null),
            new DetectionMatch(box(3, -1), null),
            new DetectionMatch(null, box(3, 0.8)),
            new DetectionMatch(null, box(4, 0.3)));
    List<SampleScore> scores = SampleScore.of(5, matches, 0.4);
    assertThat(scores)
        .containsExactly(
            new SampleScore(0, 1, 1, 1), new SampleScore(2, 2, 1, 1), new SampleScore(3, 1, 1, 0));
    assertThat(scores.get(1).f1()).isCloseTo(2 / 3.0, within(1e-12));
    assertThat(scores.stream().sorted(SampleScore.WORST_FIRST).findFirst())
        .contains(new SampleScore(3, 1, 1, 0));
  }
}
