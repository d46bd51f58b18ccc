package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class BenchScaleCommandTest {
  @TempDir Path folder;

  private final StringWriter output = new StringWriter();
  private final StringWriter error = new StringWriter();

  private int run(String... arguments) {
    return new CommandLine(new BenchCommand())
        .setOut(new PrintWriter(output, true))
        .setErr(new PrintWriter(error, true))
        .execute(arguments);
  }

  private JsonNode measured(String operator, String size) throws IOException {
    Path file = folder.resolve("results.json");
    Path sets = folder.resolve("sets");
    int exit = run(operator, "--size", size, "--dir", sets.toString(), "--json", file.toString());
    assertThat(exit).as(error + "\n" + output).isZero();
    JsonNode rows = new ObjectMapper().readTree(file.toFile());
    assertThat(rows).hasSize(1);
    JsonNode row = rows.get(0);
    assertThat(row.fieldNames())
        .toIterable()
        .containsExactly(
            "op",
            "case",
            "samples",
            "records",
            "bytes",
            "seconds",
            "cpu_seconds",
            "peak_heap_mib",
            "live_heap_mib",
            "heap_limit_mib");
    assertThat(row.get("op").asText()).isEqualTo(operator);
    assertThat(row.get("case").asText()).isEqualTo(size);
    assertThat(row.get("seconds").asDouble()).isPositive();
    assertThat(row.get("cpu_seconds").asDouble()).isPositive();
    assertThat(row.get("live_heap_mib").asDouble())
        .isPositive()
        .isLessThan(row.get("peak_heap_mib").asDouble());
    assertThat(sets.resolve(operator + "-" + size.replace('/', '-')).resolve("v1.0-synthetic"))
        .isDirectory();
    assertThat(output.toString()).contains("cpu s", "peak heap MiB");
    return row;
  }

  @Test
  void measuresLoading() throws IOException {
    JsonNode row = measured("tables", "1/425");
    assertThat(row.get("samples").asInt()).isEqualTo(80);
    assertThat(row.get("records").asInt()).isEqualTo(80 + 2 * 6190 + 2743 + 151);
    assertThat(row.get("heap_limit_mib").asInt()).isEqualTo(6144);
    long bytes = Files.size(folder.resolve("sets/tables-1-425/v1.0-synthetic/sample_data.json"));
    assertThat(row.get("bytes").asLong()).isGreaterThan(bytes).isLessThan(3 * bytes);
  }

  @Test
  void measuresEvaluationOnceItsResultIsChecked() throws IOException {
    JsonNode row = measured("evaluation", "1/150");
    assertThat(row.get("samples").asInt()).isEqualTo(40);
    assertThat(row.get("records").asInt()).isEqualTo(40 + 2 * 3091 + 1250 + 69 + 40 * 300);
    assertThat(row.get("heap_limit_mib").asInt()).isEqualTo(3072);
    assertThat(output.toString()).contains("checked: NDS of 40 samples is 0.");
  }

  @Test
  void refusesSizesAndFilesThatCannotBe() {
    assertThat(run("tables", "--size", "1/4,3/2")).isEqualTo(CommandLine.ExitCode.USAGE);
    assertThat(error.toString()).contains("size must be a fraction", "got 3/2");
    assertThat(run("evaluation", "--json", folder.toString()))
        .isEqualTo(CommandLine.ExitCode.USAGE);
    assertThat(error.toString()).contains("--json must be a file", folder + " is a folder");
  }

  @Test
  void namesTheBenchmarksWhereNoneIsAskedFor() {
    assertThat(run()).isEqualTo(CommandLine.ExitCode.USAGE);
    assertThat(error.toString()).contains("lift-splat, ", "native-call, tables, evaluation");
  }
}
