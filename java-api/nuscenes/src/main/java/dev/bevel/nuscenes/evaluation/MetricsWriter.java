package dev.bevel.nuscenes.evaluation;

import com.fasterxml.jackson.core.JsonEncoding;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import dev.bevel.nuscenes.AtomicFile;
import dev.bevel.nuscenes.DetectionClass;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * Writes the figures as the nuScenes devkit does: {@code metrics_summary.json} and {@code
 * metrics_details.json}, with NaN as a literal.
 */
public final class MetricsWriter {
  private static final JsonFactory JSON =
      JsonFactory.builder().disable(JsonWriteFeature.WRITE_NAN_AS_STRINGS).build();

  private MetricsWriter() {}

  /**
   * Writes the figures of the classes and their means.
   *
   * @param meta of the submission
   * @param seconds that the evaluation took
   */
  public static void writeSummary(
      Path file, DetectionMetrics metrics, Map<String, Boolean> meta, double seconds) {
    AtomicFile.write(
        file,
        out -> {
          try (JsonGenerator json = generator(out)) {
            json.setPrettyPrinter(new DefaultPrettyPrinter());
            json.writeStartObject();
            json.writeObjectFieldStart("label_aps");
            for (DetectionClass each : EvaluationConfig.CLASSES) {
              json.writeObjectFieldStart(each.detectionName());
              for (double distance : metrics.settings().matchDistances()) {
                json.writeNumberField(
                    Double.toString(distance), metrics.curve(each, distance).averagePrecision());
              }
              json.writeEndObject();
            }
            json.writeEndObject();
            json.writeObjectFieldStart("mean_dist_aps");
            for (DetectionClass each : EvaluationConfig.CLASSES) {
              json.writeNumberField(each.detectionName(), metrics.averagePrecision(each));
            }
            json.writeEndObject();
            json.writeNumberField("mean_ap", metrics.meanAveragePrecision());
            json.writeObjectFieldStart("label_tp_errors");
            for (DetectionClass each : EvaluationConfig.CLASSES) {
              writeByMetric(json, each.detectionName(), metric -> metrics.error(each, metric));
            }
            json.writeEndObject();
            writeByMetric(json, "tp_errors", metrics::meanError);
            writeByMetric(json, "tp_scores", metrics::score);
            json.writeNumberField("nd_score", metrics.detectionScore());
            json.writeNumberField("eval_time", seconds);
            writeConfig(json, metrics.settings());
            json.writeObjectFieldStart("meta");
            for (var entry : meta.entrySet()) {
              json.writeBooleanField(entry.getKey(), entry.getValue());
            }
            json.writeEndObject();
            json.writeEndObject();
          }
        });
  }

  /** Writes the curves: eight arrays of 101 numbers for each class and match distance. */
  public static void writeDetails(Path file, DetectionMetrics metrics) {
    AtomicFile.write(
        file,
        out -> {
          try (JsonGenerator json = generator(out)) {
            json.writeStartObject();
            for (DetectionClass each : EvaluationConfig.CLASSES) {
              for (double distance : metrics.settings().matchDistances()) {
                json.writeObjectFieldStart(each.detectionName() + ":" + distance);
                writeCurve(json, metrics.curve(each, distance));
                json.writeEndObject();
              }
            }
            json.writeEndObject();
          }
        });
  }

  private static void writeCurve(JsonGenerator json, DetectionCurve curve) throws IOException {
    double[] recall = new double[DetectionCurve.POINTS];
    for (int point = 0; point < recall.length; point++) {
      recall[point] = DetectionCurve.recall(point);
    }
    writeArray(json, "recall", recall);
    writeArray(json, "precision", curve.precision());
    writeArray(json, "confidence", curve.confidence());
    for (TruePositiveMetric metric : TruePositiveMetric.values()) {
      writeArray(json, metric.key(), curve.errors(metric));
    }
  }

  private static void writeArray(JsonGenerator json, String name, double[] values)
      throws IOException {
    json.writeFieldName(name);
    json.writeArray(values, 0, values.length);
  }

  private static void writeByMetric(
      JsonGenerator json, String name, ToDoubleFunction<TruePositiveMetric> value)
      throws IOException {
    json.writeObjectFieldStart(name);
    for (TruePositiveMetric metric : TruePositiveMetric.values()) {
      json.writeNumberField(metric.key(), value.applyAsDouble(metric));
    }
    json.writeEndObject();
  }

  private static void writeConfig(JsonGenerator json, EvaluationSettings settings)
      throws IOException {
    json.writeObjectFieldStart("cfg");
    json.writeObjectFieldStart("class_range");
    for (DetectionClass each : EvaluationConfig.CLASSES) {
      writeNumber(json, each.detectionName(), settings.range(each));
    }
    json.writeEndObject();
    json.writeStringField("dist_fcn", "center_distance");
    json.writeArrayFieldStart("dist_ths");
    for (double distance : settings.matchDistances()) {
      json.writeNumber(distance);
    }
    json.writeEndArray();
    json.writeNumberField("dist_th_tp", settings.truePositiveDistance());
    json.writeNumberField("min_recall", settings.minRecall());
    json.writeNumberField("min_precision", settings.minPrecision());
    json.writeNumberField("max_boxes_per_sample", settings.maxBoxes());
    writeNumber(json, "mean_ap_weight", settings.meanApWeight());
    json.writeEndObject();
  }

  /** Whole numbers without a decimal point, as the devkit writes the benchmark's. */
  private static void writeNumber(JsonGenerator json, String name, double value)
      throws IOException {
    if (value == Math.rint(value) && !Double.isInfinite(value)) {
      json.writeNumberField(name, (long) value);
    } else {
      json.writeNumberField(name, value);
    }
  }

  private static JsonGenerator generator(OutputStream out) throws IOException {
    JsonGenerator json = JSON.createGenerator(out, JsonEncoding.UTF8);
    json.disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);
    return json;
  }
}
