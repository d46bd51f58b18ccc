package dev.bevel.nuscenes.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.testing.TestData;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whole evaluations against the devkit's figures. */
class DetectionEvaluationTest {
  private static final List<String> SCENES = List.of("scene-0103", "scene-0916");
  private static final ObjectMapper JSON =
      JsonMapper.builder().enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS).build();

  @TempDir Path folder;

  private static Path synthetic() throws URISyntaxException {
    return Path.of(
        Objects.requireNonNull(
                DetectionEvaluationTest.class.getResource("/evaluation/synthetic-set"))
            .toURI());
  }

  private static EvaluationSet syntheticSet() throws URISyntaxException {
    return EvaluationSet.of(NuScenes.load(synthetic()), SCENES);
  }

  @Test
  void theSyntheticSetGivesTheDevkitsFigures() throws URISyntaxException, IOException {
    EvaluationSet set = syntheticSet();
    Submission submission = SubmissionReader.read(synthetic().resolve("results_nusc.json"), set);
    assertThat(set.truth()).hasSize(447);
    assertThat(set.filter(set.truth())).hasSize(302);
    assertThat(submission.boxes()).hasSize(533);
    assertThat(set.filter(submission.boxes())).hasSize(364);
    assertThat(submission.meta()).containsKey("use_camera");
    DetectionMetrics metrics = DetectionEvaluation.evaluate(set, submission);
    assertAgrees(metrics, synthetic().resolve("expected/metrics_summary.json"));
    assertThat(metrics.detectionScore()).isCloseTo(0.4391332570915255, within(1e-12));
  }

  @Test
  void realMiniValGivesTheDevkitsFigures() throws IOException {
    Path data = TestData.require("nuscenes-mini-val");
    Path results = data.resolve("detections-devkit-mock");
    EvaluationSet set = EvaluationSet.of(NuScenes.load(data), SCENES);
    Submission submission = SubmissionReader.read(results.resolve("results_nusc.json"), set);
    DetectionMetrics metrics = DetectionEvaluation.evaluate(set, submission);
    assertAgrees(metrics, results.resolve("metrics_summary_computed_here.json"));
    assertThat(metrics.detectionScore()).isCloseTo(0.19449091580477748, within(1e-12));
  }

  private static void assertAgrees(DetectionMetrics metrics, Path summary) throws IOException {
    JsonNode expected = JSON.readTree(summary.toFile());
    for (DetectionClass each : EvaluationConfig.CLASSES) {
      JsonNode precisions = expected.get("label_aps").get(each.detectionName());
      for (double distance : EvaluationConfig.MATCH_DISTANCES) {
        assertThat(metrics.curve(each, distance).averagePrecision())
            .as("%s at %s m", each, distance)
            .isCloseTo(precisions.get(Double.toString(distance)).asDouble(), within(1e-9));
      }
      JsonNode errors = expected.get("label_tp_errors").get(each.detectionName());
      for (TruePositiveMetric metric : TruePositiveMetric.values()) {
        double error = errors.get(metric.key()).asDouble();
        if (Double.isNaN(error)) {
          assertThat(metrics.error(each, metric)).as("%s of %s", metric, each).isNaN();
        } else {
          assertThat(metrics.error(each, metric))
              .as("%s of %s", metric, each)
              .isCloseTo(error, within(1e-9));
        }
      }
    }
    for (TruePositiveMetric metric : TruePositiveMetric.values()) {
      assertThat(metrics.meanError(metric))
          .isCloseTo(expected.get("tp_errors").get(metric.key()).asDouble(), within(1e-9));
    }
    assertThat(metrics.meanAveragePrecision())
        .isCloseTo(expected.get("mean_ap").asDouble(), within(1e-12));
    assertThat(metrics.detectionScore())
        .isCloseTo(expected.get("nd_score").asDouble(), within(1e-12));
  }

  @Test
  void groundTruthAsPredictionIsPerfect() throws URISyntaxException {
    EvaluationSet set = syntheticSet();
    List<EvaluationBox> truth = set.filter(set.truth());
    DetectionMetrics metrics = DetectionEvaluation.evaluate(set.samples(), truth, truth);
    assertThat(metrics.meanError(TruePositiveMetric.TRANSLATION)).isZero();
    assertThat(metrics.meanError(TruePositiveMetric.SCALE)).isCloseTo(0, within(1e-12));
    assertThat(metrics.meanError(TruePositiveMetric.ORIENTATION)).isZero();
  }

  @Test
  void brokenSubmissionsAreRefused() throws IOException, URISyntaxException {
    EvaluationSet set = syntheticSet();
    String good = Files.readString(synthetic().resolve("results_nusc.json"));
    JsonNode results = JSON.readTree(good).get("results");
    String token = results.fieldNames().next();
    refused(set, good.substring(0, good.length() / 2), "is not valid JSON");
    refused(set, good + "{}", "goes on after its end");
    refused(set, "[]", "must have an object with meta and results");
    refused(set, "{\"results\": {}}", "lacks 12 of the 12 samples of the split");
    refused(set, "{\"meta\": {}}", "has no field results");
    refused(set, "{\"results\": {\"nowhere\": []}}", "sample nowhere is not of the split");
    refused(
        set,
        "{\"results\": {\"%s\": [], \"%s\": []}}".formatted(token, token),
        "sample " + token + " is there twice");
    refusedBox(set, good, "\"detection_name\":\"car\"", "\"detection_name\":\"cow\"", "'cow'");
    refusedBox(set, good, "\"translation\":[", "\"translation\":[1, ", "got more");
    refusedBox(set, good, "\"size\":[", "\"size\":[-", "must be finite and positive");
    refusedBox(set, good, "\"detection_score\":", "\"detection_score\":NaN, \"x\": ", "NaN");
    refusedBox(set, good, "\"attribute_name\":\"", "\"attribute_name\":\"x", "attribute_name");
    refusedBox(set, good, "\"sample_token\":\"", "\"sample_token\":\"x", "has sample_token 'x");
  }

  private void refusedBox(
      EvaluationSet set, String good, String from, String to, String... expected)
      throws IOException {
    int at = good.indexOf(from);
    assertThat(at).as(from).isPositive();
    String broken = good.substring(0, at) + to + good.substring(at + from.length());
    refused(set, broken, expected);
  }

  private void refused(EvaluationSet set, String text, String... expected) throws IOException {
    Path file = Files.writeString(folder.resolve("broken.json"), text);
    assertThatThrownBy(() -> SubmissionReader.read(file, set))
        .isInstanceOf(NuScenesException.class)
        .hasMessageStartingWith("submission " + file)
        .message()
        .contains(expected);
  }
}
