package dev.bevel.cli;

import dev.bevel.bench.BenchmarkOptions;
import dev.bevel.bench.BenchmarkReport;
import dev.bevel.bench.BenchmarkSuite;
import dev.bevel.kernels.Bevel;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code bevel bench OP}: verifies and times an operator and its peers. */
@Command(
    name = "bench",
    description = {
      "Time an operator against its peers, each verified first.",
      "Prints each row as it is measured."
    },
    mixinStandardHelpOptions = true,
    showDefaultValues = true,
    subcommands = {BenchTablesCommand.class, BenchEvaluationCommand.class})
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class BenchCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "OP",
      arity = "0..1", // none with a subcommand
      completionCandidates = Operators.class,
      description = "The operator: ${COMPLETION-CANDIDATES}.")
  private @Nullable String operator;

  @Option(
      names = "--case",
      paramLabel = "CASE",
      split = ",",
      description = "Run these cases only, e.g. bevdet,bevdepth.")
  private List<String> cases = List.of();

  @Option(
      names = "--variant",
      paramLabel = "NAME",
      split = ",",
      description =
          "Time Bevel's kernel and these variants only, e.g. libtorch; bevel for it alone.")
  private List<String> variants = List.of();

  @Option(
      names = "--threads",
      paramLabel = "N",
      split = ",",
      description = "Numbers of CPU threads to run with.",
      defaultValue = "1,2")
  private List<Integer> threads;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Seed of the random inputs.",
      defaultValue = "" + BenchmarkOptions.DEFAULT_SEED)
  private long seed;

  @Option(
      names = "--seconds",
      paramLabel = "S",
      description =
          "Time for each measurement; what takes longer is called "
              + BenchmarkOptions.DEFAULT_SLOW_CALLS
              + " times.",
      defaultValue = "" + BenchmarkOptions.DEFAULT_SECONDS)
  private double seconds;

  @Option(
      names = "--quick",
      description =
          "A first impression within a minute: the first case if none is named, the largest number of threads, a tenth of the time.")
  private boolean quick;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description = "A nuScenes folder: adds cases on its first sample's calibration.")
  private @Nullable Path data;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "Also write the results as JSON, after each case.")
  private @Nullable Path json;

  /** The operators' names, for the help. */
  static final class Operators implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return BenchmarkSuite.operators().iterator();
    }
  }

  @Override
  public Integer call() {
    if (operator == null) {
      throw new ParameterException(
          spec.commandLine(),
          String.format(
              Locale.ROOT,
              "there is no benchmark named; there are %s, %s",
              String.join(", ", BenchmarkSuite.operators()),
              String.join(", ", spec.subcommands().keySet())));
    }
    Places.requireNewFile(spec, "--json", json);
    int unused = Bevel.threads(); // BEVEL_NUM_THREADS is sound, or nothing is begun
    PrintWriter out = spec.commandLine().getOut();
    try (ImmediateEnd end = new ImmediateEnd()) {
      BenchmarkOptions options =
          BenchmarkOptions.of(cases, threads, seed, seconds, data).withVariants(variants);
      BenchmarkSuite.run(operator, options, quick, new Rows(out, json));
    } catch (BenchmarkOptions.InvalidChoiceException invalid) {
      throw new ParameterException(spec.commandLine(), invalid.getMessage(), invalid);
    }
    return 0;
  }

  /** Prints lines as they come, and keeps the JSON whole: an interrupted run leaves its cases. */
  private record Rows(PrintWriter out, @Nullable Path json) implements BenchmarkSuite.Listener {
    @Override
    public void line(String text) {
      out.println(text);
      out.flush();
    }

    @Override
    public void measured(BenchmarkReport soFar) {
      if (json != null) {
        soFar.writeJson(json);
      }
    }
  }
}
