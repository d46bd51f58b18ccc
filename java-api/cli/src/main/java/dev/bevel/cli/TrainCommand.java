package dev.bevel.cli;

import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.torch.train.ConfigDocument;
import dev.bevel.torch.train.DetectorTraining;
import dev.bevel.torch.train.StepReport;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * {@code bevel train}: trains a detector on the key frames of a nuScenes folder. Told to end, it
 * finishes its step and writes the checkpoint.
 */
@Command(
    name = "train",
    description = "Train a detector and write DIR/last.safetensors.",
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class TrainCommand implements Callable<Integer> {
  /** Name of the checkpoint in the output folder. */
  static final String CHECKPOINT = "last.safetensors";

  @Spec private CommandSpec spec;

  @Option(
      names = "--config",
      required = true,
      paramLabel = "NAME|FILE",
      description = "A configuration that travels with Bevel, or a YAML file.")
  private String config;

  @Option(
      names = "--data",
      required = true,
      paramLabel = "DIR",
      description = "nuScenes folder; samples whose six images are there are used.")
  private Path data;

  @Option(
      names = "--steps",
      required = true,
      paramLabel = "N",
      description = "Steps since the beginning of the training.")
  private long steps;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Folder for the checkpoint; made if missing.")
  private Path out;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "0",
      description = "Settles weights, order and augmentation (default: ${DEFAULT-VALUE}).")
  private long seed;

  @Option(
      names = "--resume",
      paramLabel = "FILE",
      description = "Go on, bit for bit, where this checkpoint of the same configuration left off.")
  private @Nullable Path resume;

  @Option(
      names = "--save-every",
      paramLabel = "N",
      defaultValue = "1000",
      description = "Also write the checkpoint every N steps (default: ${DEFAULT-VALUE}).")
  private long saveEvery;

  @Override
  @SuppressWarnings("try") // the resources are there to be closed
  public Integer call() throws IOException {
    if (steps < 1 || saveEvery < 1) {
      throw new ParameterException(
          spec.commandLine(),
          "--steps and --save-every must be positive, got " + steps + " and " + saveEvery);
    }
    ConfigDocument document = ConfigDocument.load(config);
    List<DetectionSample> samples = DetectorTraining.usableSamples(NuScenes.load(data));
    Files.createDirectories(out);
    Path checkpoint = out.resolve(CHECKPOINT);
    DetectorTraining training = new DetectorTraining(document, samples, seed);
    try (OrderlyShutdown shutdown = new OrderlyShutdown(training::stop);
        training) {
      if (resume != null) {
        training.resume(resume);
      }
      long before = training.step();
      train(training, checkpoint, document.detector().name());
      PrintWriter print = spec.commandLine().getOut();
      print.printf(
          "%s: %d steps on %d sample(s), %d in all; checkpoint %s%n",
          document.detector().name(),
          training.step() - before,
          samples.size(),
          training.step(),
          checkpoint);
      print.flush();
    }
    return 0;
  }

  private void train(DetectorTraining training, Path checkpoint, String name) throws IOException {
    try (ProgressBar bar = progressBar(name)) {
      bar.stepTo(training.step());
      while (training.step() < steps && !training.isStopped()) {
        long until = Math.min(steps, training.step() + saveEvery - training.step() % saveEvery);
        training.run(
            until,
            report -> {
              bar.setExtraMessage(describe(report));
              bar.stepTo(report.step());
            });
        training.save(checkpoint);
      }
    }
  }

  private ProgressBar progressBar(String name) {
    return new ProgressBarBuilder()
        .setTaskName(name)
        .setInitialMax(steps)
        .setStyle(ProgressBarStyle.ASCII)
        .setUpdateIntervalMillis(500)
        .setMaxRenderedLength(150)
        .setConsumer(new ConsoleProgressBarConsumer(System.err, 150))
        .build();
  }

  private static String describe(StepReport report) {
    return String.format(Locale.ROOT, "loss %.3f", report.loss())
        + report.terms().entrySet().stream()
            .map(e -> String.format(Locale.ROOT, "%s %.3f", e.getKey(), e.getValue()))
            .collect(Collectors.joining(" ", " (", ")"));
  }
}
