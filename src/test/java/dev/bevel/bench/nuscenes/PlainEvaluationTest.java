package dev.bevel.bench.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.Splits;
import dev.bevel.nuscenes.evaluation.DetectionEvaluation;
import dev.bevel.nuscenes.evaluation.EvaluationSet;
import dev.bevel.nuscenes.evaluation.Submission;
import dev.bevel.nuscenes.evaluation.SubmissionReader;
import dev.bevel.testing.TestData;
import java.nio.file.Path;
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

  @Test
  void isTheEvaluatorsOnMadeUpDetections(@TempDir Path folder) {
    Path file = folder.resolve("results.json");
    SyntheticDataSet.writeWithSubmission(folder, SyntheticSize.val(2 / 150.0), 11, file);
    assertThat(score(folder, file, SyntheticDataSet.SPLIT)).isBetween(0.3, 0.7);
  }
}
