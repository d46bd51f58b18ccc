package dev.bevel.bench.nuscenes;

import dev.bevel.bench.BenchmarkOptions.InvalidChoiceException;
import dev.bevel.bench.VerificationException;
import dev.bevel.bench.nuscenes.ScaleProcess.Outcome;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.Splits;
import dev.bevel.nuscenes.evaluation.DetectionEvaluation;
import dev.bevel.nuscenes.evaluation.EvaluationSet;
import dev.bevel.nuscenes.evaluation.Submission;
import dev.bevel.nuscenes.evaluation.SubmissionReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * How long reading and evaluating nuScenes takes, how much memory, and how both grow: made-up sets
 * of several sizes, each measured in a JVM of its own that has two processors and no more heap than
 * the limit. Compilation is part of the time, for every {@code bevel} command pays for it; the
 * files have just been written, so that they are read from the page cache.
 */
public final class ScaleBenchmark {
  private static final double TOLERANCE = 1e-9;

  /** Asks for the smallest set there is: one scene. */
  private static final double SMALLEST = 1e-6;

  /** What is measured. */
  public enum Kind {
    /** Loading the tables of v1.0-trainval. */
    TABLES(6144),
    /** Loading the tables of the val split, reading its submission, evaluating it. */
    EVALUATION(3072);

    private final int heapMib;

    Kind(int heapMib) {
      this.heapMib = heapMib;
    }

    /** The heap that the JVM gets, MiB. */
    public int heapMib() {
      return heapMib;
    }

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * A part of the full size.
   *
   * @param name as asked for, e.g. {@code 1/4}
   * @param value greater than 0, at most 1
   */
  public record Fraction(String name, double value) {
    /**
     * Reads {@code 1/4}, {@code 0.25} or {@code 1}.
     *
     * @throws InvalidChoiceException if it is none of these, or not in (0, 1]
     */
    public static Fraction parse(String text) {
      String[] parts = text.strip().split("/", -1);
      double value = Double.NaN;
      try {
        value = Double.parseDouble(parts[0]);
        value = parts.length == 2 ? value / Double.parseDouble(parts[1]) : value;
      } catch (NumberFormatException e) {
        value = Double.NaN; // refused below
      }
      if (parts.length > 2 || !(value > 0 && value <= 1)) {
        throw new InvalidChoiceException(
            "size must be a fraction greater than 0 and at most 1, e.g. 1/4, got " + text);
      }
      return new Fraction(text.strip(), value);
    }
  }

  private final Kind kind;
  private final long seed;
  private final Consumer<String> log;

  private ScaleBenchmark(Kind kind, long seed, Consumer<String> log) {
    this.kind = kind;
    this.seed = seed;
    this.log = log;
  }

  /**
   * Checks the evaluator on a small set, then measures.
   *
   * @param sizes of the sets, in this order
   * @param seed of their contents
   * @param keep folder where the sets stay, one folder each; null to delete them
   * @param log takes lines of progress
   * @throws VerificationException if something else is read than was written, or the score of the
   *     small set is wrong
   * @throws NuScenesException if the files cannot be written, or the measured JVM fails, for
   *     example because its heap does not suffice
   */
  public static ScaleReport run(
      Kind kind, List<Fraction> sizes, long seed, @Nullable Path keep, Consumer<String> log) {
    ScaleBenchmark benchmark = new ScaleBenchmark(kind, seed, log);
    try {
      benchmark.verify();
      List<ScaleResult> results = new ArrayList<>();
      for (Fraction size : sizes) {
        if (keep == null) {
          try (TemporaryFolder folder = new TemporaryFolder()) {
            results.add(benchmark.measure(size, folder.path()));
          }
        } else {
          String name = (kind + "-" + size.name()).replace('/', '-');
          results.add(benchmark.measure(size, keep.resolve(name)));
        }
      }
      return new ScaleReport(results);
    } catch (IOException e) {
      throw new NuScenesException("the benchmark's files cannot be handled: " + e, e);
    }
  }

  private SyntheticSize size(double fraction) {
    return kind == Kind.TABLES ? SyntheticSize.trainval(fraction) : SyntheticSize.val(fraction);
  }

  private @Nullable Path generate(Path folder, SyntheticSize size) {
    if (kind == Kind.TABLES) {
      SyntheticDataSet.write(folder, size, seed);
      return null;
    }
    Path submission = folder.resolve("results_nusc.json");
    SyntheticDataSet.writeWithSubmission(folder, size, seed, submission);
    return submission;
  }

