package dev.bevel.cli;

import dev.bevel.nuscenes.Counted;
import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.SampleSelection;
import dev.bevel.nuscenes.Splits;
import dev.bevel.nuscenes.evaluation.DetectionMetrics;
import dev.bevel.nuscenes.report.RunFolder;
import dev.bevel.nuscenes.report.RunReport;
import dev.bevel.nuscenes.simulator.SimulationSettings;
import dev.bevel.nuscenes.simulator.Simulator;
import dev.bevel.torch.train.ConfigDocument;
import dev.bevel.torch.train.DetectorInference;
import dev.bevel.torch.train.DetectorTraining;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * All of Bevel in one run without any data: simulates streets, trains a detector on some of them,
 * has it find the objects in the others, evaluates, asks the same of black images, and writes the
 * report.
 */
final class Demo {
  private static final String TRAIN = "sim_train";
  private static final String VAL = "sim_val";
  private static final int STAGES = 5;

  /** Low, since the evaluation looks at precision over all recalls. */
  private static final double SCORE_THRESHOLD = 0.03;

  private static final double MATCH_DISTANCE = 4;

  private final DemoSettings settings;
  private final Path folder;
  private final long seed;
  private final PrintWriter out;
  private volatile Runnable ender = () -> {};
  private volatile boolean toldToEnd;
  private int stage;

  /**
   * What came out.
   *
   * @param metrics of the images
   * @param black of black images
   * @param report the report's file
   */
  record Outcome(DetectionMetrics metrics, DetectionMetrics black, Path report) {
    /** Average precision of cars, matched within 4 m. */
    static double cars(DetectionMetrics metrics) {
      return metrics.curve(DetectionClass.CAR, MATCH_DISTANCE).averagePrecision();
    }

    void print(PrintWriter out) {
      out.printf(
          Locale.ROOT,
          "AP of cars within 4 m on unseen scenes: %.3f; on black images: %.3f%n",
          cars(metrics),
          cars(black));
      out.printf(
          Locale.ROOT,
          "mAP: %.4f, NDS: %.4f%nreport: %s%n",
          metrics.meanAveragePrecision(),
          metrics.detectionScore(),
          report);
    }
  }

  /**
   * @param folder for everything: empty, missing or of an unfinished demo
   * @param seed settles towns, weights and order
   * @param out told of each stage
   */
  Demo(DemoSettings settings, Path folder, long seed, PrintWriter out) {
    this.settings = settings;
    this.folder = folder;
    this.seed = seed;
    this.out = out;
  }

  /** Makes {@link #run} end at the next opportunity; from any thread. */
  void stop() {
    toldToEnd = true;
    ender.run();
  }

  /**
   * Runs all stages.
   *
   * @throws IllegalStateException if it was told to end
   */
  Outcome run() throws IOException {
    ConfigDocument config = ConfigDocument.load(settings.config());
    requireGoingOn();
    boolean unfinished = DemoFolder.isUnfinished(folder);
    try (DemoFolder home = DemoFolder.take(folder)) {
      if (unfinished) {
        out.println(folder + " is of a demo that was not finished; all of it is begun anew");
      }
      Outcome outcome = run(config);
      home.finish();
      return outcome;
    }
  }

  private Outcome run(ConfigDocument config) throws IOException {
    RunFolder run = new RunFolder(folder);
    RunFolder blackRun = DemoFolder.blackImages(folder);
    Path data = DemoFolder.data(folder);

    simulate(data);
    NuScenes set = NuScenes.load(data, Simulator.VERSION);
    List<DetectionSample> unseen =
        SampleSelection.toDetectIn(set, Splits.scenes(set, VAL)).samples();
    train(config, set, run);
    try (DetectorInference detector = DetectorInference.load(run.checkpoint())) {
      detect(detector, unseen, run, blackRun);
    }
    tell("evaluate on " + VAL + ", and on black images");
    EvaluationRun images = EvaluationRun.evaluate(set, VAL, run.results());
    images.write(run);
    EvaluationRun black = EvaluationRun.evaluate(set, VAL, blackRun.results());
    black.write(blackRun);
    tell("report");
    RunReport.write(run, null, run.report());
    return new Outcome(images.metrics(), black.metrics(), run.report());
  }

  private void simulate(Path data) {
    SimulationSettings simulation = settings.simulation(seed);
    tell(
        String.format(
            Locale.ROOT,
            "simulate %s of %d s",
            Counted.of(settings.scenes(), "scene"),
            settings.seconds()));
    Thread thread = Thread.currentThread();
    beginUntil(thread::interrupt);
    try (Progress bar = Progress.bar("simulate", 1)) {
      Simulator.run(
          simulation,
          data,
          (done, all) -> {
            bar.maxHint(all);
            bar.stepTo(done);
          });
    }
  }

  private void train(ConfigDocument config, NuScenes set, RunFolder run) throws IOException {
    List<DetectionSample> samples =
        SampleSelection.toTrainOn(
                set, Splits.scenes(set, TRAIN), config.training().losses().superviseDepth())
            .samples();
    String name = config.detector().name();
    tell("train " + name + " on " + Counted.of(samples.size(), "key frame") + " of " + TRAIN);
    try (DetectorTraining training = new DetectorTraining(config, samples, seed)) {
      beginUntil(training::stop);
      new TrainingRun(run, name, set, TRAIN, seed)
          .train(training, settings.steps(), settings.steps(), null);
      requireGoingOn();
    }
  }

  private void detect(
      DetectorInference detector, List<DetectionSample> samples, RunFolder run, RunFolder blackRun)
      throws IOException {
    tell(
        String.format(
            Locale.ROOT,
            "detect on %s of %s, of scenes never seen",
            Counted.of(samples.size(), "key frame"),
            VAL));
    beginUntil(() -> {});
    DetectionRun detection = new DetectionRun(SCORE_THRESHOLD, () -> toldToEnd);
    DetectionRun.Listener nobody = (index, detections, milliseconds) -> {};
    detection.write("images", detector::detect, samples, run.results(), nobody);
    detection.write(
        "black images", detector::detectOnBlackImages, samples, blackRun.results(), nobody);
    DetectionRun.describe(run, detector, run.checkpoint(), List.of());
    DetectionRun.describe(blackRun, detector, run.checkpoint(), List.of());
  }

  /** From now on the request to end does this too. */
  private void beginUntil(Runnable newEnder) {
    ender = newEnder;
    requireGoingOn();
  }

  private void requireGoingOn() {
    if (toldToEnd) {
      throw new IllegalStateException(
          "told to end before all was done; what is finished is in " + folder);
    }
  }

  private void tell(String what) {
    out.printf(Locale.ROOT, "%d/%d %s%n", ++stage, STAGES, what);
    out.flush();
  }
}
