package dev.bevel.cli;

import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.Splits;
import dev.bevel.nuscenes.evaluation.DetectionMetrics;
import dev.bevel.nuscenes.evaluation.EvaluationConfig;
import dev.bevel.nuscenes.evaluation.TruePositiveMetric;
import dev.bevel.nuscenes.report.RunFolder;
import dev.bevel.nuscenes.report.RunLock;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code bevel eval}: the nuScenes detection benchmark on a submission. */
@Command(
    name = "eval",
    description = {
      "Evaluate a submission by the nuScenes detection benchmark (detection_cvpr_2019).",
      "Writes metrics_summary.json and metrics_details.json, and its part of run.json."
    })
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class EvalCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private DataFolderOptions dataSet;

  @Option(
      names = "--split",
      required = true,
      paramLabel = "SPLIT",
      description = "Official split, e.g. mini_val, or one of the data set's own splits.json.")
  private String split;

  @Option(
      names = "--results",
      required = true,
      paramLabel = "FILE",
      description = "The submission, with every sample of the split.")
  private Path results;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Folder for the figures; made if missing.")
  private Path out;

  @Mixin private OverwriteOption overwrite;

  @Override
  @SuppressWarnings("try") // the lock is there to be closed
  public Integer call() throws IOException {
    Places.requireNewFolder(spec, "--out", out);
    RunFolder folder = new RunFolder(out);
    List<Path> figures = List.of(folder.metricsSummary(), folder.metricsDetails());
    overwrite.requireFree(figures);
    NuScenes set = dataSet.load();
    EvaluationRun run = EvaluationRun.evaluate(set, split, results);
    try (RunLock lock = folder.claim("bevel eval")) {
      overwrite.requireFree(figures);
      run.write(folder);
    }
    PrintWriter print = spec.commandLine().getOut();
    Splits.partOf(set, split)
        .ifPresent(
            part -> print.println("The data set has " + part + "; the figures are of these."));
    print(print, run.metrics(), run.seconds());
    return 0;
  }

  private static void print(PrintWriter out, DetectionMetrics metrics, double seconds) {
    out.printf(Locale.ROOT, "mAP: %.4f%n", metrics.meanAveragePrecision());
    for (TruePositiveMetric metric : TruePositiveMetric.values()) {
      out.printf(Locale.ROOT, "%s: %.4f%n", metric.meanName(), metrics.meanError(metric));
    }
    out.printf(Locale.ROOT, "NDS: %.4f%n", metrics.detectionScore());
    out.printf(Locale.ROOT, "Eval time: %.1fs%n%nPer-class results:%n", seconds);
    out.printf(Locale.ROOT, "%-20s\t%-6s", "Object Class", "AP");
    for (TruePositiveMetric metric : TruePositiveMetric.values()) {
      out.printf(Locale.ROOT, "\t%-6s", metric.meanName().substring(1));
    }
    out.println();
    for (DetectionClass each : EvaluationConfig.CLASSES) {
      out.printf(
          Locale.ROOT, "%-20s\t%-6.3f", each.detectionName(), metrics.averagePrecision(each));
      for (TruePositiveMetric metric : TruePositiveMetric.values()) {
        double error = metrics.error(each, metric);
        out.print("\t");
        out.print(Double.isNaN(error) ? "nan   " : String.format(Locale.ROOT, "%-6.3f", error));
      }
      out.println();
    }
    out.flush();
  }
}
