package dev.bevel.bench.nuscenes;

import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.NuScenesTables;
import dev.bevel.nuscenes.Splits;
import dev.bevel.nuscenes.evaluation.DetectionEvaluation;
import dev.bevel.nuscenes.evaluation.DetectionMetrics;
import dev.bevel.nuscenes.evaluation.EvaluationSet;
import dev.bevel.nuscenes.evaluation.Submission;
import dev.bevel.nuscenes.evaluation.SubmissionReader;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * The JVM that is measured: loads a data set, evaluates a submission where one is given, and tells
 * on the last line of its standard output what was read and what it took.
 */
final class ScaleProcess {
  /** What the line begins with. */
  static final String RESULT = "result:";

  private static final double MIB = 1 << 20;

  /**
   * What the measured JVM tells.
   *
   * @param samples read
   * @param sampleData read, and so on; {@code boxes} of the submission
   * @param detectionScore NDS, NaN where nothing was evaluated
   */
  record Outcome(
      long samples,
      long sampleData,
      long egoPoses,
      long annotations,
      long instances,
      long boxes,
      double detectionScore,
      ScaleResult.Usage usage) {
    private static Outcome of(
        NuScenesTables tables, long boxes, double detectionScore, ScaleResult.Usage usage) {
      return new Outcome(
          tables.samples().size(),
          tables.sampleData().size(),
          tables.egoPoses().size(),
          tables.annotations().size(),
          tables.instances().size(),
          boxes,
          detectionScore,
          usage);
    }

    /** As {@link #parse} reads it. */
    String line() {
      return String.format(
          Locale.ROOT,
          "%s %d %d %d %d %d %d %s %s %s %s %s",
          RESULT,
          samples,
          sampleData,
          egoPoses,
          annotations,
          instances,
          boxes,
          detectionScore,
          usage.seconds(),
          usage.cpuSeconds(),
          usage.peakHeapMib(),
          usage.liveHeapMib());
    }

    static Outcome parse(String line) {
      String[] parts = line.substring(RESULT.length()).strip().split(" ", -1);
      return new Outcome(
          Long.parseLong(parts[0]),
          Long.parseLong(parts[1]),
          Long.parseLong(parts[2]),
          Long.parseLong(parts[3]),
          Long.parseLong(parts[4]),
          Long.parseLong(parts[5]),
          Double.parseDouble(parts[6]),
          new ScaleResult.Usage(
              Double.parseDouble(parts[7]),
              Double.parseDouble(parts[8]),
              Double.parseDouble(parts[9]),
              Double.parseDouble(parts[10])));
    }
  }

  private ScaleProcess() {}

  /**
   * @param arguments folder of the data set and, for an evaluation, the submission
   */
  public static void main(String[] arguments) {
    long start = System.nanoTime();
    NuScenes set = NuScenes.load(Path.of(arguments[0]), SyntheticDataSet.VERSION);
    Outcome outcome;
    if (arguments.length == 1) {
      outcome = Outcome.of(set.tables(), 0, Double.NaN, usage(start, set));
    } else {
      List<String> scenes = Splits.scenes(set, SyntheticDataSet.SPLIT);
      EvaluationSet split = EvaluationSet.of(set, scenes);
      Submission submission = SubmissionReader.read(Path.of(arguments[1]), split);
      DetectionMetrics metrics = DetectionEvaluation.evaluate(split, submission);
      outcome =
          Outcome.of(
              set.tables(),
              submission.boxes().size(),
              metrics.detectionScore(),
              usage(start, List.of(set, split, submission, metrics)));
    }
    System.out.println(outcome.line());
  }

  private static ScaleResult.Usage usage(long start, Object result) {
    double seconds = (System.nanoTime() - start) * 1e-9;
    double cpuSeconds =
        ProcessHandle.current()
            .info()
            .totalCpuDuration()
            .map(duration -> duration.toNanos() * 1e-9)
            .orElse(Double.NaN);
    double peak = 0;
    for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
      if (pool.getType() == MemoryType.HEAP) {
        peak += pool.getPeakUsage().getUsed();
      }
    }
    System.gc();
    double live = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    Reference.reachabilityFence(result);
    return new ScaleResult.Usage(seconds, cpuSeconds, peak / MIB, live / MIB);
  }
}
