package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bevel.bench.BenchmarkOptions;
import dev.bevel.bench.BenchmarkReport;
import dev.bevel.bench.BenchmarkSuite;
import dev.bevel.testing.JavaProcess;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class BenchCommandTest {
  @TempDir Path folder;

  private final StringWriter error = new StringWriter();

  private final StringWriter output = new StringWriter();

  private int run(String... arguments) {
    return new CommandLine(new BenchCommand())
        .setOut(new PrintWriter(output, true))
        .setErr(new PrintWriter(error, true))
        .execute(arguments);
  }

  @Test
  void writesJson() throws IOException {
    Path file = folder.resolve("calls.json");
    int exit = run("native-call", "--seconds", "0.001", "--json", file.toString());
    assertThat(exit).as(error.toString()).isZero();
    JsonNode rows = new ObjectMapper().readTree(file.toFile());
    List<String> variants = new ArrayList<>();
    for (JsonNode row : rows) {
      assertThat(row.get("op").asText()).isEqualTo("native-call");
      assertThat(row.get("median_ms").asDouble()).isPositive();
      variants.add(row.get("variant").asText());
    }
    assertThat(variants)
        .containsExactly("bevel", "javacpp", "bevel", "javacpp", "javacpp_prepared");
  }

  /** The file is whole after each case, and says what the rows say. */
  @Test
  void rowsComeAsTheyAreMeasured() throws IOException {
    Path file = folder.resolve("results.json");
    List<Integer> written = new ArrayList<>();
    List<String> lines = new ArrayList<>();
    BenchmarkSuite.Listener listener =
        new BenchmarkSuite.Listener() {
          @Override
          public void line(String text) {
            lines.add(text);
          }

          @Override
          public void measured(BenchmarkReport soFar) {
            soFar.writeJson(file);
            written.add(soFar.results().size());
          }
        };
    BenchmarkOptions options =
        BenchmarkOptions.of(List.of(), List.of(1), BenchmarkOptions.DEFAULT_SEED, 1e-3, null);
    int cases = BenchmarkSuite.run("native-call", options, false, listener).results().size();
    assertThat(written).doesNotHaveDuplicates().isSorted().endsWith(cases);
    assertThat(lines).anyMatch(line -> line.startsWith("1/" + written.size() + " "));
    assertThat(lines).filteredOn(line -> line.startsWith("native-call")).hasSize(cases);
    assertThat(lines.indexOf("2/" + written.size() + " " + secondCase(lines)))
        .as("%s", lines)
        .isGreaterThan(lines.indexOf(BenchmarkReport.header()));
    assertThat(new ObjectMapper().readTree(file.toFile())).hasSize(cases);
  }

  private static String secondCase(List<String> lines) {
    return lines.stream()
        .filter(line -> line.startsWith("2/"))
        .findFirst()
        .map(line -> line.substring(line.indexOf(' ') + 1))
        .orElseThrow();
  }

  @Test
  void aQuickRunMeasuresOneCase() {
    assertThat(run("native-call", "--quick", "--seconds", "0.001")).as(error.toString()).isZero();
    assertThat(output.toString()).contains("1/1 ").contains("bevel");
  }

  @Test
  void timesBevelAndTheVariantsThatAreNamed() {
    String[] command = {"native-call", "--case", "lift-splat-empty", "--seconds", "0.001"};
    assertThat(run(with(command, "--variant", "javacpp_prepared"))).as(error.toString()).isZero();
    assertThat(rows()).containsExactly("bevel", "javacpp_prepared");
    assertThat(run(with(command, "--variant", "bevel"))).as(error.toString()).isZero();
    assertThat(rows()).containsExactly("bevel");
    assertThat(run(with(command, "--variant", "libtroch"))).isEqualTo(CommandLine.ExitCode.USAGE);
    assertThat(error.toString())
        .contains("no variant 'libtroch'", "there are bevel, javacpp, javacpp_prepared");
    assertThat(run(with(command, "--variant", ""))).isEqualTo(CommandLine.ExitCode.USAGE);
    assertThat(error.toString()).contains("a variant must have a name");
  }

  private static String[] with(String[] command, String... more) {
    return Stream.concat(Stream.of(command), Stream.of(more)).toArray(String[]::new);
  }

  /** Variants of the rows printed since the last call. */
  private List<String> rows() {
    List<String> variants =
        output
            .toString()
            .lines()
            .filter(line -> line.startsWith("native-call"))
            .map(line -> line.split(" +")[5])
            .toList();
    output.getBuffer().setLength(0);
    return variants;
  }

  @Test
  void namesTheChoicesWhereThereIsNoSuchOperator() {
    assertThat(run("lift-splatt")).isEqualTo(CommandLine.ExitCode.USAGE);
    assertThat(error.toString())
        .contains("no benchmark 'lift-splatt'", "there are lift-splat, ", "native-call");
  }

  @Test
  void namesTheChoicesWhereThereIsNoSuchCase() {
    assertThat(run("lift-splat", "--case", "bevformer")).isEqualTo(CommandLine.ExitCode.USAGE);
    assertThat(error.toString()).contains("no case 'bevformer'", "bevdet, bevdepth, bevfusion");
  }

  @Test
  void refusesNumbersOfThreadsThatNoMachineHas() {
    assertThat(run("native-call", "--threads", "0")).isEqualTo(CommandLine.ExitCode.USAGE);
    assertThat(error.toString()).contains("threads must be 1 to 4096, got [0]");
    assertThat(run("native-call", "--threads", "1,4097")).isEqualTo(CommandLine.ExitCode.USAGE);
    assertThat(error.toString()).contains("threads must be 1 to 4096, got [1, 4097]");
  }

  @Test
  void refusesAFolderForTheResultsBeforeMeasuring() {
    assertThat(run("native-call", "--json", folder.toString()))
        .isEqualTo(CommandLine.ExitCode.USAGE);
    assertThat(error.toString()).contains("--json must be a file", folder + " is a folder");
  }

  @Test
  void refusesADataFolderThatDoesNotExist() {
    Path missing = folder.resolve("nuscenes");
    assertThat(run("lift-splat", "--case", "bevdet", "--data", missing.toString()))
        .isEqualTo(CommandLine.ExitCode.USAGE);
    assertThat(error.toString()).contains("data folder " + missing + " does not exist");
  }

  /** A process of its own, for only a process can be told to end. */
  @Test
  void aBenchmarkToldToEndEndsAtOnceWithoutACrash() throws IOException, InterruptedException {
    Path crash = folder.resolve("crash.log");
    Path file = folder.resolve("lift-splat.json");
    List<String> command =
        JavaProcess.command(
            Main.class,
            List.of("-XX:ErrorFile=" + crash),
            List.of("bench", "lift-splat", "--seconds", "1000", "--json", file.toString()));
    Path log = folder.resolve("bench.log");
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    try {
      while (process.isAlive() && !Files.readString(log).contains("bevdet:")) {
        Thread.sleep(50);
      }
      Thread.sleep(2_000); // into the measuring
      process.destroy(); // SIGTERM
      assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    String told = Files.readString(log);
    assertThat(process.exitValue()).as(told).isEqualTo(130);
    assertThat(crash).as(told).doesNotExist();
    assertThat(told).contains("bevdet:").doesNotContain("SIGSEGV");
    assertThat(file).doesNotExist();
  }
}
