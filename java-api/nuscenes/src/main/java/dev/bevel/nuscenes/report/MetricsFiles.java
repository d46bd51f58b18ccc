package dev.bevel.nuscenes.report;

import dev.bevel.nuscenes.evaluation.TruePositiveMetric;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Reads the files of an evaluation, {@code metrics_summary.json} and {@code metrics_details.json}.
 */
final class MetricsFiles {
  /** Far more than any benchmark has. */
  private static final int MAX_CLASSES = 100;

  private MetricsFiles() {}

  /**
   * The figures of an evaluation. Any may be NaN.
   *
   * @param errors means over the classes
   * @param distances at which the precisions were taken, as the file names them
   */
  record Summary(
      double detectionScore,
      double meanPrecision,
      Map<TruePositiveMetric, Double> errors,
      List<String> distances,
      List<ClassFigures> classes) {}

  /**
   * The figures of a class.
   *
   * @param precisions one for each distance
   */
  record ClassFigures(
      String name,
      double precision,
      List<Double> precisions,
      Map<TruePositiveMetric, Double> errors) {}

  /**
   * Reads {@code metrics_summary.json}.
   *
   * @throws dev.bevel.nuscenes.NuScenesException naming file and field if it is damaged
   */
  static Summary readSummary(Path file) {
    JsonDocument root = JsonDocument.read(file);
    JsonDocument byDistance = root.get("label_aps");
    List<String> names = names(byDistance);
    List<String> distances = names.isEmpty() ? List.of() : names(byDistance.get(names.getFirst()));
    List<ClassFigures> classes = new ArrayList<>();
    for (String name : names) {
      JsonDocument own = byDistance.get(name);
      classes.add(
          new ClassFigures(
              name,
              root.get("mean_dist_aps").get(name).number(),
              distances.stream().map(distance -> own.get(distance).number()).toList(),
              errors(root.get("label_tp_errors").get(name))));
    }
    return new Summary(
        root.get("nd_score").number(),
        root.get("mean_ap").number(),
        errors(root.get("tp_errors")),
        distances,
        classes);
  }

  private static List<String> names(JsonDocument json) {
    if (json.names().size() > MAX_CLASSES) {
      throw json.broken(String.format(Locale.ROOT, "has more than %d fields", MAX_CLASSES));
    }
    return List.copyOf(json.names());
  }

  private static Map<TruePositiveMetric, Double> errors(JsonDocument json) {
    Map<TruePositiveMetric, Double> errors = new EnumMap<>(TruePositiveMetric.class);
    for (TruePositiveMetric metric : TruePositiveMetric.values()) {
      errors.put(metric, json.get(metric.key()).number());
    }
    return errors;
  }

  /**
   * Reads {@code metrics_details.json}: precision (y) over recall (x) by class and by distance, as
   * the file names them.
   *
   * @throws dev.bevel.nuscenes.NuScenesException naming file and field if it is damaged
   */
  static Map<String, Map<String, Series>> readDetails(Path file) {
    JsonDocument root = JsonDocument.read(file);
    Map<String, Map<String, Series>> curves = new LinkedHashMap<>();
    for (String key : root.names()) {
      int colon = key.lastIndexOf(':');
      if (colon < 0) {
        throw root.broken("must have fields named class:distance, got '" + key + "'");
      }
      JsonDocument curve = root.get(key);
      double[] recall = curve.get("recall").numbers();
      double[] precision = curve.get("precision").numbers();
      if (recall.length != precision.length) {
        throw curve.broken(
            String.format(
                Locale.ROOT,
                "must have as many numbers of precision as of recall, got %d and %d",
                precision.length,
                recall.length));
      }
      curves
          .computeIfAbsent(key.substring(0, colon), name -> new LinkedHashMap<>())
          .put(key.substring(colon + 1), new Series(recall, precision));
      if (curves.size() > MAX_CLASSES) {
        throw root.broken(String.format(Locale.ROOT, "has more than %d classes", MAX_CLASSES));
      }
    }
    return curves;
  }
}
