package dev.bevel.nuscenes.report;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.Splits;
import dev.bevel.nuscenes.SubmissionWriter;
import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.evaluation.DetectionEvaluation;
import dev.bevel.nuscenes.evaluation.DetectionMetrics;
import dev.bevel.nuscenes.evaluation.EvaluationSet;
import dev.bevel.nuscenes.evaluation.MetricsWriter;
import dev.bevel.nuscenes.evaluation.Submission;
import dev.bevel.nuscenes.evaluation.SubmissionReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/** Runs made for tests: a history, and an evaluation of ground truth that is disturbed. */
final class SampleRun {
  private SampleRun() {}

  /** Writes the part of a training. */
  static RunFolder train(Path folder, String config, Path data, String version) throws IOException {
    RunFolder run = new RunFolder(folder);
    run.write(new RunFolder.Training(config, data, version, "all", 400, 7));
    StringBuilder history = new StringBuilder("step,seconds,learning_rate,loss,heatmap,box\n");
    for (int step = 1; step <= 400; step++) {
      double heatmap = 3 * Math.exp(-step / 100.0) + 0.5;
      double box = 2 * Math.exp(-step / 150.0) + 0.3;
      history.append(
          String.format(
              Locale.ROOT,
              "%d,%s,%s,%s,%s,%s\n",
              step,
              step * 0.4,
              2e-4 * step / 400,
              heatmap + box,
              heatmap,
              box));
    }
    Files.writeString(run.history(), history);
    return run;
  }

  /** Writes the part of an evaluation: four of five objects found, with an error; false alarms. */
  static void evaluate(RunFolder run, NuScenes set, String split, Random random) {
    List<String> scenes = Splits.scenes(set, split);
    try (SubmissionWriter writer =
        new SubmissionWriter(run.results(), SubmissionWriter.Meta.CAMERA)) {
      for (Sample sample : set.samples()) {
        if (scenes.contains(set.scene(sample).name())) {
          DetectionSample contents = DetectionSample.of(set, sample);
          writer.write(sample.token(), contents.egoToGlobal(), detections(contents, random));
        }
      }
      writer.finish();
    }
    EvaluationSet evaluated = EvaluationSet.of(set, scenes);
    Submission submission = SubmissionReader.read(run.results(), evaluated);
    DetectionMetrics metrics = DetectionEvaluation.evaluate(evaluated, submission);
    MetricsWriter.writeSummary(run.metricsSummary(), metrics, submission.meta(), 1);
    MetricsWriter.writeDetails(run.metricsDetails(), metrics);
    run.write(
        new RunFolder.Evaluation(
            set.dataRoot(), set.version(), split, run.results(), RunFolder.sha256(run.results())));
  }

  private static List<Detection> detections(DetectionSample sample, Random random) {
    List<Detection> detections = new ArrayList<>();
    for (var truth : sample.boxes()) {
      if (truth.detectionClass().isEmpty() || random.nextDouble() < 0.2) {
        continue;
      }
      Box3d box = truth.box();
      detections.add(
          new Detection(
              moved(box, random, 0.4),
              truth.detectionClass().get(),
              0.3 + 0.7 * random.nextDouble()));
      if (random.nextDouble() < 0.3) {
        detections.add(
            new Detection(
                moved(box, random, 8), truth.detectionClass().get(), 0.5 * random.nextDouble()));
      }
    }
    return detections;
  }

  private static Box3d moved(Box3d box, Random random, double metres) {
    return Box3d.upright(
        box.x() + metres * random.nextGaussian(),
        box.y() + metres * random.nextGaussian(),
        box.z(),
        box.width() * (0.9 + 0.2 * random.nextDouble()),
        box.length(),
        box.height(),
        box.yaw() + 0.1 * random.nextGaussian(),
        0,
        0);
  }
}
