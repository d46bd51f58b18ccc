package dev.bevel.cli;

import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.report.RunFolder;
import dev.bevel.torch.train.DetectorTraining;
import dev.bevel.torch.train.HistoryWriter;
import dev.bevel.torch.train.StepReport;
import dev.bevel.torch.train.TrainingException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A training that leaves what belongs in a run folder: checkpoint, history and its part of {@code
 * run.json}.
 *
 * @param folder to write to
 * @param config name of the configuration
 * @param set the samples are of
 * @param split the samples are of, or null
 * @param seed of the training
 */
record TrainingRun(
    RunFolder folder, String config, NuScenes set, @Nullable String split, long seed) {
  /** The last state on disk. */
  private record Saved(long step, @Nullable Path checkpoint) {}

  /**
   * Trains with a progress bar until a number of steps has been taken, or it is stopped. Whatever
   * ends it earlier, the steps taken are kept.
   *
   * @param steps since the beginning of the training
   * @param saveEvery steps after which the checkpoint is written, besides at the end
   * @param resumed the checkpoint that the training goes on from, or null; the history beside it
   *     goes on too
   * @return the checkpoint of the state that the training is in; null if no step was taken
   * @throws TrainingException if the training failed after its first step: the message says why,
   *     and which checkpoint there is
   */
  @Nullable Path train(
      DetectorTraining training, long steps, long saveEvery, @Nullable Path resumed)
      throws IOException {
    Saved saved = new Saved(training.step(), resumed);
    if (training.step() >= steps) {
      return saved.checkpoint;
    }
    Path before =
        resumed == null ? folder.history() : resumed.resolveSibling(folder.history().getFileName());
    try (HistoryWriter history = new HistoryWriter(folder.history(), before, training.step());
        Progress bar = Progress.bar(config, steps)) {
      bar.stepTo(training.step());
      while (training.step() < steps && !training.isStopped()) {
        long until = Math.min(steps, training.step() + saveEvery - training.step() % saveEvery);
        run(training, until, history, bar, saved);
        saved = save(training, saved);
      }
    }
    return saved.checkpoint;
  }

  private void run(
      DetectorTraining training, long until, HistoryWriter history, Progress bar, Saved saved) {
    try {
      training.run(
          until,
          report -> {
            history.add(report);
            bar.setExtraMessage(loss(report), terms(report));
            bar.stepTo(report.step());
          });
      history.flush();
    } catch (RuntimeException | Error failure) {
      throw new TrainingException(
          Main.sentence(failure) + kept(training, saved, history, failure), failure);
    }
  }

  /** Saves what can be saved after a failure; says what there is. */
  private String kept(
      DetectorTraining training, Saved saved, HistoryWriter history, Throwable failure) {
    boolean interrupted = Thread.interrupted(); // else nothing can be written
    try {
      flush(history, failure);
      Saved last = saved;
      if (training.step() != saved.step) { // else what stands there still holds
        last = checkpoint(training);
        describeIfPossible(training, failure);
      }
      return last.checkpoint == null ? "" : "; the state after " + goOn(last);
    } catch (IOException | RuntimeException | Error e) {
      failure.addSuppressed(e);
      String lost = "; the state after step " + training.step() + " is lost: " + Main.sentence(e);
      return saved.checkpoint == null ? lost : lost + "; that after " + goOn(saved);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void describeIfPossible(DetectorTraining training, Throwable failure) {
    try {
      describe(training);
    } catch (RuntimeException e) {
      failure.addSuppressed(e);
    }
  }

  /** A checkpoint is worth more than the history that leads to it. */
  private static void flush(HistoryWriter history, Throwable failure) {
    try {
      history.flush();
    } catch (RuntimeException e) {
      failure.addSuppressed(e);
    }
  }

  private Saved save(DetectorTraining training, Saved saved) {
    if (training.step() == saved.step) {
      return saved; // stopped before a step was taken
    }
    Saved last = saved;
    try {
      last = checkpoint(training);
      describe(training);
      return last;
    } catch (IOException | RuntimeException e) {
      throw new TrainingException(
          Main.sentence(e) + (last.checkpoint == null ? "" : "; the state after " + goOn(last)), e);
    }
  }

  private Saved checkpoint(DetectorTraining training) throws IOException {
    training.save(folder.checkpoint());
    return new Saved(training.step(), folder.checkpoint());
  }

  private void describe(DetectorTraining training) {
    folder.write(
        new RunFolder.Training(
            config, set.dataRoot(), set.version(), split, training.step(), seed));
  }

  private static String goOn(Saved saved) {
    return "step " + saved.step + " is saved, go on with --resume " + saved.checkpoint;
  }

  private static String loss(StepReport report) {
    return String.format(Locale.ROOT, "loss %.3f", report.loss());
  }

  private static String terms(StepReport report) {
    return report.terms().entrySet().stream()
        .map(e -> String.format(Locale.ROOT, "%s %.3f", e.getKey(), e.getValue()))
        .collect(Collectors.joining(" ", " (", ")"));
  }
}
