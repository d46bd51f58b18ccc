package dev.bevel.cli;

import dev.bevel.kernels.Bevel;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code bevel demo}: from nothing to a report. Told to end, it leaves what is done so far. */
@Command(
    name = "demo",
    description = {
      "Simulate streets, train a small detector on them, evaluate it on others, write a report.",
      "Needs no data; takes minutes."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class DemoCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      defaultValue = "bevel-demo",
      description =
          "Folder for everything; missing, empty or of an unfinished demo (default: ${DEFAULT-VALUE}).")
  private Path out;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "0",
      description = "Settles streets, weights and order (default: ${DEFAULT-VALUE}).")
  private long seed;

  @Override
  @SuppressWarnings("try") // the shutdown is there to be closed
  public Integer call() throws IOException {
    Places.requireNewFolder(spec, "--out", out);
    DemoFolder.obstacle(out)
        .ifPresent(
            obstacle -> {
              throw new ParameterException(spec.commandLine(), obstacle);
            });
    int unused = Bevel.threads(); // BEVEL_NUM_THREADS is sound, or nothing is begun
    long start = System.nanoTime();
    PrintWriter print = spec.commandLine().getOut();
    Demo demo = new Demo(DemoSettings.DEFAULT, out, seed, print);
    Demo.Outcome outcome;
    try (OrderlyShutdown shutdown = new OrderlyShutdown(demo::stop)) {
      outcome = demo.run();
    }
    outcome.print(print);
    print.printf(Locale.ROOT, "%.0f s in all%n", (System.nanoTime() - start) * 1e-9);
    print.flush();
    return 0;
  }
}
