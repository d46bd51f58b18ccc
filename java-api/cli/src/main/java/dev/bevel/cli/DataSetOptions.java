package dev.bevel.cli;

import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.Splits;
import dev.bevel.torch.train.DetectorTraining;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which samples of it too: options of commands that read key frames whose six images are there. */
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class DataSetOptions extends DataFolderOptions {
  @Option(
      names = "--split",
      paramLabel = "SPLIT",
      description =
          "Use this split only: an official one, e.g. mini_train, or one of the data set's own"
              + " splits.json (default: all samples).")
  private @Nullable String split;

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
