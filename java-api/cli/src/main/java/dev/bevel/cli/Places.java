package dev.bevel.cli;

import dev.bevel.nuscenes.PathFaults;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** Where a command is to write, looked at before it begins. */
final class Places {
  private Places() {}

  /**
   * @throws ParameterException if a folder cannot be made where an option says
   */
  static void requireNewFolder(CommandSpec spec, String option, Path folder) {
    refuse(
        spec,
        option,
        "must be a folder, there or to be made",
        folder,
        PathFaults.asNewFolder(folder));
  }

  /**
   * @throws ParameterException if a folder that an option names is not there
   */
  static void requireFolder(CommandSpec spec, String option, Path folder) {
    refuse(spec, option, "must be a folder", folder, PathFaults.asFolder(folder));
  }

  /**
   * @param file null where the option is not given; a device or a pipe is written to as it is
   * @throws ParameterException if a file cannot be made where an option says
   */
  static void requireNewFile(CommandSpec spec, String option, @Nullable Path file) {
    if (file == null || (Files.exists(file) && !Files.isDirectory(file))) {
      return;
    }
    refuse(spec, option, "must be a file, there or to be made", file, PathFaults.asNewFile(file));
  }

  private static void refuse(
      CommandSpec spec, String option, String rule, Path path, @Nullable String fault) {
    if (fault != null) {
      throw new ParameterException(
          spec.commandLine(),
          String.format(Locale.ROOT, "%s %s: %s %s", option, rule, path, fault));
    }
  }
}
