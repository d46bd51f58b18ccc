package dev.bevel.cli;

import dev.bevel.kernels.Bevel;
import dev.bevel.torch.parity.DetectorFixture;
import dev.bevel.torch.parity.Parity;
import dev.bevel.torch.parity.ParityReport;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * {@code bevel parity}: compares a detector with upstream's, tensor by tensor. Exit code 0 only if
 * all agree.
 */
@Command(
    name = "parity",
    description = {
      "Compare a detector with upstream's, tensor by tensor.",
      "Builds the detector of a fixture, fills its weights by the fixture's formula and runs it."
          + " Ends with status 0 only if all that upstream computed agrees."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class ParityCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--fixture",
      required = true,
      paramLabel = "FILE",
      description = "The detector fixture (JSON).")
  private Path fixture;

  @Option(names = "--double", description = "Run in float64, with tolerance 1e-8 in place of 1e-4.")
  private boolean doublePrecision;

  @Override
  public Integer call() throws IOException {
    int unused = Bevel.threads(); // BEVEL_NUM_THREADS is sound, or nothing is begun
    ParityReport report;
    try (ImmediateEnd end = new ImmediateEnd()) {
      report = Parity.run(DetectorFixture.read(fixture), doublePrecision);
    }
    spec.commandLine().getOut().print(report.format());
    spec.commandLine().getOut().flush();
    return report.passed() ? 0 : 1;
  }
}