  /** One scene, read and evaluated in this process. */
  private void verify() throws IOException {
    try (TemporaryFolder folder = new TemporaryFolder()) {
      SyntheticSize one = size(SMALLEST);
      Path file = generate(folder.path(), one);
      NuScenes set = NuScenes.load(folder.path(), SyntheticDataSet.VERSION);
      check("annotations", set.tables().annotations().size(), one.annotations());
      if (file == null) {
        return;
      }
      EvaluationSet split = EvaluationSet.of(set, Splits.scenes(set, SyntheticDataSet.SPLIT));
      Submission submission = SubmissionReader.read(file, split);
      double score = DetectionEvaluation.evaluate(split, submission).detectionScore();
      double expected = PlainEvaluation.detectionScore(set, submission);
      if (!(Math.abs(score - expected) <= TOLERANCE)) {
        throw new VerificationException(
            String.format(
                Locale.ROOT,
                "the NDS of %d samples must be %s, got %s",
                one.samples(),
                expected,
                score));
      }
      log.accept(
          String.format(
              Locale.ROOT,
              "checked: NDS of %d samples is %.12f, a plain second computation's by %.0e",
              one.samples(),
              score,
              Math.abs(score - expected)));
    }
  }

  private ScaleResult measure(Fraction fraction, Path folder) throws IOException {
    SyntheticSize size = size(fraction.value());
    log.accept(String.format(Locale.ROOT, "%s: writing %d scenes", fraction.name(), size.scenes()));
    Path submission = generate(folder, size);
    long bytes = bytes(folder);
    log.accept(String.format(Locale.ROOT, "%s: reading %.0f MB", fraction.name(), bytes * 1e-6));
    Outcome outcome = runProcess(folder, submission);
    check("samples", outcome.samples(), size.samples());
    check("sample_data records", outcome.sampleData(), size.sampleData());
    check("ego_pose records", outcome.egoPoses(), size.sampleData());
    check("annotations", outcome.annotations(), size.annotations());
    check("instances", outcome.instances(), size.instances());
    long boxes = submission == null ? 0 : (long) size.samples() * SyntheticDetections.BOXES;
    check("boxes of the submission", outcome.boxes(), boxes);
    return new ScaleResult(
        kind.toString(),
        fraction.name(),
        outcome.samples(),
        outcome.samples()
            + outcome.sampleData()
            + outcome.egoPoses()
            + outcome.annotations()
            + outcome.instances()
            + outcome.boxes(),
        bytes,
        outcome.usage(),
        kind.heapMib());
  }

  private static long bytes(Path folder) throws IOException {
    long bytes = 0;
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        bytes += Files.size(file);
      }
    }
    return bytes;
  }

  private static void check(String what, long got, long expected) {
    if (got != expected) {
      throw new VerificationException(
          String.format(Locale.ROOT, "%d %s were written, %d read", expected, what, got));
    }
  }

  private Outcome runProcess(Path folder, @Nullable Path submission) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElse("java"));
    // The launcher's collector.
    command.addAll(List.of("-XX:+UseSerialGC", "-XX:ActiveProcessorCount=2"));
    command.add("-Xmx" + kind.heapMib() + "m");
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(ScaleProcess.class.getName());
    command.add(folder.toString());
    if (submission != null) {
      command.add(submission.toString());
    }
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    Thread end = new Thread(process::destroyForcibly, "bevel-bench-end");
    Runtime.getRuntime().addShutdownHook(end);
    try {
      process.getOutputStream().close();
      String told = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      Optional<String> result =
          told.lines().filter(line -> line.startsWith(ScaleProcess.RESULT)).findFirst();
      if (!process.waitFor(1, TimeUnit.MINUTES) || process.exitValue() != 0 || result.isEmpty()) {
        throw new NuScenesException(
            String.format(
                Locale.ROOT,
                "the measured JVM, with %d MiB of heap, failed: %s",
                kind.heapMib(),
                told.strip()));
      }
      return Outcome.parse(result.get());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new NuScenesException("the benchmark was interrupted", e);
    } finally {
      process.destroyForcibly();
      removeHook(end);
    }
  }

  private static void removeHook(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The process is ending just now; the hook ends the other one.
    }
  }
}
