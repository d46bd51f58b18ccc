package dev.bevel.cli;

import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.Splits;
import dev.bevel.nuscenes.evaluation.DetectionEvaluation;
import dev.bevel.nuscenes.evaluation.DetectionMetrics;
import dev.bevel.nuscenes.evaluation.EvaluationSet;
import dev.bevel.nuscenes.evaluation.MetricsWriter;
import dev.bevel.nuscenes.evaluation.Submission;
import dev.bevel.nuscenes.evaluation.SubmissionReader;
import dev.bevel.nuscenes.report.RunFolder;
import java.nio.file.Path;
import java.util.Map;

/**
 * An evaluated submission.
 *
 * @param metrics its figures
 * @param meta what the submission says of itself
 * @param evaluation what was evaluated
 * @param seconds that the evaluation took, without reading
 */
record EvaluationRun(
    DetectionMetrics metrics,
    Map<String, Boolean> meta,
    RunFolder.Evaluation evaluation,
    double seconds) {
  /**
   * Evaluates a submission.
   *
   * @param results the submission
   */
  static EvaluationRun evaluate(NuScenes set, String split, Path results) {
    EvaluationSet truth = EvaluationSet.of(set, Splits.scenes(set, split));
    Submission submission = SubmissionReader.read(results, truth);
    long start = System.nanoTime();
    DetectionMetrics metrics = DetectionEvaluation.evaluate(truth, submission);
    double seconds = (System.nanoTime() - start) * 1e-9;
    return new EvaluationRun(
        metrics,
        submission.meta(),
        new RunFolder.Evaluation(
            set.dataRoot(), set.version(), split, results, RunFolder.sha256(results)),
        seconds);
  }

  /** Writes the figures and the evaluation's part of {@code run.json}. */
  void write(RunFolder folder) {
    MetricsWriter.writeSummary(folder.metricsSummary(), metrics, meta, seconds);
    MetricsWriter.writeDetails(folder.metricsDetails(), metrics);
    folder.write(evaluation);
  }
}
