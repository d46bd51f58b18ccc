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

/**
 * An evaluated submission.
 *
 * @param metrics its figures
 * @param seconds that the evaluation took, without reading
 */
record EvaluationRun(DetectionMetrics metrics, double seconds) {
  /**
   * Evaluates a submission and writes the figures and the evaluation's part of {@code run.json}.
   *
   * @param results the submission
   * @param folder for the figures
   */
  static EvaluationRun evaluate(NuScenes set, String split, Path results, RunFolder folder) {
    EvaluationSet truth = EvaluationSet.of(set, Splits.scenes(set, split));
    Submission submission = SubmissionReader.read(results, truth);
    long start = System.nanoTime();
    DetectionMetrics metrics = DetectionEvaluation.evaluate(truth, submission);
    double seconds = (System.nanoTime() - start) * 1e-9;
    MetricsWriter.writeSummary(folder.metricsSummary(), metrics, submission.meta(), seconds);
    MetricsWriter.writeDetails(folder.metricsDetails(), metrics);
    folder.write(new RunFolder.Evaluation(set.dataRoot(), set.version(), split, results));
    return new EvaluationRun(metrics, seconds);
  }
}
