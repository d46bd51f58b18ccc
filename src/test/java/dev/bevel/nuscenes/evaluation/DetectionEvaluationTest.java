package dev.bevel.nuscenes.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.Splits;
import dev.bevel.testing.TestData;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Stream;
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
  void filesAreTheDevkits() throws URISyntaxException, IOException {
    EvaluationSet set = syntheticSet();
    Submission submission = SubmissionReader.read(synthetic().resolve("results_nusc.json"), set);
    DetectionMetrics metrics = DetectionEvaluation.evaluate(set, submission);
    Path summary = folder.resolve("metrics_summary.json");
    MetricsWriter.writeSummary(summary, metrics, submission.meta(), 0.5);
    ObjectNode written = (ObjectNode) JSON.readTree(summary.toFile());
    ObjectNode expected =
        (ObjectNode) JSON.readTree(synthetic().resolve("expected/metrics_summary.json").toFile());
    assertThat(written.remove("eval_time").asDouble()).isEqualTo(0.5);
    expected.remove("eval_time");
    assertSame("", written, expected);
    assertThat(Files.readString(summary)).contains("\"vel_err\" : NaN");
  }

  @Test
  void curvesAreTheDevkits() throws URISyntaxException, IOException {
    Path details =
        TestData.require("evaluation-fixtures/synthetic-set/expected/metrics_details.json");
    EvaluationSet set = syntheticSet();
    Submission submission = SubmissionReader.read(synthetic().resolve("results_nusc.json"), set);
    Path file = folder.resolve("metrics_details.json");
    MetricsWriter.writeDetails(file, DetectionEvaluation.evaluate(set, submission));
    assertSame("", JSON.readTree(file.toFile()), JSON.readTree(details.toFile()));
  }

  private static void assertSame(String path, JsonNode written, JsonNode expected) {
    if (expected.isNumber()) {
      double difference = Math.abs(written.asDouble() - expected.asDouble());
      boolean bothNaN = Double.isNaN(written.asDouble()) && Double.isNaN(expected.asDouble());
      assertThat(bothNaN || difference < 1e-9)
          .as("%s: %s, expected %s", path, written, expected)
          .isTrue();
      return;
    }
    if (expected.isValueNode()) {
      assertThat(written).as(path).isEqualTo(expected);
      return;
    }
    assertThat(written).as(path).hasSameSizeAs(expected);
    if (expected.isArray()) {
      for (int i = 0; i < expected.size(); i++) {
        assertSame(path + "[" + i + "]", written.get(i), expected.get(i));
      }
      return;
    }
    expected
        .properties()
        .forEach(
            entry -> {
              assertThat(written.has(entry.getKey())).as(path + "." + entry.getKey()).isTrue();
              assertSame(
                  path + "." + entry.getKey(), written.get(entry.getKey()), entry.getValue());
            });
  }

  @Test
  void splitsAreThoseOfTheVersion() throws URISyntaxException, IOException {
    NuScenes set = NuScenes.load(synthetic());
    assertThat(Splits.scenes(set, "mini_val")).isEqualTo(SCENES);
    assertThat(Splits.scenes(set, "mini_train")).hasSize(8);
    assertThatThrownBy(() -> Splits.scenes(set, "val"))
        .isInstanceOf(NuScenesException.class)
        .hasMessage("split val needs a version that ends in trainval, got v1.0-mini");
    assertThatThrownBy(() -> Splits.scenes(set, "dev"))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("there is no split 'dev'");
  }

  @Test
  void aDataSetMayBringItsOwnSplits() throws URISyntaxException, IOException {
    Path tables = Files.createDirectory(folder.resolve("v1.0-mini"));
    try (Stream<Path> files = Files.list(synthetic().resolve("v1.0-mini"))) {
      for (Path file : files.toList()) {
        Files.copy(file, tables.resolve(file.getFileName().toString()));
      }
    }
    NuScenes set = NuScenes.load(folder);
    Path splits = Files.writeString(tables.resolve("splits.json"), "{\"own\": [\"scene-0103\"]}");
    assertThat(Splits.scenes(set, "own")).containsExactly("scene-0103");
    assertThatThrownBy(() -> Splits.scenes(set, "dev")).hasMessageContaining("[own]");
    for (String broken : List.of("{\"own\": [1]}", "[]", "{\"own\": [\"scene-0103\"")) {
      Files.writeString(splits, broken);
      assertThatThrownBy(() -> Splits.scenes(set, "own"))
          .isInstanceOf(NuScenesException.class)
          .hasMessageContaining(splits.toString());
    }
  }

  @Test
  void groundTruthAsPredictionIsPerfect() throws URISyntaxException {
    EvaluationSet set = syntheticSet();
    List<EvaluationBox> truth = set.filter(set.truth());
    DetectionMetrics metrics =
        DetectionEvaluation.evaluate(set.samples(), truth, truth, EvaluationSettings.BENCHMARK);
    assertThat(metrics.meanError(TruePositiveMetric.TRANSLATION)).isZero();
    assertThat(metrics.meanError(TruePositiveMetric.SCALE)).isCloseTo(0, within(1e-12));
    assertThat(metrics.meanError(TruePositiveMetric.ORIENTATION)).isZero();
  }

  @Test
  void theBoxesOfOneSampleAreThoseOfTheWhole() throws URISyntaxException {
    Path file = synthetic().resolve("results_nusc.json");
    EvaluationSet set = syntheticSet();
    List<EvaluationBox> all = SubmissionReader.read(file, set).boxes();
    for (String token : set.tokens()) {
      int index = set.index(token).orElseThrow();
      List<EvaluationBox> own = SubmissionReader.readSample(file, token);
      assertThat(own).allMatch(box -> box.sample() == 0);
      assertThat(own.stream().map(EvaluationBox::score).toList())
          .isEqualTo(
              all.stream().filter(b -> b.sample() == index).map(EvaluationBox::score).toList());
    }
    assertThatThrownBy(() -> SubmissionReader.readSample(file, "nowhere"))
        .isInstanceOf(NuScenesException.class)
        .hasMessageEndingWith("has no sample nowhere");
  }

  @Test
  void brokenSubmissionsAreRefused() throws IOException, URISyntaxException {
    EvaluationSet set = syntheticSet();
    String good = Files.readString(synthetic().resolve("results_nusc.json"));
    JsonNode results = JSON.readTree(good).get("results");
    String token = results.fieldNames().next();
    refused(set, good.substring(0, good.length() / 2), "is not valid JSON");
    refused(set, good + "{}", "goes on after its end");
    refused(set, "{\"other\": " + "[".repeat(100), "is not valid JSON", "nested more than");
    refused(set, "[]", "must have an object with meta and results");
    refused(set, "{\"results\": {}}", "lacks 12 of the 12 samples of the split");
    refused(set, "{\"results\": {}}", "; the benchmark wants every sample in it, one without");
    refused(set, "{\"results\": {}}", "list the scenes that you have as a split of your own");
    refused(set, "{\"meta\": {}}", "has no field results");
    refused(
        set,
        "{\"results\": {\"nowhere\": []}}",
        "sample nowhere is not of the split that is evaluated (its 12 samples are of [",
        "has no such sample; so it is with 1 of the 1 sample in the file");
    String much = "x".repeat(60_000);
    refusedBox(set, good, "\"attribute_name\":\"", "\"attribute_name\":\"" + much, "xx…xx");
    refusedBox(set, good, "\"detection_name\":\"", "\"detection_name\":\"" + much, "xx…xx");
    refusedBox(set, good, "\"sample_token\":\"", "\"sample_token\":\"" + much, "xx…");
    refused(set, "{\"results\": {\"" + "x".repeat(40_000) + "\": []}}", "sample xx", "xx…xx");
    refused(
        set,
        String.format(Locale.ROOT, "{\"results\": {\"%s\": [], \"%s\": []}}", token, token),
        "sample " + token + " is there twice");
    refusedBox(set, good, "\"detection_name\":\"car\"", "\"detection_name\":\"cow\"", "'cow'");
    refusedBox(set, good, "\"translation\":[", "\"translation\":[1, ", "got more");
    refusedBox(set, good, "\"size\":[", "\"size\":[-", "must be finite and positive");
    refusedBox(set, good, "\"detection_score\":", "\"detection_score\":NaN, \"x\": ", "NaN");
    refusedBox(set, good, "\"attribute_name\":\"", "\"attribute_name\":\"x", "attribute_name");
    refusedBox(set, good, "\"attribute_name\":", "\"x\":", "has no field attribute_name");
    refusedBox(set, good, "\"detection_name\":", "\"x\":", "has no field detection_name");
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
