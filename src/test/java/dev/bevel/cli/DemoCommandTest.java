package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.Splits;
import dev.bevel.nuscenes.report.RunFolder;
import dev.bevel.nuscenes.report.RunLock;
import dev.bevel.nuscenes.report.TrainingHistory;
import dev.bevel.testing.SmallConfig;
import dev.bevel.torch.train.ConfigDocument;
import dev.bevel.torch.train.LearningRate;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoCommandTest {
  @TempDir private Path folder;

  private final StringWriter printed = new StringWriter();

  /** Two scenes of a second, and two steps. */
  private DemoSettings tiny() throws IOException {
    Path config = folder.resolve("small.yaml");
    Files.writeString(config, SmallConfig.yaml(1, "none"));
    return new DemoSettings(2, 1, config.toString(), 2);
  }

  private Demo demo(DemoSettings settings, Path out) {
    return new Demo(settings, out, 3, new PrintWriter(printed));
  }

  @Test
  void goesFromNothingToAReport() throws IOException {
    Path out = folder.resolve("demo");
    DemoFolder.take(out).close(); // one that was killed
    Demo.Outcome outcome = demo(tiny(), out).run();
    assertThat(printed.toString().lines().findFirst())
        .contains(out + " is of a demo that was not finished; all of it is begun anew");
    assertThat(printed.toString().lines().skip(1))
        .hasSize(5)
        .allMatch(line -> line.matches("[1-5]/5 [a-z].*"))
        .anyMatch(line -> line.contains("train small on 2 key frames of sim_train"))
        .anyMatch(line -> line.contains("detect on 2 key frames of sim_val"));

    RunFolder run = new RunFolder(out);
    Path data = out.resolve("data").toAbsolutePath();
    assertThat(run.training())
        .contains(new RunFolder.Training("small", data, "v1.0-sim", "sim_train", 2, 3));
    assertThat(run.evaluation())
        .contains(
            new RunFolder.Evaluation(
                data, "v1.0-sim", "sim_val", run.results(), RunFolder.sha256(run.results())));
    assertThat(run.detector())
        .contains(
            new RunFolder.Detector("small", 2, 3, RunFolder.sha256(run.results()), List.of()));
    assertThat(Files.readString(run.report()))
        .contains("The detections are of small after step 2, seed 3.")
        .doesNotContain("The training above is at step", "has changed since");
    assertThat(TrainingHistory.read(run.history()).rows()).hasSize(2);
    RunFolder black = new RunFolder(out.resolve("black-images"));
    assertThat(black.metricsSummary()).isRegularFile();
    assertThat(Files.readString(black.results()))
        .as("what is found without images is something else")
        .isNotEqualTo(Files.readString(run.results()));
    NuScenes set = NuScenes.load(data);
    assertThat(Splits.scenes(set, "sim_val"))
        .doesNotContainAnyElementsOf(Splits.scenes(set, "sim_train"));
    assertThat(outcome.report()).isRegularFile().isEqualTo(run.report());
    assertThat(DemoFolder.obstacle(out)).as("a finished demo is not replaced").isPresent();
    outcome.print(new PrintWriter(printed, true));
    assertThat(printed.toString())
        .containsPattern(
            "AP of cars within 4 m on unseen scenes: 0\\.\\d{3}; on black images: 0\\.")
        .containsPattern("mAP: 0\\.\\d{4}, NDS: 0\\.\\d{4}")
        .contains("report: " + run.report());
  }

  /** A schedule of another length would end too early or with too high a rate. */
  @Test
  void theScheduleIsAsLongAsTheTraining() throws IOException {
    ConfigDocument config = ConfigDocument.load(DemoSettings.DEFAULT.config());
    assertThat(config.training().optimization().schedule())
        .isInstanceOfSatisfying(
            LearningRate.OneCycle.class,
            cycle -> assertThat(cycle.steps()).isEqualTo(DemoSettings.DEFAULT.steps()));
  }

  @Test
  void toldToEndItSaysSoAndLeavesWholeFilesOnly() throws IOException {
    Path out = folder.resolve("demo");
    Demo early = demo(tiny(), out);
    early.stop();
    assertThatThrownBy(early::run).hasMessageContaining("told to end");
    assertThat(out).doesNotExist();

    // While it simulates: as the thread that works is interrupted, nothing of the data remains.
    DemoSettings longer = new DemoSettings(40, 60, tiny().config(), 2);
    Demo demo = demo(longer, out);
    CompletableFuture<Throwable> failure = new CompletableFuture<>();
    Thread.ofPlatform()
        .start(
            () -> {
              try {
                demo.run();
                failure.complete(new AssertionError("it went on to the end"));
              } catch (IOException | RuntimeException e) {
                failure.complete(e);
              }
            });
    while (!printed.toString().contains("simulate")) {
      Thread.onSpinWait();
    }
    demo.stop();
    assertThat(failure.join())
        .isInstanceOfAny(NuScenesException.class, IllegalStateException.class)
        .hasMessageMatching(".*(interrupted|told to end).*");
    assertThat(out.resolve("data")).doesNotExist();
  }

  @Test
  void onlyAFreeFolderIsTaken() throws IOException {
    Path full = Files.createDirectory(folder.resolve("full"));
    Files.writeString(full.resolve("x"), "x");
    for (Path taken : new Path[] {full, full.resolve("x")}) {
      boolean isFile = Files.isRegularFile(taken);
      StringWriter error = new StringWriter();
      int status =
          Main.commandLine()
              .setErr(new PrintWriter(error, true))
              .execute("demo", "--out", taken.toString());
      assertThat(status).isEqualTo(2);
      assertThat(error.toString())
          .contains(
              isFile
                  ? "--out must be a folder, there or to be made: "
                  : "--out must name a missing or empty folder, or that of an unfinished demo; ")
          .contains(taken + " is ");
    }
    assertThat(full).isDirectoryContaining("glob:**/x");
  }

  /** What a demo that ended early left is its own, and nobody has to remove it by hand. */
  @Test
  void anUnfinishedDemoIsReplacedAndNothingElse() throws IOException {
    Path out = folder.resolve("demo");
    Path kept = Files.writeString(folder.resolve("kept.txt"), "kept");
    DemoFolder.take(out).close(); // killed at once
    Files.createDirectories(out.resolve("data/samples"));
    Files.writeString(out.resolve("data/samples/x.jpg"), "x");
    Files.createSymbolicLink(out.resolve("data/link"), folder);
    Files.createDirectories(out.resolve(".data." + UUID.randomUUID() + ".tmp/maps"));
    Files.writeString(out.resolve(".last.safetensors." + UUID.randomUUID() + ".tmp"), "x");
    Files.writeString(out.resolve("last.safetensors"), "x");
    assertThat(DemoFolder.obstacle(out)).isEmpty();
    try (DemoFolder home = DemoFolder.take(out)) {
      assertThat(names(out)).containsExactlyInAnyOrder(RunLock.NAME, DemoFolder.MARKER);
      assertThatThrownBy(() -> DemoFolder.take(out))
          .hasMessageContaining("is being written to by this process");
      home.finish();
    }
    assertThat(kept).hasContent("kept");
    Files.writeString(out.resolve("report.html"), "finished");
    assertThat(DemoFolder.obstacle(out).orElseThrow()).contains(out + " is not empty");

    Path mixed = folder.resolve("mixed");
    DemoFolder.take(mixed).close();
    Path notes = Files.writeString(mixed.resolve("notes.txt"), "mine");
    assertThat(DemoFolder.obstacle(mixed).orElseThrow()).contains("has also " + notes);
    assertThatThrownBy(() -> DemoFolder.take(mixed)).hasMessageContaining("has also " + notes);
    assertThat(notes).hasContent("mine");
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.map(entry -> entry.getFileName().toString()).toList();
    }
  }

  /** The default settings. Takes minutes: runs with {@code -Dbevel.test.long=true}. */
  @Test
  void findsCarsInUnseenStreetsByTheirImages() throws IOException {
    Assumptions.assumeTrue(
        Boolean.getBoolean("bevel.test.long"),
        "skipped: takes minutes, give -Dbevel.test.long=true");
    Demo.Outcome outcome = demo(DemoSettings.DEFAULT, folder.resolve("demo")).run();
    double cars = Demo.Outcome.cars(outcome.metrics());
    double black = Demo.Outcome.cars(outcome.black());
    System.out.printf(
        Locale.ROOT, "DemoCommandTest: AP of cars within 4 m %.3f, black %.3f%n", cars, black);
    assertThat(cars).isGreaterThanOrEqualTo(0.15);
    assertThat(black).isLessThan(cars / 3);
  }
}
