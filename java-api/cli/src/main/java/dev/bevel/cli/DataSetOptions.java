package dev.bevel.cli;

import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.Splits;
import dev.bevel.torch.train.DetectorTraining;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which samples of which data set: options of commands that read key frames with images. */
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class DataSetOptions {
  /** Not picocli's own: its --version would be in the way of the data set's. */
  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help message and exit.")
  @SuppressWarnings("unused") // picocli acts on it
  private boolean help;

  @Option(
      names = "--data",
      required = true,
      paramLabel = "DIR",
      description = "nuScenes folder; samples whose six images are there are used.")
  private Path data;

  @Option(
      names = "--version",
      paramLabel = "VERSION",
      description = "Folder of the tables, e.g. v1.0-mini (default: the only one there is).")
  private @Nullable String version;

  @Option(
      names = "--split",
      paramLabel = "SPLIT",
      description =
          "Use this split only: an official one, e.g. mini_train, or one of the data set's own"
              + " splits.json (default: all samples).")
  private @Nullable String split;

  /** The data set. */
  NuScenes load() {
    return version == null ? NuScenes.load(data) : NuScenes.load(data, version);
  }

  /** The split asked for, or null. */
  @Nullable String split() {
    return split;
  }

  /** Its samples of the split whose images are there. */
  List<DetectionSample> samples(NuScenes set) {
    return split == null
        ? DetectorTraining.usableSamples(set)
        : DetectorTraining.usableSamples(set, Splits.scenes(set, split));
  }
}
