package dev.bevel.cli;

import dev.bevel.nuscenes.report.RunFolder;
import dev.bevel.nuscenes.report.RunReport;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code bevel report}: one HTML page on a run. */
@Command(
    name = "report",
    description = {
      "Write one HTML page on a run, which needs no other file.",
      "It has training curves, the benchmark's figures and curves, errors by distance, best and"
          + " worst samples with pictures."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class ReportCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Option(
      names = "--run",
      required = true,
      paramLabel = "DIR",
      description = "What bevel train, detect and eval wrote to.")
  private Path run;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description = "nuScenes folder (default: where run.json says it was).")
  private @Nullable Path data;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "The page (default: report.html in the run's folder).")
  private @Nullable Path out;

  @Override
  public Integer call() {
    RunFolder folder = new RunFolder(run);
    Path page = out == null ? folder.report() : out;
    RunReport.write(folder, data, page);
    PrintWriter print = spec.commandLine().getOut();
    print.println("wrote " + page);
    print.flush();
    return 0;
  }
}
