package dev.bevel.nuscenes.report;

import dev.bevel.nuscenes.evaluation.DetectionMatch;
import dev.bevel.nuscenes.evaluation.EvaluationBox;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/**
 * How well the objects of one sample are found by the detections of some score or more.
 *
 * @param sample index in the evaluated split
 * @param truths objects
 * @param detections with the score or more
 * @param found objects that one of these detections matches
 */
record SampleScore(int sample, int truths, int detections, int found) {
  private static final Comparator<SampleScore> BY_F1 = Comparator.comparingDouble(s -> s.f1());

  /** Of equals the one with more objects is the more telling. */
  private static final Comparator<SampleScore> MORE_FIRST =
      Comparator.comparingInt(SampleScore::truths).reversed().thenComparingInt(SampleScore::sample);

  static final Comparator<SampleScore> BEST_FIRST = BY_F1.reversed().thenComparing(MORE_FIRST);
  static final Comparator<SampleScore> WORST_FIRST = BY_F1.thenComparing(MORE_FIRST);

  /** Harmonic mean of precision and recall over all classes; NaN where there is nothing. */
  double f1() {
    return f1(truths, detections, found);
  }

  private static double f1(int truths, int detections, int found) {
    return truths + detections == 0 ? Double.NaN : 2.0 * found / (truths + detections);
  }

  /**
   * The score at which the F1 of the whole split is best: the detections from it on. Matching goes
   * by descending score, so that those above a score match the same objects whatever is below.
   */
  static double bestThreshold(Collection<DetectionMatch> matches) {
    int truths = (int) matches.stream().filter(match -> match.truth() != null).count();
    List<DetectionMatch> detections =
        matches.stream()
            .filter(match -> match.detection() != null)
            .sorted(Comparator.comparingDouble(SampleScore::score).reversed())
            .toList();
    double best = -1;
    double threshold = 0;
    int found = 0;
    for (int i = 0; i < detections.size(); i++) {
      found += detections.get(i).isFound() ? 1 : 0;
      double score = score(detections.get(i));
      boolean last = i + 1 == detections.size() || score(detections.get(i + 1)) < score;
      if (last && f1(truths, i + 1, found) > best) {
        best = f1(truths, i + 1, found);
        threshold = score;
      }
    }
    return threshold;
  }

  private static double score(DetectionMatch match) {
    EvaluationBox detection = match.detection();
    return detection == null ? Double.NEGATIVE_INFINITY : detection.score();
  }

  /** The scores of the samples that have objects or detections, best first. */
  static List<SampleScore> of(int samples, Collection<DetectionMatch> matches, double threshold) {
    int[] truths = new int[samples];
    int[] detections = new int[samples];
    int[] found = new int[samples];
    for (DetectionMatch match : matches) {
      EvaluationBox truth = match.truth();
      EvaluationBox detection = match.detection();
      boolean counts = detection != null && detection.score() >= threshold;
      if (truth != null) {
        truths[truth.sample()]++;
        found[truth.sample()] += counts ? 1 : 0;
      }
      if (detection != null && counts) {
        detections[detection.sample()]++;
      }
    }
    List<SampleScore> scores = new ArrayList<>();
    for (int i = 0; i < samples; i++) {
      if (truths[i] + detections[i] > 0) {
        scores.add(new SampleScore(i, truths[i], detections[i], found[i]));
      }
    }
    scores.sort(BEST_FIRST);
    return scores;
  }
}
