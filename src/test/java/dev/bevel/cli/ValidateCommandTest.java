package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bevel.nuscenes.simulator.SimulationSettings;
import dev.bevel.nuscenes.simulator.Simulator;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ValidateCommandTest {
  @TempDir Path folder;

  private final StringWriter output = new StringWriter();
  private final StringWriter error = new StringWriter();
  private Path data = Path.of("");

  @BeforeEach
  void simulate() {
    data = folder.resolve("data");
    Simulator.run(
        SimulationSettings.of(1, 1, 3).withImageSize(64, 36).withSweeps(0, 0),
        data,
        (done, all) -> {});
  }

  private int run(String... options) {
    List<String> arguments = new ArrayList<>(List.of("validate", "--data", data.toString()));
    arguments.addAll(List.of(options));
    return Main.commandLine()
        .setOut(new PrintWriter(output))
        .setErr(new PrintWriter(error, true))
        .execute(arguments.toArray(String[]::new));
  }

  private void breakSamples() throws IOException {
    Path samples = data.resolve("v1.0-sim/sample.json");
    String text = Files.readString(samples);
    Files.writeString(samples, text.replaceFirst("\"next\" *: *\"[0-9a-f]+\"", "\"next\":\"x\""));
  }

  @Test
  void aSoundSetIsAccepted() throws IOException {
    Path json = folder.resolve("report/validation.json");
    assertThat(run("--json", json.toString(), "--threads", "1")).as(output.toString()).isZero();
    assertThat(output.toString()).containsPattern("accepted: .* records, 15 files, points counted");
    JsonNode report = new ObjectMapper().readTree(json.toFile());
    assertThat(report.get("accepted").asBoolean()).isTrue();
    assertThat(report.get("records").get("sample").asInt()).isEqualTo(2);
    assertThat(report.get("findings")).isEmpty();
  }

  @Test
  void findingsArePrintedAndWrittenAndGiveStatusOne() throws IOException {
    breakSamples();
    Path json = folder.resolve("validation.json");
    assertThat(run("--json", json.toString(), "--files", "key-frames")).isEqualTo(1);
    assertThat(output.toString())
        .containsPattern(
            "reference: sample [0-9a-f]{32}, next: expected the token of a record of table sample,"
                + " got \"x\", which no record has")
        .containsPattern("1 reference: sample.next");
    JsonNode report = new ObjectMapper().readTree(json.toFile());
    assertThat(report.get("accepted").asBoolean()).isFalse();
    assertThat(report.get("findings"))
        .anyMatch(
            finding ->
                finding.get("rule").asText().equals("reference")
                    && finding.get("table").asText().equals("sample")
                    && finding.get("field").asText().equals("next")
                    && finding.get("actual").asText().startsWith("\"x\""));
    assertThat(report.get("counts").get(0).get("count").asInt()).isEqualTo(1);
  }

  @Test
  void whatMayBeMissingIsSaid() throws IOException {
    try (var files = Files.list(data.resolve("samples/CAM_FRONT"))) {
      Files.delete(files.findFirst().orElseThrow());
    }
    assertThat(run()).isEqualTo(1);
    assertThat(output.toString()).contains("allowed by missing-files");
    assertThat(run("--allow", "missing-files,foreign-logs")).isZero();
    assertThat(run("--lenient")).isZero();
    assertThat(run("--files", "maps")).isZero();
  }

  @Test
  void aWrongCommandLineIsOneSentence() {
    assertThat(run("--allow", "everything")).isEqualTo(2);
    assertThat(run("--files", "some")).isEqualTo(2);
    assertThat(run("--threads", "0")).isEqualTo(2);
    assertThat(run("--version", "v1.0-mini")).isEqualTo(1);
    assertThat(error.toString())
        .contains("--allow must be of [missing-files, blank-visibility,")
        .contains("--files must be all, key-frames or maps, got 'some'")
        .contains("'--threads': must be a whole number from 1 to 4096, got '0'")
        .contains("folder of tables ", "does not exist");
  }
}
