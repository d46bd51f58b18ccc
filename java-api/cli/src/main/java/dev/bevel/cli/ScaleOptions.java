package dev.bevel.cli;

import dev.bevel.bench.BenchmarkOptions;
import dev.bevel.bench.BenchmarkOptions.InvalidChoiceException;
import dev.bevel.bench.nuscenes.ScaleBenchmark;
import dev.bevel.bench.nuscenes.ScaleReport;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** What {@code bevel bench tables} and {@code bevel bench evaluation} share. */
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class ScaleOptions {
  @Option(
      names = "--size",
      paramLabel = "F",
      split = ",",
      description = "Parts of the full size to measure.",
      defaultValue = "1/8,1/4,1/2,1")
  private List<String> sizes;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Seed of the made-up sets.",
      defaultValue = "" + BenchmarkOptions.DEFAULT_SEED)
  private long seed;

  @Option(
      names = "--dir",
      paramLabel = "DIR",
      description = "Write the sets to this folder and keep them (default: a temporary folder).")
  private @Nullable Path folder;

  @Option(names = "--json", paramLabel = "FILE", description = "Also write the results as JSON.")
  private @Nullable Path json;

  int run(ScaleBenchmark.Kind kind, CommandSpec spec) {
    Places.requireNewFile(spec, "--json", json);
    if (folder != null) {
      Places.requireNewFolder(spec, "--dir", folder);
    }
    List<ScaleBenchmark.Fraction> fractions;
    try {
      fractions = sizes.stream().map(ScaleBenchmark.Fraction::parse).toList();
    } catch (InvalidChoiceException invalid) {
      throw new ParameterException(spec.commandLine(), invalid.getMessage(), invalid);
    }
    PrintWriter out = spec.commandLine().getOut();
    ScaleReport report =
        ScaleBenchmark.run(
            kind,
            fractions,
            seed,
            folder,
            line -> {
              out.println(line);
              out.flush();
            });
    out.print(report.table());
    out.flush();
    if (json != null) {
      report.writeJson(json);
    }
    return 0;
  }
}
