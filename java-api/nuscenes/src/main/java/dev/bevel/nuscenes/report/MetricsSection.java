package dev.bevel.nuscenes.report;

import dev.bevel.nuscenes.evaluation.TruePositiveMetric;
import dev.bevel.nuscenes.report.MetricsFiles.ClassFigures;
import dev.bevel.nuscenes.report.MetricsFiles.Summary;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The benchmark's figures, and precision over recall of each class. */
final class MetricsSection {
  private MetricsSection() {}

  static void write(Html html, RunFolder run, RunStages stages) {
    html.open("section", "id", "metrics").element("h2", "Detection benchmark");
    run.evaluation()
        .ifPresentOrElse(
            evaluation ->
                html.element(
                    "p",
                    String.format(
                        Locale.ROOT,
                        "Split %s of %s, %s.",
                        evaluation.split(),
                        evaluation.data(),
                        evaluation.version())),
            () -> html.element("p", "run.json says nothing of an evaluation.", "class", "absent"));
    RunStages.write(html, stages.ofFigures());
    if (Files.exists(run.metricsSummary())) {
      writeSummary(html, MetricsFiles.readSummary(run.metricsSummary()));
    } else {
      html.element(
          "p", "There is no metrics_summary.json, so there are no figures.", "class", "absent");
    }
    html.close("section");
    html.open("section", "id", "curves").element("h2", "Precision and recall");
    if (Files.exists(run.metricsDetails())) {
      writeCurves(html, MetricsFiles.readDetails(run.metricsDetails()));
    } else {
      html.element(
          "p", "There is no metrics_details.json, so there are no curves.", "class", "absent");
    }
    html.close("section");
  }

  private static void writeSummary(Html html, Summary summary) {
    html.open("dl", "class", "figures");
    TrainingSection.entry(html, "NDS", Figures.fixed(summary.detectionScore(), 4));
    TrainingSection.entry(html, "mAP", Figures.fixed(summary.meanPrecision(), 4));
    for (TruePositiveMetric metric : TruePositiveMetric.values()) {
      double error = summary.errors().getOrDefault(metric, Double.NaN);
      TrainingSection.entry(html, metric.meanName(), Figures.fixed(error, 4) + unit(metric));
    }
    html.close("dl");
    List<String> columns = new ArrayList<>(List.of("class", "AP"));
    summary.distances().forEach(distance -> columns.add("AP, " + distance + " m"));
    for (TruePositiveMetric metric : TruePositiveMetric.values()) {
      columns.add(metric.meanName().substring(1));
    }
    Table.open(html, "Average precision and errors by class", columns);
    for (ClassFigures each : summary.classes()) {
      List<String> cells = new ArrayList<>();
      cells.add(Figures.fixed(each.precision(), 3));
      each.precisions().forEach(precision -> cells.add(Figures.fixed(precision, 3)));
      for (TruePositiveMetric metric : TruePositiveMetric.values()) {
        cells.add(Figures.fixed(each.errors().getOrDefault(metric, Double.NaN), 3));
      }
      Table.row(html, each.name(), cells);
    }
    Table.close(html);
    html.element(
        "p",
        "AP: average precision, by distance of the centres below which a detection counts. Errors"
            + " of matches at 2 m: translation (ATE, m), scale (ASE), orientation (AOE, rad),"
            + " velocity (AVE, m/s), attribute (AAE); 1 where too little was found.",
        "class",
        "note");
  }

  static String unit(TruePositiveMetric metric) {
    return switch (metric) {
      case TRANSLATION -> " m";
      case ORIENTATION -> " rad";
      case VELOCITY -> " m/s";
      case SCALE, ATTRIBUTE -> "";
    };
  }

  private static void writeCurves(Html html, Map<String, Map<String, Series>> classes) {
    Axis unit = new Axis(0, 1, false);
    html.open("div", "class", "charts small");
    classes.forEach(
        (name, curves) -> {
          LineChart chart =
              new LineChart(name + ": precision over recall", "recall", "precision", 400)
                  .axes(unit, unit);
          curves.forEach(
              (distance, curve) -> chart.curve(distance + " m", curve.x(), reached(curve.y())));
          chart.writeTo(html);
        });
    html.close("div");
  }

  /** Precision 0 stands for a recall that is not reached. */
  private static double[] reached(double[] precision) {
    double[] result = precision.clone();
    for (int i = 0; i < result.length; i++) {
      result[i] = result[i] > 0 ? result[i] : Double.NaN;
    }
    return result;
  }
}
