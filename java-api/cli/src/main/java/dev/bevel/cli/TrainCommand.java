package dev.bevel.cli;

import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.report.RunFolder;
import dev.bevel.torch.train.ConfigDocument;
import dev.bevel.torch.train.DetectorTraining;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
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
    description = "Train a detector and write last.safetensors, history.csv and run.json.")
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class TrainCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--config",
      required = true,
      paramLabel = "NAME|FILE",
      description = "A configuration that travels with Bevel, or a YAML file.")
  private String config;

  @Mixin private DataSetOptions dataSet;

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
      description = "Folder for the results; made if missing.")
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
    NuScenes set = dataSet.load();
    List<DetectionSample> samples = dataSet.samples(set);
    RunFolder folder = new RunFolder(out);
    Files.createDirectories(out);
    String name = document.detector().name();
    DetectorTraining training = new DetectorTraining(document, samples, seed);
    try (OrderlyShutdown shutdown = new OrderlyShutdown(training::stop);
        training) {
      if (resume != null) {
        training.resume(resume);
      }
      long before = training.step();
      new TrainingRun(folder, name, set, dataSet.split(), seed)
          .train(training, steps, saveEvery, resume);
      PrintWriter print = spec.commandLine().getOut();
      print.printf(
          Locale.ROOT,
          "%s: %d steps on %d sample(s), %d in all; checkpoint %s%n",
          name,
          training.step() - before,
          samples.size(),
          training.step(),
          out.resolve(folder.checkpoint().getFileName()));
      print.flush();
    }
    return 0;
  }
}
