package dev.bevel.cli;

import dev.bevel.nuscenes.Counted;
import dev.bevel.nuscenes.Printable;
import dev.bevel.nuscenes.validation.Allowance;
import dev.bevel.nuscenes.validation.DataSetValidator;
import dev.bevel.nuscenes.validation.FileScope;
import dev.bevel.nuscenes.validation.Finding;
import dev.bevel.nuscenes.validation.ValidationReport;
import dev.bevel.nuscenes.validation.ValidationReport.KindCount;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code bevel validate}: is a folder a sound nuScenes-format data set? */
@Command(
    name = "validate",
    description = {
      "Tell whether a nuScenes-format data set is sound.",
      "Looks at tables, references, chains, key frames, calibration, motion, sensor files, LiDAR"
          + " points in boxes, visibility. Independent of the reader.",
      "Ends with status 0 if nothing is wrong, else with 1 and a line for each finding, of each kind"
          + " the first 50."
    })
@SuppressWarnings("NullAway.Init") // picocli sets the options
final class ValidateCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;

  @Mixin private DataFolderOptions dataSet;

  @Option(
      names = "--allow",
      split = ",",
      paramLabel = "WHAT",
      description = {
        "What a trimmed set may lack, separated by commas:",
        "missing-files (records without their files),",
        "blank-visibility (annotations without a visibility token),",
        "foreign-logs (maps that name logs of a larger set),",
        "missing-sensors (no records of some sensors)."
      })
  private List<String> allowed = List.of();

  @Option(names = "--lenient", description = "Allow all of these.")
  private boolean lenient;

  @Option(
      names = "--files",
      paramLabel = "WHICH",
      defaultValue = "all",
      description = "Files to look into: all, key-frames or maps (default: ${DEFAULT-VALUE}).")
  private String files;

  @Option(names = "--json", paramLabel = "FILE", description = "Write the report as JSON too.")
  private @Nullable Path json;

  @Option(
      names = "--threads",
      paramLabel = "N",
      converter = Numbers.Threads.class,
      description = "Files to read at a time (default: the number of processors, at most 8).")
  private @Nullable Integer threads;

  @Override
  public Integer call() throws InterruptedException {
    Places.requireNewFile(spec, "--json", json);
    String version = dataSet.version();
    DataSetValidator validator =
        version == null
            ? DataSetValidator.of(dataSet.folder())
            : DataSetValidator.of(dataSet.folder(), version);
    validator.allowing(allowances()).files(scope());
    if (threads != null) {
      validator.threads(threads);
    }
    ValidationReport report = validator.validate();
    if (json != null) {
      report.write(json);
    }
    print(spec.commandLine().getOut(), report);
    return report.isAccepted() ? 0 : Main.FAILED;
  }

  private Set<Allowance> allowances() {
    Set<Allowance> result =
        lenient ? EnumSet.allOf(Allowance.class) : EnumSet.noneOf(Allowance.class);
    for (String name : allowed) {
      result.add(
          Arrays.stream(Allowance.values())
              .filter(a -> a.label().equals(name.strip()))
              .findFirst()
              .orElseThrow(
                  () ->
                      bad(
                          String.format(
                              Locale.ROOT,
                              "--allow must be of %s, got '%s'",
                              Arrays.stream(Allowance.values()).map(Allowance::label).toList(),
                              name))));
    }
    return result;
  }

  private FileScope scope() {
    return switch (files) {
      case "all" -> FileScope.ALL;
      case "key-frames" -> FileScope.KEY_FRAMES;
      case "maps" -> FileScope.MAPS;
      default -> throw bad("--files must be all, key-frames or maps, got '" + files + "'");
    };
  }

  private ParameterException bad(String message) {
    return new ParameterException(spec.commandLine(), message);
  }

  private static void print(PrintWriter out, ValidationReport report) {
    for (KindCount kind : report.counts()) {
      List<Finding> findings = report.findings(kind);
      findings.forEach(
          finding -> out.printf(Locale.ROOT, "%s: %s%n", kind.rule().label(), finding));
      if (kind.count() > findings.size()) {
        out.printf(
            Locale.ROOT,
            "%s: %s%s: and %,d more of this kind%n",
            kind.rule().label(),
            kind.table(),
            kind.field().isEmpty() ? "" : ", " + kind.field(),
            kind.count() - findings.size());
      }
    }
    out.printf(
        Locale.ROOT,
        "%s (%s): ",
        Printable.of(report.data().toString(), 400),
        Printable.of(report.version(), 120));
    if (report.isAccepted()) {
      out.printf(
          Locale.ROOT,
          "accepted: %s, %s, points counted in %s%n",
          Counted.of(
              report.records().values().stream().mapToLong(Integer::longValue).sum(), "record"),
          Counted.of(report.files(), "file"),
          report.boxes() == 1 ? "1 box" : String.format(Locale.ROOT, "%,d boxes", report.boxes()));
    } else {
      out.println(Counted.of(report.total(), "finding"));
      for (KindCount kind : report.counts()) {
        out.printf(
            Locale.ROOT,
            "  %,8d %s: %s%s%n",
            kind.count(),
            kind.rule().label(),
            kind.table(),
            kind.field().isEmpty() ? "" : "." + kind.field());
      }
    }
    out.flush();
  }
}
