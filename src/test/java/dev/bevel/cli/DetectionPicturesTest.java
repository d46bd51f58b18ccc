package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.nuscenes.report.RunFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Pictures take the places of an earlier run's, and of nobody else's. */
class DetectionPicturesTest extends CommandTestCase {
  private Path trained() {
    out = folder.resolve("trained");
    assertThat(train("1")).as(error).isZero();
    Path checkpoint = checkpoint();
    out = folder.resolve("out");
    return checkpoint;
  }

  @Test
  void foldersOfOthersStay() throws IOException {
    Path trained = trained();
    Path pictures = Files.createDirectories(out.resolve("pictures"));
    Path album = Files.createDirectory(pictures.resolve("album"));
    Path mine = Files.writeString(album.resolve("bev.png"), "mine");
    Path empty = Files.createDirectory(pictures.resolve("empty"));
    Path named = Files.createDirectory(pictures.resolve("sample-1")); // as a sample is, but empty
    Path foreign = Files.createDirectory(folder.resolve("foreign"));
    Path precious = Files.writeString(foreign.resolve("bev.png"), "precious");
    Path link = Files.createSymbolicLink(pictures.resolve("link"), foreign);
    for (String more : List.of("--draw-threshold=0.5", "--overwrite")) {
      assertThat(detect(trained, more)).as(error).isZero();
      assertThat(mine).hasContent("mine");
      assertThat(empty).isEmptyDirectory();
      assertThat(named).isEmptyDirectory();
      assertThat(link).isSymbolicLink();
      assertThat(precious).hasContent("precious");
      assertThat(pictures.resolve("sample-0/bev.png")).isNotEmptyFile();
    }
    assertThat(new RunFolder(out).detector().orElseThrow().pictures())
        .containsExactly("sample-0", "sample-2");
    assertThat(detect(trained, "--overwrite", "--pictures", "0")).as(error).isZero();
    assertThat(pictures.resolve("sample-0")).doesNotExist();
    assertThat(out.resolve("bev.png")).doesNotExist();
    assertThat(mine).hasContent("mine");
    assertThat(named).isEmptyDirectory();
  }

  /** A token's folder and all pictures can be links: what they lead to is no earlier run's. */
  @Test
  void linksAreNotFollowedToDelete() throws IOException {
    Path trained = trained();
    Path elsewhere = Files.createDirectories(folder.resolve("elsewhere/sample-1"));
    Path precious = Files.writeString(elsewhere.resolve("bev.png"), "precious");
    Path holiday = Files.createDirectory(elsewhere.resolveSibling("holiday"));
    Files.createDirectories(out);
    Path link = Files.createSymbolicLink(out.resolve("pictures"), elsewhere.getParent());
    assertThat(detect(trained, "--overwrite")).as(error).isZero();
    assertThat(precious).hasContent("precious");
    assertThat(holiday).isEmptyDirectory();
    assertThat(link).isSymbolicLink();
    assertThat(elsewhere.resolveSibling("sample-0").resolve("bev.png")).isNotEmptyFile();
    Files.delete(link);
    Files.createSymbolicLink(
        Files.createDirectory(link).resolve("sample-1"), elsewhere); // the data set's token
    assertThat(detect(trained, "--overwrite", "--pictures", "0")).as(error).isZero();
    assertThat(precious).hasContent("precious");
  }

  @Test
  void aPictureThatIsALinkIsWrittenThrough() throws IOException {
    Path trained = trained();
    Files.createDirectories(out);
    Path real = Files.writeString(folder.resolve("real.png"), "old");
    Path link = Files.createSymbolicLink(out.resolve("bev.png"), real);
    assertRefused(detect(trained), 2, link + " is there already");
    assertThat(detect(trained, "--overwrite")).as(error).isZero();
    assertThat(link).isSymbolicLink();
    assertThat(Files.size(real)).isGreaterThan(100);
    assertThat(out.resolve(".bevel-pictures")).doesNotExist();
  }

  /** What others wrote into run.json names no folder but one of pictures. */
  @Test
  void tokensOfAnEarlierRunLeadNowhereElse() throws IOException {
    Path trained = trained();
    Path victim = Files.createDirectories(folder.resolve("victim"));
    Path precious = Files.writeString(victim.resolve("bev.png"), "precious");
    Files.createDirectories(out.resolve("pictures"));
    new RunFolder(out)
        .write(
            new RunFolder.Detector(
                "small", 1, 0, "0", List.of("../../victim", victim.toString(), "..", "")));
    assertThat(detect(trained, "--overwrite")).as(error).isZero();
    assertThat(precious).hasContent("precious");
  }
}
