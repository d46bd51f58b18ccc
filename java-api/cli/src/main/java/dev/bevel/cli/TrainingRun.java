package dev.bevel.cli;

import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.report.RunFolder;
import dev.bevel.torch.train.DetectorTraining;
import dev.bevel.torch.train.HistoryWriter;
import dev.bevel.torch.train.StepReport;
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
  /**
   * Trains with a progress bar until a number of steps has been taken, or it is stopped.
   *
   * @param steps since the beginning of the training
   * @param saveEvery steps after which the checkpoint is written, besides at the end
   * @param resumed the checkpoint that the training goes on from, or null; the history beside it
   *     goes on too
   */
  void train(DetectorTraining training, long steps, long saveEvery, @Nullable Path resumed)
      throws IOException {
    Path before =
        resumed == null ? folder.history() : resumed.resolveSibling(folder.history().getFileName());
    try (HistoryWriter history = new HistoryWriter(folder.history(), before, training.step());
        Progress bar = Progress.bar(config, steps)) {
      bar.stepTo(training.step());
      while (training.step() < steps && !training.isStopped()) {
        long until = Math.min(steps, training.step() + saveEvery - training.step() % saveEvery);
        training.run(
            until,
            report -> {
              history.add(report);
              bar.setExtraMessage(describe(report));
              bar.stepTo(report.step());
            });
        history.flush();
        training.save(folder.checkpoint());
        folder.write(
            new RunFolder.Training(
                config, set.dataRoot(), set.version(), split, training.step(), seed));
      }
    }
  }

  private static String describe(StepReport report) {
    return String.format(Locale.ROOT, "loss %.3f", report.loss())
        + report.terms().entrySet().stream()
            .map(e -> String.format(Locale.ROOT, "%s %.3f", e.getKey(), e.getValue()))
            .collect(Collectors.joining(" ", " (", ")"));
  }
}
