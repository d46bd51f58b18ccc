package dev.bevel.cli;

import dev.bevel.nuscenes.PathFaults;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Whether a command may replace what an earlier one made. */
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class OverwriteOption {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = "--overwrite",
      description = "Replace the results of an earlier run that are in the way.")
  private boolean overwrite;

  /** Whether replacing was asked for. */
  boolean isGiven() {
    return overwrite;
  }

  /**
   * @throws ParameterException naming the first of the files that is there, unless replacing was
   *     asked for; and the first that cannot be made or replaced (a folder or a pipe is there, or a
   *     file where its folder must be)
   */
  void requireFree(List<Path> files) {
    for (Path file : files) {
      String fault = PathFaults.asNewFile(file);
      if (fault != null) {
        throw new ParameterException(
            spec.commandLine(), file + " " + fault + "; remove it or name another --out");
      }
    }
    files.stream()
        .filter(file -> !overwrite && Files.exists(file))
        .findFirst()
        .ifPresent(
            file -> {
              throw refusal(file + " is there already; ");
            });
  }

  /** The error that says what is in the way and how to go on. */
  ParameterException refusal(String what) {
    return new ParameterException(
        spec.commandLine(),
        what + "name another --out, or give --overwrite to replace what is there");
  }
}
