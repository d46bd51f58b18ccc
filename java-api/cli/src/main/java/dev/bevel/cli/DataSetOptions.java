package dev.bevel.cli;

import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.SampleSelection;
import dev.bevel.nuscenes.Splits;
import dev.bevel.torch.train.TrainingConfig;
import java.util.Collection;
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

  /** The split's key frames whose images are there. */
  SampleSelection toDetectIn(NuScenes set) {
    return SampleSelection.toDetectIn(set, scenes(set));
  }

  /** The split's key frames that have what a configuration needs. */
  SampleSelection toTrainOn(NuScenes set, TrainingConfig config) {
    return SampleSelection.toTrainOn(set, scenes(set), config.losses().superviseDepth());
  }

  private @Nullable Collection<String> scenes(NuScenes set) {
    return split == null ? null : Splits.scenes(set, split);
  }
}
