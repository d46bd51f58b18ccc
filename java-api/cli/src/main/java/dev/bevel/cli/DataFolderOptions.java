package dev.bevel.cli;

import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.PathNames;
import dev.bevel.nuscenes.Printable;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which data set: options of every command that reads one. */
@SuppressWarnings("NullAway.Init") // picocli sets the options
class DataFolderOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  /** Not picocli's own: its --version would be in the way of the data set's. */
  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help message and exit.")
  @SuppressWarnings("unused") // picocli acts on it
  private boolean help;

  @Option(names = "--data", required = true, paramLabel = "DIR", description = "nuScenes folder.")
  private Path data;

  @Option(
      names = "--version",
      paramLabel = "VERSION",
      description = "Folder of the tables, e.g. v1.0-mini (default: the only one there is).")
  private @Nullable String version;

  /** The folder. */
  Path folder() {
    return data;
  }

  /** The version asked for, or null. */
  @Nullable String version() {
    if (version != null && (version.isBlank() || !PathNames.isName(version))) {
      throw new ParameterException(
          spec.commandLine(),
          "--version must name a folder of tables in the folder --data, got '"
              + Printable.of(version, 80)
              + "'");
    }
    return version;
  }

  /** The data set. */
  NuScenes load() {
    String asked = version();
    return asked == null ? NuScenes.load(data) : NuScenes.load(data, asked);
  }
}
