package dev.bevel.nuscenes.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.Pose;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Matching and curves of one class, against the devkit's figures for hand-made cases. */
class DetectionCurveTest {
  static Stream<Arguments> cases() throws IOException {
    try (InputStream in =
        Objects.requireNonNull(
            DetectionCurveTest.class.getResourceAsStream("/evaluation/simple_cases.json"))) {
      JsonNode file = new ObjectMapper().readTree(in);
      JsonNode defaults = file.get("defaults");
      return StreamSupport.stream(file.get("cases").spliterator(), false)
          .map(each -> Arguments.of(each.get("case").asText(), each, defaults));
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void handMadeCasesAgree(String name, JsonNode given, JsonNode defaults) {
    Map<String, Integer> samples = new HashMap<>();
    List<EvaluationBox> truth = boxes(given.get("gt"), defaults, samples);
    List<EvaluationBox> detections = boxes(given.get("pred"), defaults, samples);
    DetectionClass detectionClass = DetectionClass.ofName(given.get("cls").asText());
    ClassBoxes boxes = new ClassBoxes(detectionClass, samples.size(), truth, detections);
    given
        .get("by_threshold")
        .properties()
        .forEach(
            entry -> assertAgrees(boxes, Double.parseDouble(entry.getKey()), entry.getValue()));
  }

  private static void assertAgrees(ClassBoxes boxes, double distance, JsonNode expected) {
    if (expected.has("error")) { // the devkit fails
      assertThatThrownBy(() -> DetectionCurve.of(boxes, distance, EvaluationSettings.BENCHMARK))
          .isInstanceOf(NuScenesException.class)
          .hasMessageContaining("scores of the car detections must not be negative");
      return;
    }
    DetectionCurve curve = DetectionCurve.of(boxes, distance, EvaluationSettings.BENCHMARK);
    assertThat(curve.averagePrecision())
        .as("AP at %s m", distance)
        .isCloseTo(expected.get("ap").asDouble(), within(1e-12));
    for (TruePositiveMetric metric : TruePositiveMetric.values()) {
      assertThat(curve.meanError(metric))
          .as("%s at %s m", metric, distance)
          .isCloseTo(expected.get(metric.key()).asDouble(), within(1e-12));
    }
  }

  private static List<EvaluationBox> boxes(
      JsonNode bySample, JsonNode defaults, Map<String, Integer> samples) {
    List<EvaluationBox> boxes = new ArrayList<>();
    bySample
        .properties()
        .forEach(
            entry -> {
              int sample = samples.computeIfAbsent(entry.getKey(), key -> samples.size());
              entry.getValue().forEach(box -> boxes.add(box(box, defaults, sample)));
            });
    return boxes;
  }

  private static EvaluationBox box(JsonNode given, JsonNode defaults, int sample) {
    double[] t = numbers(given, defaults, "trans");
    double[] size = numbers(given, defaults, "size");
    double[] q = numbers(given, defaults, "rot");
    double[] v = numbers(given, defaults, "vel");
    boolean rotated = q[0] != 0 || q[1] != 0 || q[2] != 0 || q[3] != 0;
    return new EvaluationBox(
        sample,
        DetectionClass.ofName(field(given, defaults, "name").asText()),
        t[0],
        t[1],
        t[2],
        size[0],
        size[1],
        size[2],
        rotated ? Pose.of(t, q).yaw() : 0,
        v[0],
        v[1],
        field(given, defaults, "score").asDouble(),
        field(given, defaults, "attr").asText(),
        1);
  }

  private static JsonNode field(JsonNode given, JsonNode defaults, String name) {
    return given.has(name) ? given.get(name) : defaults.get(name);
  }

  private static double[] numbers(JsonNode given, JsonNode defaults, String name) {
    return StreamSupport.stream(field(given, defaults, name).spliterator(), false)
        .mapToDouble(each -> each.isNull() ? Double.NaN : each.asDouble())
        .toArray();
  }

  @Test
  void meansPassOverNaN() {
    double none = Double.NaN;
    assertThat(DetectionCurve.cumulativeMean(new double[] {none, 5})).containsExactly(0, 5);
    assertThat(DetectionCurve.cumulativeMean(new double[] {5, 2, none}))
        .containsExactly(5, 3.5, 3.5);
    assertThat(DetectionCurve.cumulativeMean(new double[] {none, none})).containsExactly(1, 1);
  }

  @Test
  void interpolationTakesTheLastOfEqualAbscissas() {
    double[] xs = {0.25, 0.5, 0.5, 1};
    double[] ys = {1, 0.8, 0.6, 0.4};
    assertThat(DetectionCurve.interpolate(0, xs, ys, 0)).isEqualTo(1);
    assertThat(DetectionCurve.interpolate(0.5, xs, ys, 0)).isEqualTo(0.6);
    assertThat(DetectionCurve.interpolate(0.75, xs, ys, 0)).isCloseTo(0.5, within(1e-15));
    assertThat(DetectionCurve.interpolate(1, xs, ys, 0)).isEqualTo(0.4);
    assertThat(DetectionCurve.interpolate(1.01, xs, ys, 0)).isZero();
  }

  @Test
  void headingsDifferByTheShorterWay() {
    double degree = Math.PI / 180;
    assertThat(difference(90, 0, 360)).isCloseTo(90 * degree, within(1e-12));
    assertThat(difference(90, 0, 90)).isCloseTo(0, within(1e-12));
    assertThat(difference(0, 180, 180)).isCloseTo(0, within(1e-12));
    assertThat(difference(0, 180 + 72000, 360)).isCloseTo(180 * degree, within(1e-9));
  }

  private static double difference(double a, double b, double period) {
    double degree = Math.PI / 180;
    return Math.abs(TruePositiveMetric.angleDifference(a * degree, b * degree, period * degree));
  }
}
