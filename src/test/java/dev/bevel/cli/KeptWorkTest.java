package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.report.TrainingHistory;
import dev.bevel.testing.JavaProcess;
import dev.bevel.torch.train.Checkpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** What ends a training before its time costs no step that was taken. */
class KeptWorkTest extends CommandTestCase {
  private List<DetectionSample> samples() {
    NuScenes set = NuScenes.load(data);
    return set.samples().stream()
        .map(sample -> DetectionSample.of(set, sample))
        .filter(DetectionSample::hasImages)
        .toList();
  }

  /** Half an image with an end looks like a whole one until it is decoded. */
  @Test
  void anErrorInALaterStepKeepsTheStepsBefore() throws IOException {
    Path straight = folder.resolve("straight");
    out = straight;
    assertThat(train("2")).as(error).isZero();
    int kept = 0;
    for (DetectionSample sample : samples()) { // one of them is the first step's
      out = folder.resolve("out-" + sample.token());
      Path image = sample.cameras().getFirst().image();
      byte[] jpeg = Files.readAllBytes(image);
      Files.write(image, halfWithAnEnd(jpeg));
      int status = train("2");
      Files.write(image, jpeg);
      assertRefused(status, 1, image.toString());
      if (error.contains("is saved")) {
        kept++;
        assertThat(error)
            .contains("; the state after step 1 is saved, go on with --resume " + checkpoint());
        assertThat(Checkpoint.read(checkpoint()).step()).isEqualTo(1);
        assertThat(train("2", "--resume", checkpoint().toString())).as(error).isZero();
        assertThat(checkpoint()).hasSameBinaryContentAs(straight.resolve("last.safetensors"));
        assertThat(TrainingHistory.read(out.resolve("history.csv")).column("step"))
            .containsExactly(1, 2);
      } else {
        assertThat(checkpoint()).doesNotExist();
      }
    }
    assertThat(kept).isEqualTo(1);
  }

  @Test
  void anInterruptedTrainingKeepsItsStepsAndTheirHistory()
      throws IOException, InterruptedException {
    Thread trainer = new Thread(() -> train("1000000", "--save-every", "1000000"));
    trainer.start();
    while (trainer.isAlive() && !Files.exists(out.resolve("history.csv"))) {
      Thread.sleep(20);
    }
    trainer.interrupt();
    trainer.join();
    assertThat(error).contains("interrupted in step ", "is saved, go on with --resume ");
    long steps = Checkpoint.read(checkpoint()).step();
    assertThat(steps).isPositive();
    assertThat(TrainingHistory.read(out.resolve("history.csv")).rows()).hasSize((int) steps);
  }

  @Test
  void aCheckpointThatIsNamedIsThere() throws IOException {
    assertThat(train("2")).as(error).isZero();
    Path two = checkpoint();
    out = folder.resolve("fewer");
    for (String steps : List.of("1", "2")) {
      assertThat(train(steps, "--resume", two.toString())).as(error).isZero();
      assertThat(printed).contains("small: 0 steps on 2 samples, 2 in all; checkpoint " + two);
      assertThat(checkpoint()).doesNotExist();
    }
  }

  /** A limit on the size of files stands for a full disk: no file system has to be made. */
  @Test
  void aFullDiskIsNamedInOneSentence() throws IOException, InterruptedException {
    assertThat(train("1")).as(error).isZero();
    Path trained = checkpoint();
    out = folder.resolve("full");
    assertRefused(
        limited(
            100,
            "train",
            "--config",
            config.toString(),
            "--data",
            data.toString(),
            "--steps",
            "1",
            "--out",
            out.toString()),
        1,
        "last.safetensors: cannot be written: ");
    assertThat(checkpoint()).doesNotExist();
    assertThat(leftovers()).isEmpty();
    out = folder.resolve("full-too");
    assertRefused(
        limited(
            8,
            "detect",
            "--checkpoint",
            trained.toString(),
            "--data",
            data.toString(),
            "--score-threshold",
            "0.99",
            "--out",
            out.toString()),
        1,
        ".png cannot be written: ");
    assertThat(leftovers()).isEmpty();
    assertThat(out.resolve("results_nusc.json")).doesNotExist();
  }

  private List<Path> leftovers() throws IOException {
    if (Files.notExists(out)) { // made for nothing, and removed
      return List.of();
    }
    try (Stream<Path> files = Files.walk(out)) {
      return files.filter(file -> file.toString().endsWith(".tmp")).toList();
    }
  }

  /** The command in a process that cannot write more than so many KiB to a file. */
  private int limited(int kib, String... arguments) throws IOException, InterruptedException {
    Assumptions.assumeTrue(
        Files.isExecutable(Path.of("/bin/bash")), "skipped: needs bash and its ulimit");
    List<String> command =
        new ArrayList<>(
            List.of("/bin/bash", "-c", "ulimit -f " + kib + " && exec \"$@\"", "limited"));
    command.addAll(
        JavaProcess.command(Main.class, List.of("-XX:-UsePerfData"), List.of(arguments)));
    Path said = folder.resolve("said.txt");
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.PIPE)
            .start();
    Files.write(said, process.getInputStream().readAllBytes());
    assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
    error =
        String.join(
            "\n",
            Files.readString(said)
                .replace('\r', '\n')
                .lines()
                .filter(line -> line.startsWith("bevel: ") || line.contains("\tat "))
                .toList());
    return process.exitValue();
  }
}
