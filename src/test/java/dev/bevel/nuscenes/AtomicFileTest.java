package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.testing.JavaProcess;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What processes that are killed in the middle of a write leave behind, and who removes it. */
class AtomicFileTest {
  @TempDir private Path folder;

  /** Begins to write a file, says so, and never ends. */
  static final class EndlessWriter {
    public static void main(String[] arguments) throws IOException, InterruptedException {
      try (AtomicFile file = new AtomicFile(Path.of(arguments[0]))) {
        file.stream().write(new byte[1 << 20]);
        System.out.println("writing");
        Thread.sleep(Long.MAX_VALUE);
      }
    }
  }

  private static Process startWriter(Path target) throws IOException {
    Process process =
        new ProcessBuilder(
                JavaProcess.command(EndlessWriter.class, List.of(), List.of(target.toString())))
            .redirectErrorStream(true)
            .start();
    BufferedReader said = process.inputReader();
    assertThat(said.readLine()).isEqualTo("writing");
    return process;
  }

  private List<Path> temporaries() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(f -> f.toString().endsWith(".tmp")).sorted().toList();
    }
  }

  /** The temporary name is not longer than a name may be, whatever its target's. */
  @Test
  void everyNameThatAFileCanHaveIsWritten() throws IOException {
    for (int bytes : new int[] {1, 200, 201, 213, 214, 254, 255}) {
      for (String letter : List.of("a", "ü", "語", "😀")) {
        int each = letter.getBytes(StandardCharsets.UTF_8).length;
        Path target = folder.resolve("x".repeat(bytes % each) + letter.repeat(bytes / each));
        AtomicFile.write(target, out -> out.write('a'));
        assertThat(target).hasContent("a");
        Path left = target.resolveSibling(AtomicFile.temporaryName(target));
        Files.createFile(left);
        AtomicFile.removeLeftovers(target);
        assertThat(left).doesNotExist();
      }
    }
    String long1 = "a".repeat(250) + "1";
    Path other = folder.resolve(AtomicFile.temporaryName(folder.resolve(long1)));
    Files.createFile(other);
    AtomicFile.removeLeftovers(folder.resolve("a".repeat(250) + "2"));
    assertThat(other).as("of another target").exists();
  }

  @Test
  void whatAKilledWriterLeftIsRemovedAndNothingElse() throws IOException, InterruptedException {
    Path target = folder.resolve("last.safetensors");
    Process killed = startWriter(target);
    Process living = startWriter(target);
    try {
      List<Path> both = temporaries();
      assertThat(both).hasSize(2);
      AtomicFile.write(target, out -> out.write('a'));
      AtomicFile.removeLeftovers(target);
      assertThat(temporaries()).as("both writers live").isEqualTo(both);

      killed.destroyForcibly(); // SIGKILL
      assertThat(killed.waitFor(1, TimeUnit.MINUTES)).isTrue();
      assertThat(temporaries()).as("nothing runs in a killed process").isEqualTo(both);
      AtomicFile.write(target, out -> out.write('b'));
      assertThat(temporaries()).as("the living one's").hasSize(1).isSubsetOf(both);
    } finally {
      killed.destroyForcibly();
      living.destroyForcibly();
    }
    assertThat(living.waitFor(1, TimeUnit.MINUTES)).isTrue();
    AtomicFile.removeLeftovers(target);
    assertThat(temporaries()).isEmpty();
    assertThat(target).hasContent("b");
  }

  @Test
  void othersFilesStay() throws IOException {
    Path target = folder.resolve("a");
    UUID id = UUID.randomUUID();
    List<Path> others =
        List.of(
            folder.resolve(".a.tmp"),
            folder.resolve(".a.b." + id + ".tmp"),
            folder.resolve(".b." + id + ".tmp"),
            folder.resolve("a." + id + ".tmp"),
            folder.resolve(".a." + id + ".tmp~"));
    for (Path other : others) {
      Files.writeString(other, "x");
    }
    Path directory = Files.createDirectory(folder.resolve(".a." + UUID.randomUUID() + ".tmp"));
    Path link = folder.resolve(".a." + UUID.randomUUID() + ".tmp");
    Files.createSymbolicLink(link, others.getFirst());
    Path dead = Files.writeString(folder.resolve(".a." + id + ".tmp"), "x");
    AtomicFile.write(target, out -> out.write('a'));
    assertThat(dead).doesNotExist();
    assertThat(others).allSatisfy(other -> assertThat(other).hasContent("x"));
    assertThat(directory).isDirectory();
    assertThat(link).isSymbolicLink();
  }

  /** Threads of one process write one target: none takes another's file for a dead one's. */
  @Test
  void writersOfOneProcessLeaveEachOtherAlone() throws IOException {
    Path target = folder.resolve("a");
    Path alias = Files.createSymbolicLink(folder.resolve("alias"), folder).resolve("a");
    try (AtomicFile first = new AtomicFile(target);
        AtomicFile second = new AtomicFile(alias)) {
      AtomicFile.removeLeftovers(target);
      AtomicFile.removeLeftovers(alias);
      assertThat(temporaries()).hasSize(2);
      first.stream().write('1');
      second.stream().write('2');
      first.commit();
      assertThat(target).hasContent("1");
      second.commit();
    }
    assertThat(target).hasContent("2");
    assertThat(temporaries()).isEmpty();
  }
}
