package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportCommandTest {
  @TempDir Path folder;

  private final StringWriter output = new StringWriter();
  private final StringWriter error = new StringWriter();

  private int run(String... arguments) {
    return Main.commandLine()
        .setOut(new PrintWriter(output))
        .setErr(new PrintWriter(error, true))
        .execute(arguments);
  }

  /** What eval leaves behind is enough for a report. */
  @Test
  void reportsOnAnEvaluation() throws URISyntaxException, IOException {
    Path data =
        Path.of(
            Objects.requireNonNull(ReportCommandTest.class.getResource("/evaluation/synthetic-set"))
                .toURI());
    Path run = folder.resolve("run");
    assertThat(
            run(
                "eval",
                "--data",
                data.toString(),
                "--split",
                "mini_val",
                "--results",
                data.resolve("results_nusc.json").toString(),
                "--out",
                run.toString()))
        .as(error.toString())
        .isZero();
    assertThat(run("report", "--run", run.toString())).as(error.toString()).isZero();
    Path page = run.resolve("report.html");
    assertThat(output.toString()).contains("wrote " + page);
    assertThat(Files.readString(page))
        .contains(
            "<dd>0.4391</dd>", "Split mini_val", "Recall by distance", "There is no history.csv")
        .contains("The images of 0 of 12 samples are there");

    Path elsewhere = folder.resolve("pages/page.html");
    assertThat(run("report", "--run", run.toString(), "--out", elsewhere.toString())).isZero();
    assertThat(elsewhere).exists();
    Files.delete(elsewhere);
    // A folder that is asked for is looked into, or nothing is written.
    for (String wrong : List.of(folder.toString(), folder.resolve("nosuch").toString())) {
      assertThat(
              run(
                  "report",
                  "--run",
                  run.toString(),
                  "--data",
                  wrong,
                  "--out",
                  elsewhere.toString()))
          .isEqualTo(wrong.endsWith("nosuch") ? 2 : 1);
    }
    assertThat(error.toString())
        .contains("has not the tables that the run was evaluated on")
        .contains("--data must be a folder: " + folder.resolve("nosuch") + " does not exist");
    assertThat(elsewhere).doesNotExist();
  }

  @Test
  void whatCannotBeReportedIsOneSentence() throws IOException {
    assertThat(run("report", "--run", folder.resolve("nowhere").toString())).isEqualTo(1);
    Files.writeString(folder.resolve("run.json"), "{");
    assertThat(run("report", "--run", folder.toString())).isEqualTo(1);
    assertThat(error.toString().lines())
        .hasSize(2)
        .anyMatch(line -> line.contains("nowhere does not exist"))
        .anyMatch(line -> line.contains("run.json is not valid JSON"));
    assertThat(folder.resolve("report.html")).doesNotExist();
  }
}
