package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bevel.nuscenes.report.RunFolder;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EvalCommandTest {
  @TempDir Path folder;

  private final StringWriter output = new StringWriter();
  private final StringWriter error = new StringWriter();

  private int run(String split, Path results) throws URISyntaxException {
    Path data =
        Path.of(
            Objects.requireNonNull(EvalCommandTest.class.getResource("/evaluation/synthetic-set"))
                .toURI());
    return Main.commandLine()
        .setOut(new PrintWriter(output))
        .setErr(new PrintWriter(error, true))
        .execute(
            "eval",
            "--data",
            data.toString(),
            "--version",
            "v1.0-mini",
            "--split",
            split,
            "--results",
            data.resolve(results).toString(),
            "--out",
            folder.resolve("out").toString());
  }

  @Test
  void printsAndWritesTheFigures() throws IOException, URISyntaxException {
    assertThat(run("mini_val", Path.of("results_nusc.json"))).as(error.toString()).isZero();
    assertThat(output.toString())
        .contains("mAP: 0.3609", "mATE: 0.8150", "mAAE: 0.2394", "NDS: 0.4391")
        .containsPattern("car +\t0\\.357 \t0\\.822 \t0\\.258 \t0\\.486 \t0\\.495 \t0\\.287")
        .containsPattern("barrier +\t0\\.238 .*\tnan");
    Path summary = folder.resolve("out/metrics_summary.json");
    assertThat(Files.readString(summary)).contains("0.43913325709");
    assertThat(new ObjectMapper().readTree(folder.resolve("out/metrics_details.json").toFile()))
        .hasSize(40);
    RunFolder run = new RunFolder(folder.resolve("out"));
    RunFolder.Evaluation evaluation = run.evaluation().orElseThrow();
    assertThat(evaluation.split()).isEqualTo("mini_val");
    assertThat(evaluation.version()).isEqualTo("v1.0-mini");
    assertThat(evaluation.results()).isRegularFile().hasFileName("results_nusc.json");
    assertThat(evaluation.data()).isEqualTo(evaluation.results().getParent());
  }

  @Test
  void whatCannotBeEvaluatedIsOneSentence() throws URISyntaxException {
    assertThat(run("mini_train", Path.of("results_nusc.json"))).isEqualTo(1);
    assertThat(run("mini_val", Path.of("nowhere.json"))).isEqualTo(1);
    assertThat(error.toString().lines())
        .hasSize(2)
        .anyMatch(line -> line.contains("has no sample of the scenes to evaluate"))
        .anyMatch(line -> line.contains("nowhere.json"));
    assertThat(folder.resolve("out")).doesNotExist();
  }

  @Test
  void helpIsThereBesideTheVersionOfTheData() {
    assertThat(Main.commandLine().setOut(new PrintWriter(output)).execute("eval", "--help"))
        .isZero();
    assertThat(output.toString()).contains("--version=VERSION", "--split=SPLIT", "-h, --help");
  }
}
