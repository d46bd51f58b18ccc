package dev.bevel.nuscenes.report;

import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.evaluation.DetectionMatch;
import dev.bevel.nuscenes.evaluation.EvaluationBox;
import dev.bevel.nuscenes.evaluation.EvaluationConfig;
import dev.bevel.nuscenes.evaluation.EvaluationSet;
import dev.bevel.nuscenes.evaluation.TruePositiveMetric;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;

/** How recall and errors go with the distance from the ego car. */
final class DistanceSection {
  private static final List<TruePositiveMetric> METRICS =
      List.of(
          TruePositiveMetric.TRANSLATION,
          TruePositiveMetric.SCALE,
          TruePositiveMetric.ORIENTATION,
          TruePositiveMetric.VELOCITY);

  private DistanceSection() {}

  static void write(Html html, EvaluationSet set, List<DetectionMatch> matches) {
    List<DistanceBand> bands = DistanceBand.of(set, matches);
    html.open("div", "class", "charts small");
    chart(html, bands, "Recall", "recall", DistanceBand::recall, true);
    for (TruePositiveMetric metric : METRICS) {
      String name = name(metric) + " error";
      chart(html, bands, name, name + brackets(metric), band -> error(band, metric), false);
    }
    html.close("div");
    writeTable(html, bands);
    writeRecall(html, set, matches);
    html.element(
        "p",
        "Objects of all classes that the benchmark counts, by their distance from the ego car,"
            + " matched at 2 m with detections of any score; a class counts up to its own range of"
            + " 30, 40 or 50 m.",
        "class",
        "note");
  }

  private static String name(TruePositiveMetric metric) {
    return switch (metric) {
      case TRANSLATION -> "Translation";
      case SCALE -> "Scale";
      case ORIENTATION -> "Orientation";
      case VELOCITY -> "Velocity";
      case ATTRIBUTE -> "Attribute";
    };
  }

  private static String brackets(TruePositiveMetric metric) {
    String unit = MetricsSection.unit(metric);
    return unit.isEmpty() ? "" : " (" + unit.strip() + ")";
  }

  private static double error(DistanceBand band, TruePositiveMetric metric) {
    return band.errors().getOrDefault(metric, Double.NaN);
  }

  private static void chart(
      Html html,
      List<DistanceBand> bands,
      String name,
      String axis,
      ToDoubleFunction<DistanceBand> value,
      boolean isShare) {
    double[] y = bands.stream().mapToDouble(value).toArray();
    Axis yAxis = isShare ? new Axis(0, 1, false) : Axis.around(List.of(y), true);
    new LineChart(name + " by distance", "distance (m)", axis, 400)
        .axes(new Axis(0, bands.getLast().to(), false), yAxis)
        .curve(name, bands.stream().mapToDouble(DistanceBand::middle).toArray(), y)
        .writeTo(html);
  }

  private static void writeTable(Html html, List<DistanceBand> bands) {
    List<String> columns = new ArrayList<>(List.of("distance", "objects", "found", "recall"));
    METRICS.forEach(metric -> columns.add(name(metric) + brackets(metric)));
    Table.open(html, "Recall and errors by distance", columns);
    for (DistanceBand band : bands) {
      List<String> cells = new ArrayList<>();
      cells.add(Integer.toString(band.truths()));
      cells.add(Integer.toString(band.found()));
      cells.add(Figures.percent(band.recall()));
      METRICS.forEach(metric -> cells.add(Figures.fixed(error(band, metric), 3)));
      Table.row(html, band.name(), cells);
    }
    Table.close(html);
  }

  private static void writeRecall(Html html, EvaluationSet set, List<DetectionMatch> matches) {
    List<String> columns = new ArrayList<>(List.of("class"));
    DistanceBand.of(set, List.of()).forEach(band -> columns.add(band.name()));
    Table.open(html, "Recall by class and distance (objects in brackets)", columns);
    for (DetectionClass each : EvaluationConfig.CLASSES) {
      List<DistanceBand> bands =
          DistanceBand.of(set, matches.stream().filter(match -> isOf(match, each)).toList());
      Table.row(
          html,
          each.detectionName(),
          bands.stream()
              .map(
                  band ->
                      band.truths() == 0
                          ? "–"
                          : Figures.percent(band.recall()) + " (" + band.truths() + ")")
              .toList());
    }
    Table.close(html);
  }

  private static boolean isOf(DetectionMatch match, DetectionClass c) {
    EvaluationBox truth = match.truth();
    return truth != null && truth.detectionClass() == c;
  }
}
