package dev.bevel.nuscenes.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.testing.Fuzz;
import dev.bevel.testing.Seed;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunFolderTest {
  @TempDir Path root;

  private static final RunFolder.Training TRAINING =
      new RunFolder.Training(
          "net \"<b>\" ü", Path.of("data").toAbsolutePath(), "v1.0-sim", null, 120, -7);

  @Test
  void partsAreWrittenByThemselvesAndKeepEachOther() throws IOException {
    RunFolder run = new RunFolder(root.resolve("new/run"));
    assertThat(run.training()).isEmpty();
    assertThat(run.evaluation()).isEmpty();
    run.write(TRAINING);
    assertThat(run.training()).contains(TRAINING);
    assertThat(run.evaluation()).isEmpty();
    RunFolder.Evaluation evaluation =
        new RunFolder.Evaluation(Path.of("data"), "v1.0-sim", "sim_val", run.results(), "ab");
    run.write(evaluation);
    assertThat(run.training()).contains(TRAINING);
    assertThat(run.evaluation()).contains(evaluation);
    RunFolder.Detector detector = new RunFolder.Detector("net", 120, -7, "ab", List.of("a", "b"));
    run.write(detector);
    assertThat(run.evaluation()).contains(evaluation);
    RunFolder.Training again =
        new RunFolder.Training("other", Path.of("data"), "v1.0-mini", "mini_train", 3, 4);
    run.write(again);
    assertThat(run.training()).contains(again);
    assertThat(run.detector()).contains(detector);
    assertThat(run.evaluation()).contains(evaluation);

    Path moved = root.resolve("moved");
    Files.move(run.folder(), moved);
    assertThat(new RunFolder(moved).evaluation().orElseThrow().results())
        .isEqualTo(moved.resolve("results_nusc.json"));
    try (var files = Files.list(moved)) {
      assertThat(files).containsExactly(moved.resolve("run.json"));
    }
  }

  @Test
  void damageIsNamedAndNotOverwritten() throws IOException {
    RunFolder run = new RunFolder(root);
    for (String damage :
        List.of(
            "",
            "[]",
            "{\"training\": 3}",
            "{\"training\": {\"config\": \"c\", \"data\": \"/d\", \"version\": \"v\", \"steps\":"
                + " 1.5, \"seed\": 1}}",
            "{\"training\": {\"config\": \"c\", \"data\": \"/d\\u0000\", \"version\": \"v\","
                + " \"steps\": 1, \"seed\": 1}}",
            training("-1", "1"),
            training("9223372036854775807", "1"),
            training("4503599627370497", "1"),
            training("99999999999999999999", "1"),
            training("1e3", "1"),
            training("1", "9223372036854775808"),
            "{\"evaluation\": {\"data\": \"/d\"}}",
            "{} {}",
            "{\"training\":" + "[".repeat(100))) {
      Files.writeString(run.run(), damage);
      assertThatThrownBy(run::evaluation)
          .as(damage)
          .isInstanceOf(NuScenesException.class)
          .hasMessageContaining("run.json");
      assertThatThrownBy(() -> run.write(TRAINING)).isInstanceOf(NuScenesException.class);
      assertThat(Files.readString(run.run())).isEqualTo(damage);
    }
  }

  private static String training(String steps, String seed) {
    return String.format(
        Locale.ROOT,
        "{\"training\": {\"config\": \"c\", \"data\": \"/d\", \"version\": \"v\", \"steps\": %s,"
            + " \"seed\": %s}}",
        steps,
        seed);
  }

  @Test
  void stepsAreWholeNumbersThatCanBeCountedOn() throws IOException {
    RunFolder run = new RunFolder(root);
    Files.writeString(run.run(), training("4503599627370496", "-9223372036854775808"));
    assertThat(run.training().orElseThrow().steps()).isEqualTo(TrainingHistory.MAX_STEP);
    Files.writeString(run.run(), training("9223372036854775807", "1"));
    assertThatThrownBy(run::training)
        .hasMessage(
            "file "
                + run.run()
                + ", field training.steps must be a whole number from 0 to 4503599627370496, got"
                + " 9223372036854775807");
  }

  @Test
  void historyIsReadByColumn() throws IOException {
    Path file = root.resolve("history.csv");
    Files.writeString(
        file,
        "step,seconds,learning_rate,loss,heat<map\n1,.5,1e-4,NaN,2\n5,1,2e-4,3.25,1\n9,1.5,2");
    TrainingHistory history = TrainingHistory.read(file);
    assertThat(history.terms()).containsExactly("heat<map");
    assertThat(history.column("step")).containsExactly(1, 5);
    assertThat(history.column("loss")).containsExactly(Double.NaN, 3.25);
    Files.writeString(file, "step,seconds,learning_rate,loss\r\n1,1,1,1\r\n");
    assertThat(TrainingHistory.read(file).column("loss")).containsExactly(1);
    Files.writeString(file, "step,seconds,learning_rate,loss\n");
    assertThat(TrainingHistory.read(file).rows()).isEmpty();
  }

  @Test
  void damagedHistoryIsNamedWithItsLine() throws IOException {
    Path file = root.resolve("history.csv");
    String header = "step,seconds,learning_rate,loss,a\n";
    for (var damage :
        List.of(
            List.of("", "has no header"),
            List.of("step,loss\n", "line 1"),
            List.of("step,seconds,learning_rate,loss,a,a\n", "line 1"),
            List.of("step,seconds,learning_rate,loss" + ",x1".repeat(9) + "\n", "line 1"),
            List.of(header + "1,2,3,4\n", "line 2 must have 5 numbers, got 4"),
            List.of(header + "1,2,3,4,5\n2,1,1,<script>,1\n", "line 3, column loss must be"),
            List.of(header + "2,2,3,4,5\n2,1,1,1,1\n", "line 3: steps"),
            List.of(header + "NaN,2,3,4,5\n", "line 2: steps"),
            List.of(header + "1.5,2,3,4,5\n", "line 2: steps must be whole numbers from 1 to"),
            List.of(header + "9223372036854775807,2,3,4,5\n", "line 2: steps must be whole"),
            List.of(header + "-3,2,3,4,5\n", "line 2: steps must be whole"))) {
      Files.writeString(file, damage.getFirst());
      assertThatThrownBy(() -> TrainingHistory.read(file))
          .as(damage.getFirst())
          .isInstanceOf(NuScenesException.class)
          .hasMessageContaining("history.csv")
          .hasMessageContaining(damage.getLast());
    }
    assertThatThrownBy(() -> TrainingHistory.read(root))
        .hasMessageEndingWith("is a folder, must be a file");
    try (RandomAccessFile large = new RandomAccessFile(file.toFile(), "rw")) {
      large.setLength(1L << 40); // sparse
    }
    assertThatThrownBy(() -> TrainingHistory.read(file)).hasMessageContaining("is larger than");
  }

  @Test
  void fuzzedFilesAreReadOrRefused() throws IOException {
    long seed = Seed.random(RunFolderTest.class).nextLong();
    RunFolder run = SampleRun.train(root, "net", Path.of("/data"), "v1.0-sim");
    fuzz("run.json", run.run(), seed, file -> run.training());
    fuzz("history.csv", run.history(), seed, TrainingHistory::read);
    Files.writeString(
        run.metricsSummary(),
        """
        {"label_aps": {"car": {"0.5": 0.25, "1.0": NaN}}, "mean_dist_aps": {"car": 0.5},
         "mean_ap": 0.125, "nd_score": 0.5,
         "label_tp_errors": {"car": {"trans_err": 1, "scale_err": 0.5, "orient_err": 0.25,
          "vel_err": NaN, "attr_err": 1}},
         "tp_errors": {"trans_err": 1, "scale_err": 0.5, "orient_err": 0.25, "vel_err": 1,
          "attr_err": 1}}
        """);
    fuzz("metrics_summary.json", run.metricsSummary(), seed, MetricsFiles::readSummary);
    Files.writeString(
        run.metricsDetails(),
        """
        {"car:0.5": {"recall": [0, 0.5, 1], "precision": [1, 0.75, 0]},
         "car:1.0": {"recall": [0, 0.5, 1], "precision": [1, 0.75, NaN]}}
        """);
    fuzz("metrics_details.json", run.metricsDetails(), seed, MetricsFiles::readDetails);
  }

  private static void fuzz(String name, Path file, long seed, Fuzz.Parser parser)
      throws IOException {
    List<byte[]> sources = List.of(Files.readAllBytes(file));
    // The first refusal of a process loads what makes sentences.
    Files.writeString(file, "{");
    assertThatThrownBy(() -> parser.parse(file)).isInstanceOf(NuScenesException.class);
    Fuzz.Report report =
        new Fuzz(name, file, sources, seed, NuScenesException.class)
            .run(400, new Fuzz.Budget(1_000_000, 200), parser);
    assertThat(report.refused()).isBetween(report.variants() / 10, report.variants() - 1);
  }
}
