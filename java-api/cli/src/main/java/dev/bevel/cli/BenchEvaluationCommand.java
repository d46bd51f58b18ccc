package dev.bevel.cli;

import dev.bevel.bench.nuscenes.ScaleBenchmark;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code bevel bench evaluation}: time and memory for a detection benchmark of full size. */
@Command(
    name = "evaluation",
    description = {
      "Measures time and memory for evaluating a submission as large as the val split's.",
      "Made-up tables and a submission with 300 boxes a sample are written to a temporary folder"
          + " (1.2 GB at full size); loading, reading and evaluating are measured together, in a"
          + " JVM of its own with two processors and 3 GiB of heap. First the score of one scene"
          + " is checked against a plain second computation."
    },
    mixinStandardHelpOptions = true,
    showDefaultValues = true)
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class BenchEvaluationCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private ScaleOptions options;

  @Override
  public Integer call() {
    return options.run(ScaleBenchmark.Kind.EVALUATION, spec);
  }
}
