package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bevel.testing.JavaProcess;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class BenchCommandTest {
  @TempDir Path folder;

  private final StringWriter error = new StringWriter();

  private int run(String... arguments) {
    return new CommandLine(new BenchCommand())
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
    assertThat(error.toString()).contains("--json must name a file, " + folder + " is a folder");
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
