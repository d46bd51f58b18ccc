package dev.bevel.cli;

import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.SubmissionWriter;
import dev.bevel.nuscenes.report.RunFolder;
import dev.bevel.torch.train.Checkpoint;
import dev.bevel.torch.train.DetectorInference;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * Runs a detector on samples and writes the submission.
 *
 * @param scoreThreshold detections have a higher score
 * @param toldToEnd whether to give up; asked before each sample
 */
record DetectionRun(double scoreThreshold, BooleanSupplier toldToEnd) {
  /** A way to find things in a sample, e.g. {@code detector::detect}. */
  @FunctionalInterface
  interface Finder {
    /** Detections with a higher score than the threshold, in the key ego frame. */
    List<Detection> detect(DetectionSample sample, double scoreThreshold);
  }

  /**
   * Writes which checkpoint found what stands in a run's results.
   *
   * @param checkpoint that the detector is of
   * @param pictures tokens of the samples that were drawn
   */
  static void describe(
      RunFolder folder, DetectorInference detector, Path checkpoint, List<String> pictures)
      throws IOException {
    Checkpoint from = Checkpoint.read(checkpoint);
    folder.write(
        new RunFolder.Detector(
            detector.config().detector().name(),
            from.step(),
            from.seed(),
            RunFolder.sha256(folder.results()),
            pictures));
  }

  /** Told of each sample. */
  @FunctionalInterface
  interface Listener {
    /**
     * A sample has been seen.
     *
     * @param index among the samples
     * @param detections in the key ego frame
     * @param milliseconds that reading and detecting took
     */
    void seen(int index, List<Detection> detections, double milliseconds);
  }

  /**
   * Detects with a progress bar.
   *
   * @param title of the bar
   * @param results file to write
   * @param listener told of each sample
   * @throws IllegalStateException if told to end; nothing is written then
   */
  void write(
      String title, Finder finder, List<DetectionSample> samples, Path results, Listener listener) {
    try (Progress bar = Progress.bar(title, samples.size());
        SubmissionWriter writer = new SubmissionWriter(results, SubmissionWriter.Meta.CAMERA)) {
      for (int i = 0; i < samples.size(); i++) {
        if (toldToEnd.getAsBoolean()) {
          throw new IllegalStateException(
              results + " is not written: told to end before all samples were seen");
        }
        DetectionSample sample = samples.get(i);
        long start = System.nanoTime();
        List<Detection> detections = finder.detect(sample, scoreThreshold);
        double milliseconds = (System.nanoTime() - start) * 1e-6;
        writer.write(sample.token(), sample.egoToGlobal(), detections);
        listener.seen(i, detections, milliseconds);
        bar.step();
      }
      writer.finish();
    }
  }
}
