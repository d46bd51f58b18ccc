package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.bevel.nuscenes.report.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What stands under the name of a file or folder of a run is looked at before the work: a pipe
 * would be waited for, a folder or a file would be met in the middle.
 */
@Timeout(120)
class WrongKindsTest extends CommandTestCase {
  private static void pipe(Path at) throws IOException, InterruptedException {
    assertThat(new ProcessBuilder("mkfifo", at.toString()).start().waitFor()).isZero();
  }

  private String[] eval() {
    return new String[] {
      "eval",
      "--data",
      data.toString(),
      "--split",
      "mini_val",
      "--results",
      folder.resolve("results.json").toString(),
      "--out",
      out.toString()
    };
  }

  @Test
  void everyFileOfARunFolderIsAFile() throws IOException, InterruptedException {
    assertThat(train("1")).as(error).isZero();
    Path trained = Files.copy(checkpoint(), folder.resolve("trained.safetensors"));
    out = folder.resolve("odd");
    Files.createDirectory(out);
    List<Path> files = new ArrayList<>(new RunFolder(out).files());
    files.add(out.resolve(".bevel-lock"));
    for (Path file : files) {
      for (int kind = 0; kind < 3; kind++) {
        switch (kind) {
          case 0 -> pipe(file);
          case 1 -> Files.createDirectory(file);
          default -> Files.createSymbolicLink(file, Path.of("/dev/zero"));
        }
        assertThat(train("1", "--overwrite")).as(file + error).isNotZero();
        assertThat(error).contains(file + " ", "; remove it").doesNotContain("\tat ");
        assertThat(train("2", "--resume", trained.toString(), "--overwrite")).isNotZero();
        assertThat(detect(trained, "--overwrite")).as(file + error).isNotZero();
        assertThat(error).contains(file + " ");
        assertThat(run(eval())).isNotZero();
        try (Stream<Path> left = Files.list(out)) {
          assertThat(left).containsExactly(file);
        }
        Files.delete(file);
      }
    }
    // Beside a checkpoint elsewhere.
    Path beside = Files.createDirectory(folder.resolve("beside"));
    Files.copy(trained, beside.resolve("last.safetensors"));
    pipe(beside.resolve("history.csv"));
    assertRefused(
        train("2", "--resume", beside.resolve("last.safetensors").toString()),
        1,
        beside.resolve("history.csv") + " is not a regular file");
  }

  @Test
  void filesAndPipesInTheWayOfPicturesAreFoundBeforeTheCheckpointIsRead()
      throws IOException, InterruptedException {
    Path none = folder.resolve("none.safetensors"); // would be told of next
    Files.createDirectory(out);
    for (String name : List.of("bev.png", "cameras.png", "pictures/sample-0/bev.png")) {
      Path picture = out.resolve(name);
      Files.createDirectories(picture.getParent());
      pipe(picture);
      assertRefused(detect(none, "--overwrite"), 2, picture + " is a pipe, socket or device");
      Files.delete(picture);
    }
    Path samples = out.resolve("pictures");
    Files.delete(samples.resolve("sample-0"));
    Files.createFile(samples.resolve("sample-0"));
    assertRefused(detect(none), 2, samples.resolve("sample-0") + " is a file, must be a folder");
    Files.delete(samples.resolve("sample-0"));
    Files.delete(samples);
    Files.createFile(samples);
    assertRefused(detect(none), 2, samples + " is a file");
    Files.delete(samples);
    assertRefused(detect(none), 1, none + " does not exist");
  }

  /** Of every command that has an option for a folder: a file is where it or one above must be. */
  @Test
  void aFileWhereAFolderMustBeMadeIsFoundFirst() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "kept");
    String nowhere = folder.resolve("nowhere").toString();
    for (Path place : List.of(file, file.resolve("x"), file.resolve("x/y"))) {
      String at = place.toString();
      List<List<String>> lines =
          List.of(
              List.of("train", "--config", nowhere, "--data", nowhere, "--steps", "1", "--out", at),
              List.of("detect", "--checkpoint", nowhere, "--data", nowhere, "--out", at),
              List.of("eval", "--data", nowhere, "--split", "x", "--results", nowhere, "--out", at),
              List.of("render", "--data", nowhere, "--sample", "x", "--out", at),
              List.of("simulate", "--scenes", "1", "--out", at),
              List.of("demo", "--out", at),
              List.of("bench", "tables", "--dir", at));
      for (List<String> line : lines) {
        assertRefused(run(line.toArray(String[]::new)), 2, at, file + "", "file");
        assertThat(error).as("%s", line).contains(line.get(line.size() - 2));
      }
    }
    assertThat(file).hasContent("kept");
  }

  /** What the system does not let be made names the option, before anything is computed. */
  @Test
  void aFolderThatCannotBeMadeNamesTheOption() {
    assumeThat(Path.of("/proc/self")).exists();
    int status = run("demo", "--out", "/proc/bevel-demo");
    assertThat(error)
        .contains("/proc/bevel-demo cannot be made", "--out")
        .doesNotContain("no such file");
    assertThat(status).isBetween(1, 2);
  }

  @Test
  void aSlipInACommandsNameIsHelped() {
    assertRefused(run("help", "trian"), 2, "there is no command 'trian'; did you mean train?");
    assertRefused(run("dectect"), 2, "there is no command 'dectect'; did you mean detect?");
    assertRefused(run("help", "nonsense"), 2, "there is no command 'nonsense'; there are doctor");
    assertRefused(run("demo", "--seed", "x"), 2, "a whole number of at most 18 digits, got 'x'");
  }

  @Test
  void aFolderThatIsNotEmptyIsAWrongLine() throws IOException {
    Files.createDirectories(out.resolve("mine"));
    assertRefused(
        run("simulate", "--scenes", "1", "--out", out.toString()), 2, "--out: ", "is not empty");
  }

  /** Pictures of an earlier run, of whichever samples, are asked about, replaced or gone. */
  @Test
  void noPictureOfAnEarlierRunStays() throws IOException {
    assertThat(train("1")).as(error).isZero();
    Path stale = out.resolve("pictures/another-sample/bev.png");
    Files.createDirectories(stale.getParent());
    Files.writeString(stale, "stale");
    new RunFolder(out).write(new RunFolder.Detector("small", 1, 0, "0", List.of("another-sample")));
    Path mine = Files.writeString(out.resolve("pictures/mine.txt"), "kept");
    assertRefused(detect(checkpoint()), 2, stale + " is there already", "give --overwrite");
    assertThat(stale).hasContent("stale");
    assertThat(detect(checkpoint(), "--overwrite")).as(error).isZero();
    assertThat(stale.getParent()).doesNotExist();
    assertThat(mine).hasContent("kept");
    assertThat(out.resolve("pictures/sample-2/bev.png")).exists();

    // What fails in its middle leaves the results of before and their pictures.
    Map<Path, byte[]> before = contents();
    Path image;
    try (Stream<Path> images = Files.list(data.resolve("samples/CAM_FRONT"))) {
      image = images.sorted().toList().getLast();
    }
    byte[] jpeg = Files.readAllBytes(image);
    Files.write(image, halfWithAnEnd(jpeg));
    assertThat(detect(checkpoint(), "--overwrite")).as(printed).isEqualTo(1);
    assertThat(contents()).containsExactlyInAnyOrderEntriesOf(before);
  }

  private Map<Path, byte[]> contents() throws IOException {
    Map<Path, byte[]> contents = new LinkedHashMap<>();
    try (Stream<Path> files = Files.walk(out)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        contents.put(file, Files.readAllBytes(file));
      }
    }
    return contents;
  }
}
