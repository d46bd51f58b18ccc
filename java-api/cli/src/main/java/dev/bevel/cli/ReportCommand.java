package dev.bevel.cli;

import dev.bevel.nuscenes.report.RunFolder;
import dev.bevel.nuscenes.report.RunLock;
import dev.bevel.nuscenes.report.RunReport;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
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

  @Mixin private OverwriteOption overwrite;

  @Override
  @SuppressWarnings("try") // the lock is there to be closed
  public Integer call() throws IOException {
    if (data != null) {
      Places.requireFolder(spec, "--data", data);
    }
    Places.requireNewFile(spec, "--out", out);
    RunFolder folder = new RunFolder(run);
    Path page = out == null ? folder.report() : out;
    if (out != null
        && folder.has(page)
        && !new RunFolder(run).report().endsWith(page.getFileName())) {
      throw new ParameterException(
          spec.commandLine(), "--out must be a file of its own, " + page + " is one of the run's");
    }
    overwrite.requireFree(List.of(page));
    RunReport.requireRun(folder);
    if (out == null) {
      try (RunLock lock = folder.claim("bevel report")) {
        RunReport.write(folder, data, page);
      }
    } else {
      RunReport.write(folder, data, page); // a run may be looked at while it goes on
    }
    PrintWriter print = spec.commandLine().getOut();
    print.println("wrote " + page);
    print.flush();
    return 0;
  }
}
