package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.testing.TestData;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class ParityCommandTest {
  private static final String BEVDET = "detector-fixtures/bevdet_v1_r50.json";

  @TempDir private Path folder;
  private final StringWriter out = new StringWriter();
  private String failure = "";

  private int run(String... arguments) {
    return new CommandLine(new ParityCommand())
        .setOut(new PrintWriter(out))
        .setErr(new PrintWriter(new StringWriter()))
        .setExecutionExceptionHandler(
            (e, command, parsed) -> {
              failure = String.valueOf(e.getMessage());
              return 1;
            })
        .execute(arguments);
  }

  @Test
  void agreementExitsWithZeroAndPrintsEveryTap() {
    int status = run("--fixture", TestData.require(BEVDET).toString());
    assertThat(status).as("%s%s", out, failure).isZero();
    assertThat(out.toString())
        .contains("img_backbone.stage3", "view.bev", "head.task5.heatmap", "all 48 taps agree")
        .contains("forward pass")
        .doesNotContain("FAIL");
  }

  @Test
  void tapsOfOtherNamesAreListedAndHeadOutputsMayNotLack() throws IOException {
    String text = Files.readString(TestData.require(BEVDET));
    Path renamed = folder.resolve("renamed.json");
    Files.writeString(renamed, text.replace("\"view.bev\"", "\"view.of_another_name\""));
    assertThat(run("--fixture", renamed.toString())).as("%s%s", out, failure).isZero();
    assertThat(out.toString())
        .containsPattern("view.of_another_name +- +- +not compared: the detector has no such tap")
        .contains("all 47 taps agree, 1 not compared");

    Files.writeString(renamed, text.replace("\"head.task5.vel\"", "\"head.task5.velocity\""));
    assertThat(run("--fixture", renamed.toString())).isEqualTo(1);
    assertThat(out.toString())
        .contains("FAIL: the fixture has no tap of the head's outputs head.task5.vel");
  }

  @Test
  void disagreementExitsWithOne() throws IOException {
    String text = Files.readString(TestData.require(BEVDET));
    Path changed = folder.resolve("changed.json");
    int tap = text.indexOf("\"head.task5.vel\"");
    int values = text.indexOf('[', text.indexOf("\"values\"", tap)) + 1;
    int comma = text.indexOf(',', values);
    Files.writeString(changed, text.substring(0, values) + "9" + text.substring(comma));
    assertThat(run("--fixture", changed.toString())).as("%s%s", out, failure).isEqualTo(1);
    assertThat(out.toString()).contains("1 of 48 taps differ");
    assertThat(out.toString().lines().filter(line -> line.contains("FAIL")))
        .singleElement()
        .asString()
        .startsWith("head.task5.vel");
  }

  @Test
  void whatIsNoFixtureIsOneSentence() throws IOException {
    Path file = folder.resolve("x.json");
    assertThat(run("--fixture", file.toString())).isEqualTo(1);
    assertThat(failure).isEqualTo("fixture file " + file + " does not exist");
    Files.writeString(file, "{\"name\": 1");
    assertThat(run("--fixture", file.toString())).isEqualTo(1);
    assertThat(failure)
        .startsWith(file + ": not a detector fixture, its JSON is damaged: ")
        .doesNotContain("\n");
    assertThat(run()).isEqualTo(2);
    assertThat(run("--fixture", file.toString(), "--fast")).isEqualTo(2);
  }
}
