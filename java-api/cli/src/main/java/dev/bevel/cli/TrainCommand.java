package dev.bevel.cli;

import dev.bevel.kernels.Bevel;
import dev.bevel.nuscenes.Counted;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.SampleSelection;
import dev.bevel.nuscenes.report.RunFolder;
import dev.bevel.nuscenes.report.RunLock;
import dev.bevel.torch.model.DetectorConfig;
import dev.bevel.torch.train.Checkpoint;
import dev.bevel.torch.train.ConfigDocument;
import dev.bevel.torch.train.DetectorTraining;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
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
      completionCandidates = Configurations.class,
      description = {
        "A configuration that travels with Bevel, or a YAML file.",
        "There are ${COMPLETION-CANDIDATES}."
      })
  private String config;

  @Mixin private DataSetOptions dataSet;

  @Option(
      names = "--steps",
      required = true,
      converter = Numbers.Steps.class,
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
      names = "--other-data",
      description = "Resume also if the checkpoint was trained on other samples.")
  private boolean otherData;

  @Mixin private OverwriteOption overwrite;

  @Option(
      names = "--save-every",
      paramLabel = "N",
      defaultValue = "1000",
      converter = Numbers.Steps.class,
      description = "Also write the checkpoint every N steps (default: ${DEFAULT-VALUE}).")
  private long saveEvery;

  /** Names, for the help. */
  static final class Configurations implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return DetectorConfig.NAMES.iterator();
    }
  }

  @Override
  @SuppressWarnings("try") // the resources are there to be closed
  public Integer call() throws IOException {
    Places.requireNewFolder(spec, "--out", out);
    int unused = Bevel.threads(); // BEVEL_NUM_THREADS is sound, or nothing is begun
    RunFolder folder = new RunFolder(out);
    folder.requireWritable();
    ConfigDocument document = ConfigDocument.load(config);
    NuScenes set = dataSet.load();
    SampleSelection selection = dataSet.toTrainOn(set, document.training());
    if (resume != null) {
      Checkpoint.read(resume); // it is there and sound, or nothing is begun
    }
    PrintWriter print = spec.commandLine().getOut();
    try (RunLock lock = folder.claim("bevel train")) {
      requireOwnCheckpoint(folder.checkpoint());
      selection.leftOut().ifPresent(print::println);
      print.flush();
      train(document, set, selection.samples(), folder, print);
    }
    return 0;
  }

  /** A folder's checkpoint is replaced by what goes on from it, and by nothing else unasked. */
  private void requireOwnCheckpoint(Path checkpoint) throws IOException {
    if (!Files.exists(checkpoint)
        || overwrite.isGiven()
        || (resume != null && Files.isSameFile(resume, checkpoint))) {
      return;
    }
    throw overwrite.refusal(
        String.format(
            Locale.ROOT,
            "%s is the checkpoint of another training; go on with that by --resume %s, ",
            checkpoint,
            checkpoint));
  }

  @SuppressWarnings("try") // the resources are there to be closed
  private void train(
      ConfigDocument document,
      NuScenes set,
      List<DetectionSample> samples,
      RunFolder folder,
      PrintWriter print)
      throws IOException {
    String name = document.detector().name();
    DetectorTraining training = new DetectorTraining(document, samples, seed);
    try (OrderlyShutdown shutdown = new OrderlyShutdown(training::stop);
        training) {
      if (resume != null) {
        training.resume(resume, otherData);
      }
      long before = training.step();
      Path checkpoint =
          new TrainingRun(folder, name, set, dataSet.split(), seed)
              .train(training, steps, saveEvery, resume);
      print.printf(
          Locale.ROOT,
          "%s: %s on %s, %d in all; %s%s%n",
          name,
          Counted.of(training.step() - before, "step"),
          Counted.of(samples.size(), "sample"),
          training.step(),
          checkpoint == null ? "no checkpoint" : "checkpoint " + shown(checkpoint, folder),
          remark(training, before, checkpoint == null ? null : shown(checkpoint, folder)));
      print.flush();
    }
  }

  /** What a reader of the last line would otherwise not know. */
  private String remark(DetectorTraining training, long before, @Nullable Path checkpoint) {
    if (before >= steps) {
      return "; nothing to do: --steps " + steps + " counts from the beginning of the training";
    }
    if (training.step() >= steps) {
      return "";
    }
    return "; interrupted" + (checkpoint == null ? "" : ", go on with --resume " + checkpoint);
  }

  /** As the user named the folder. */
  private Path shown(Path checkpoint, RunFolder folder) {
    return checkpoint.equals(folder.checkpoint())
        ? out.resolve(checkpoint.getFileName())
        : checkpoint;
  }
}
