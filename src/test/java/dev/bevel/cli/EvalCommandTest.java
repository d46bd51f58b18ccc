package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.Splits;
import dev.bevel.nuscenes.report.RunFolder;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EvalCommandTest {
  @TempDir Path folder;

  private final StringWriter output = new StringWriter();
  private final StringWriter error = new StringWriter();

  private static Path syntheticSet() throws URISyntaxException {
    return Path.of(
        Objects.requireNonNull(EvalCommandTest.class.getResource("/evaluation/synthetic-set"))
            .toURI());
  }

  private int run(String split, Path results) throws URISyntaxException {
    Path data = syntheticSet();
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

  /** Figures of two scenes are not those of a split of 150. */
  @Test
  void aPartOfASplitIsCalledOne() throws IOException, URISyntaxException {
    assertThat(run("mini_val", Path.of("results_nusc.json"))).as(error.toString()).isZero();
    assertThat(output.toString())
        .startsWith(
            "The data set has 12 of the 81 samples and 2 of the 2 scenes of split mini_val;");

    Path copy = folder.resolve("data");
    Path set = syntheticSet();
    try (Stream<Path> files = Files.walk(set)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Path to =
            copy.resolve(set.relativize(file).toString().replace("v1.0-mini", "v1.0-trainval"));
        Files.createDirectories(to.getParent());
        String text = file.toString().endsWith(".json") ? Files.readString(file) : null;
        if (text == null) {
          Files.copy(file, to);
        } else {
          Files.writeString(to, text.replace("scene-0103", "scene-0003"));
        }
      }
    }
    NuScenes trainval = NuScenes.load(copy, "v1.0-trainval");
    assertThat(Splits.partOf(trainval, "val"))
        .hasValueSatisfying(
            part ->
                assertThat(part)
                    .containsPattern(
                        "^\\d+ of the 6,019 samples and [12] of the 150 scenes of split val$"));
    Path own = copy.resolve("v1.0-trainval/splits.json");
    String first = trainval.scenes().iterator().next().name();
    Files.writeString(own, "{\"own\": [\"" + first + "\"], \"more\": [\"" + first + "\", \"x\"]}");
    assertThat(Splits.partOf(trainval, "own")).isEmpty();
    assertThat(Splits.partOf(trainval, "more"))
        .hasValueSatisfying(
            part -> assertThat(part).endsWith(" and 1 of the 2 scenes of split more"));
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
