package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Links are followed, full disks are named, and a path is called what it is. */
class FileOutputTest {
  private static final byte[] WORDS = "words".getBytes(StandardCharsets.UTF_8);

  @TempDir private Path folder;

  private void write(Path file) {
    AtomicFile.write(file, out -> out.write(WORDS));
  }

  private List<String> names(Path where) throws IOException {
    try (Stream<Path> entries = Files.list(where)) {
      return entries.map(entry -> entry.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void aLinkStaysOneAndItsFileIsReplaced() throws IOException {
    Path disk = Files.createDirectory(folder.resolve("other disk"));
    Path real = Files.writeString(disk.resolve("real.json"), "old");
    Path link = Files.createSymbolicLink(folder.resolve("link.json"), real);
    Path second = Files.createSymbolicLink(folder.resolve("second.json"), Path.of("link.json"));
    write(second);
    assertThat(link).isSymbolicLink();
    assertThat(second).isSymbolicLink();
    assertThat(real).hasContent("words");
    assertThat(names(disk)).containsExactly("real.json");
    assertThat(names(folder)).containsExactly("link.json", "other disk", "second.json");
  }

  @Test
  void temporaryFilesStandBesideTheRealFile() throws IOException {
    Path disk = Files.createDirectory(folder.resolve("disk"));
    Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("disk/real"));
    try (AtomicFile file = new AtomicFile(link)) {
      file.stream().write(WORDS);
      assertThat(names(disk)).singleElement().asString().startsWith(".real.").endsWith(".tmp");
      assertThat(names(folder)).containsExactly("disk", "link");
      file.commit();
    }
    assertThat(disk.resolve("real")).hasContent("words");
    assertThat(link).isSymbolicLink();
  }

  @Test
  void aLinkedFolderIsAFolderAlsoBeforeDotDot() throws IOException {
    Path deep = Files.createDirectories(folder.resolve("far/deep"));
    Path link = Files.createSymbolicLink(folder.resolve("link"), deep);
    write(link.resolve("../beside"));
    assertThat(folder.resolve("far/beside")).hasContent("words");
    assertThat(folder.resolve("beside")).doesNotExist();
    assertThat(PathNames.inside(link.resolve(".."), "beside", "a name")).hasContent("words");
  }

  @Test
  void linksInACircleAndFilesInTheWayAreNamed() throws IOException {
    Path circle = folder.resolve("circle");
    Files.createSymbolicLink(circle, folder.resolve("round"));
    Files.createSymbolicLink(folder.resolve("round"), circle);
    assertThatThrownBy(() -> write(circle)).hasMessageContaining("circle");
    Path file = Files.writeString(folder.resolve("file"), "");
    assertThatThrownBy(() -> write(file.resolve("x/y")))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining(file + " is a file")
        .hasMessageNotContaining("Exception");
    assertThatThrownBy(() -> write(folder)).hasMessageContaining("is a folder, must be a file");
  }

  @Test
  void devicesAreWrittenToAndStay() {
    Path nothing = Path.of("/dev/null");
    assumeThat(nothing).exists();
    write(nothing);
    assertThat(Files.isRegularFile(nothing)).isFalse();
  }

  @Test
  void aFullDiskIsNamedWithItsFile() {
    Path full = Path.of("/dev/full");
    assumeThat(full).exists();
    assertThatThrownBy(() -> write(full))
        .isInstanceOf(NuScenesException.class)
        .hasMessage("file /dev/full cannot be written: No space left on device");
    assertThatThrownBy(() -> FileOutput.write(full, out -> out.write(WORDS)))
        .hasMessage("/dev/full: No space left on device");
    assertThatThrownBy(() -> new SubmissionWriter(full, SubmissionWriter.Meta.CAMERA).finish())
        .hasMessage("submission /dev/full cannot be written: No space left on device");
  }

  @Test
  void aPathIsCalledWhatItIs() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "");
    Path dangling = Files.createSymbolicLink(folder.resolve("dangling"), Path.of("nowhere"));
    Path linked = Files.createSymbolicLink(folder.resolve("linked"), file);
    assertThat(PathFaults.asFile(file)).isNull();
    assertThat(PathFaults.asFile(linked)).isNull();
    assertThat(PathFaults.asFolder(folder)).isNull();
    assertThat(PathFaults.asFile(folder)).isEqualTo("is a folder, must be a file");
    assertThat(PathFaults.asFolder(file)).isEqualTo("is a file, must be a folder");
    assertThat(PathFaults.asFile(folder.resolve("no"))).isEqualTo("does not exist");
    assertThat(PathFaults.asFile(dangling)).isEqualTo("is a link to nowhere, which does not exist");
    assertThat(PathFaults.asFolder(dangling))
        .isEqualTo("is a link to nowhere, which does not exist");
    assertThat(PathFaults.asFile(file.resolve("below")))
        .isEqualTo("does not exist: " + file + " is a file");
    assertThat(PathFaults.asFile(Path.of("/dev/null"))).isEqualTo("is not a regular file");
    assertThat(PathFaults.asNewFolder(dangling)).contains("is a link to nowhere");
    assertThat(PathFaults.asNewFolder(folder.resolve("a/b"))).isNull();
  }
}
