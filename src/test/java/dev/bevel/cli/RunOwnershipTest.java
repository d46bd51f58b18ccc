package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.report.RunFolder;
import dev.bevel.nuscenes.report.RunLock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** A run folder has one owner at a time, and nobody's results are replaced unasked. */
class RunOwnershipTest extends CommandTestCase {
  private static final String REMEDY = "name another --out, or give --overwrite";

  @Test
  void anotherTrainingsCheckpointStays() throws IOException {
    assertThat(train("2")).as(error).isZero();
    byte[] two = Files.readAllBytes(checkpoint());
    byte[] history = Files.readAllBytes(out.resolve("history.csv"));
    assertRefused(
        train("1"),
        2,
        checkpoint() + " is the checkpoint of another training",
        "--resume " + checkpoint(),
        REMEDY);
    Path elsewhere = folder.resolve("copy.safetensors");
    Files.write(elsewhere, two);
    assertRefused(train("3", "--resume", elsewhere.toString()), 2, REMEDY);
    assertThat(checkpoint()).hasBinaryContent(two);
    assertThat(out.resolve("history.csv")).hasBinaryContent(history);

    // By another name it is the same file.
    Path alias = Files.createSymbolicLink(folder.resolve("alias"), out);
    assertThat(train("3", "--resume", alias.resolve("last.safetensors").toString()))
        .as(error)
        .isZero();
    assertThat(train("1", "--overwrite")).as(error).isZero();
    assertThat(new RunFolder(out).training().orElseThrow().steps()).isEqualTo(1);
  }

  @Test
  void resultsFiguresAndReportsStay() throws IOException {
    assertThat(train("1")).as(error).isZero();
    assertThat(detect(checkpoint(), "--pictures", "0")).as(error).isZero();
    RunFolder run = new RunFolder(out);
    byte[] results = Files.readAllBytes(run.results());
    assertRefused(detect(checkpoint()), 2, run.results() + " is there already", REMEDY);
    assertThat(run.results()).hasBinaryContent(results);
    assertThat(detect(checkpoint(), "--pictures", "0", "--overwrite")).as(error).isZero();

    Files.writeString(run.metricsDetails(), "kept");
    Files.writeString(run.report(), "kept");
    String[] eval = {
      "eval",
      "--data",
      data.toString(),
      "--split",
      "mini_val",
      "--results",
      run.results().toString(),
      "--out",
      out.toString()
    };
    assertRefused(run(eval), 2, run.metricsDetails() + " is there already", REMEDY);
    assertRefused(
        run("report", "--run", out.toString()), 2, run.report() + " is there already", REMEDY);
    assertThat(run.metricsDetails()).hasContent("kept");
    assertThat(run.report()).hasContent("kept");
    assertRefused(
        run("report", "--run", out.toString(), "--overwrite", "--out", checkpoint().toString()),
        2,
        "--out must be a file of its own");
  }

  @Test
  void picturesStay() throws IOException {
    assertThat(train("1")).as(error).isZero();
    Path picture = out.resolve("bev.png");
    Files.writeString(picture, "kept");
    String token = NuScenes.load(data).tables().samples().values().iterator().next().token();
    String[] render = {
      "render", "--data", data.toString(), "--sample", token, "--out", out.toString()
    };
    assertRefused(detect(checkpoint()), 2, picture + " is there already", REMEDY);
    assertRefused(run(render), 2, picture + " is there already", REMEDY);
    assertThat(picture).hasContent("kept");
  }

  @Test
  void whatIsInTheWayIsFoundBeforeTheFirstStep() throws IOException {
    Files.createDirectories(out.resolve("last.safetensors"));
    assertRefused(train("1", "--overwrite"), 1, "last.safetensors is a folder, must be a file");
    Files.delete(out.resolve("last.safetensors"));
    Files.writeString(out.resolve("run.json"), "{");
    assertRefused(train("1"), 1, "run.json is not valid JSON", "mend or remove it");
    assertThat(out.resolve("history.csv")).doesNotExist();
    Files.delete(out.resolve("run.json"));
    assertThat(train("1")).as(error).isZero();
    Files.createDirectories(out.resolve("cameras.png"));
    assertRefused(detect(checkpoint(), "--overwrite"), 2, "cameras.png is a folder");
  }

  /** Refused before or after the folder was taken: what was not there is not there. */
  @Test
  void aRefusedCommandLeavesNoFolder() throws IOException {
    assertThat(train("1")).as(error).isZero();
    Path trained = checkpoint();
    out = folder.resolve("new/run");
    assertRefused(train("9", "--resume", trained.toString(), "--seed", "5"), 1, "give --seed 0");
    assertThat(folder.resolve("new")).doesNotExist();
    Path image = sensorFile("CAM_FRONT", ".jpg");
    byte[] jpeg = Files.readAllBytes(image);
    Files.write(image, new byte[] {(byte) 0xff, (byte) 0xd8});
    assertRefused(train("1"), 1, image.toString());
    assertThat(folder.resolve("new")).doesNotExist();
    assertRefused(detect(trained, "--pictures", "0"), 1, image.toString());
    assertThat(folder.resolve("new")).doesNotExist();
    Files.write(image, jpeg);
    assertThat(train("1")).as(error).isZero();
  }

  @Test
  void aReportOnNothingLeavesNothing() throws IOException {
    Path empty = Files.createDirectory(folder.resolve("empty"));
    assertRefused(run("report", "--run", empty.toString()), 1, "has nothing to report");
    assertThat(empty).isEmptyDirectory();
  }

  @Test
  void aFolderThatHasAnOwnerIsLeftAlone() throws IOException {
    assertThat(train("1")).as(error).isZero();
    byte[] before = Files.readAllBytes(checkpoint());
    try (RunLock lock = new RunFolder(out).claim("a test")) {
      assertThat(lock).isNotNull();
      String owner = "folder " + out + " is being written to by this process";
      for (List<String> more : List.of(List.of("--overwrite"), resume())) {
        assertRefused(train("2", more.toArray(String[]::new)), 1, owner);
      }
      assertRefused(detect(checkpoint()), 1, owner);
      assertRefused(run("report", "--run", out.toString()), 1, owner);
    }
    assertThat(checkpoint()).hasBinaryContent(before);
    assertThat(train("2", resume().toArray(String[]::new))).as(error).isZero();
  }

  private List<String> resume() {
    return List.of("--resume", checkpoint().toString());
  }

  @Test
  void whatKilledTrainingsLeftIsRemovedAtTheNextStart() throws IOException {
    Files.createDirectories(out);
    Path dead = out.resolve(".last.safetensors." + UUID.randomUUID() + ".tmp");
    Files.write(dead, new byte[1000]);
    Path image = sensorFile("CAM_FRONT", ".jpg");
    byte[] jpeg = Files.readAllBytes(image);
    Files.write(image, halfWithAnEnd(jpeg));
    int status = train("1"); // does not come to a save
    Files.write(image, jpeg);
    assertThat(status).isEqualTo(1);
    assertThat(dead).doesNotExist();
  }
}
