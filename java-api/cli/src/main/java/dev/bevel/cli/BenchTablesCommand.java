package dev.bevel.cli;

import dev.bevel.bench.nuscenes.ScaleBenchmark;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code bevel bench tables}: time and memory for loading nuScenes tables. */
@Command(
    name = "tables",
    description = {
      "Measures time and memory for loading tables as large as v1.0-trainval's.",
      "Made-up tables, with the real ones' numbers of records, are written to a temporary folder"
          + " (2.6 GB at full size) and loaded in a JVM of its own with two processors and 6 GiB"
          + " of heap."
    },
    mixinStandardHelpOptions = true,
    showDefaultValues = true)
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class BenchTablesCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private ScaleOptions options;

  @Override
  public Integer call() {
    return options.run(ScaleBenchmark.Kind.TABLES, spec);
  }
}
