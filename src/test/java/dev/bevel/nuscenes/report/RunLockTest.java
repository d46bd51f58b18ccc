package dev.bevel.nuscenes.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.testing.JavaProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunLockTest {
  @TempDir private Path folder;

  /** Owns a folder until it is killed. */
  static final class Owner {
    @SuppressWarnings("try") // the lock is there to be held
    public static void main(String[] arguments) throws IOException, InterruptedException {
      try (RunLock lock = RunLock.take(Path.of(arguments[0]), "a long job")) {
        System.out.println("owned");
        Thread.sleep(Long.MAX_VALUE);
      }
    }
  }

  /** What a link leads to is nobody's to empty. */
  @Test
  void whatIsNotOursUnderItsNameStays() throws IOException {
    Path precious = Files.writeString(folder.resolve("precious"), "years of work");
    Path run = Files.createDirectory(folder.resolve("run"));
    Files.createLink(run.resolve(RunLock.NAME), precious);
    assertThatThrownBy(() -> RunLock.take(run, "a test"))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining(RunLock.NAME + " must be a file of Bevel's own, it holds something");
    assertThat(precious).hasContent("years of work");
  }

  @Test
  void aLockThatIsALinkOrNoFileIsRefused() throws IOException {
    Path precious = Files.writeString(folder.resolve("precious.txt"), "kept");
    for (Path target : List.of(precious, Path.of("/dev/full"), folder.resolve("nowhere"))) {
      Path run = Files.createDirectory(folder.resolve("run-" + target.getFileName()));
      Files.createSymbolicLink(run.resolve(RunLock.NAME), target);
      assertThatThrownBy(() -> RunLock.take(run, "a test"))
          .isInstanceOf(NuScenesException.class)
          .hasMessageContaining(run.resolve(RunLock.NAME) + " must be a file of Bevel's own");
    }
    assertThat(precious).hasContent("kept");
    assertThat(folder.resolve("nowhere")).doesNotExist();
  }

  @Test
  void aLivingProcessIsNamedAndADeadOneIsNoOwner() throws IOException, InterruptedException {
    Path run = folder.resolve("run");
    Process owner =
        new ProcessBuilder(JavaProcess.command(Owner.class, List.of(), List.of(run.toString())))
            .redirectErrorStream(true)
            .start();
    try {
      assertThat(owner.inputReader().readLine()).isEqualTo("owned");
      for (int attempt = 0; attempt < 2; attempt++) { // an attempt does not take the lock away
        assertThatThrownBy(() -> RunLock.take(run, "another"))
            .isInstanceOf(NuScenesException.class)
            .hasMessageStartingWith("folder " + run + " is being written to by process ")
            .hasMessageContaining("process " + owner.pid() + " on ")
            .hasMessageContaining("(a long job, since ")
            .hasMessageContaining("name another folder");
      }
    } finally {
      owner.destroyForcibly(); // SIGKILL
    }
    assertThat(owner.waitFor(1, TimeUnit.MINUTES)).isTrue();
    RunLock.take(run, "the next").close();
  }

  @Test
  void oneProcessOwnsAFolderOnceWhateverItsName() throws IOException {
    Path run = Files.createDirectories(folder.resolve("run"));
    Path alias = Files.createSymbolicLink(folder.resolve("alias"), run);
    try (RunLock lock = RunLock.take(run, "first")) {
      assertThat(lock).isNotNull();
      for (Path name : List.of(run, alias, run.resolve("../run"))) {
        assertThatThrownBy(() -> RunLock.take(name, "second"))
            .hasMessageContaining("is being written to by this process");
      }
      RunLock.take(folder, "the folder above").close();
    }
    RunLock.take(alias, "second").close();
  }

  @Test
  void whatWasMadeForNothingGoes() throws IOException {
    Path above = Files.createDirectory(folder.resolve("above"));
    Path run = above.resolve("new/run");
    RunLock.take(run, "refused").close();
    assertThat(above).isEmptyDirectory();
    Files.createDirectories(run);
    RunLock.take(run, "refused").close();
    assertThat(run).as("was there before").isEmptyDirectory();
    try (RunLock lock = RunLock.take(run, "began")) {
      assertThat(lock).isNotNull();
      Files.writeString(run.resolve("history.csv"), "x");
    }
    assertThat(run.resolve(RunLock.NAME)).isEmptyFile();
    Files.delete(run.resolve("history.csv"));
    RunLock.take(run, "the next").close();
    assertThat(run.resolve(RunLock.NAME)).as("is another's").exists();
  }

  /** Tries to own a folder, and tells what became of it. */
  static final class Trier {
    public static void main(String[] arguments) {
      try {
        RunLock.take(Path.of(arguments[0]), "a test").close();
        System.out.println("taken");
      } catch (IOException | NuScenesException e) {
        System.out.println(e.getMessage());
      }
    }
  }

  /** What a disk without room does: no file can get a byte. */
  @Test
  void aLockThatCannotBeWrittenLeavesNothing() throws IOException, InterruptedException {
    assumeThat(Path.of("/bin/bash")).isExecutable();
    Path above = Files.createDirectory(folder.resolve("above"));
    for (Path run : List.of(above.resolve("new/run"), above)) {
      List<String> command =
          new ArrayList<>(List.of("/bin/bash", "-c", "ulimit -f 0 && exec \"$@\"", "limited"));
      command.addAll(
          JavaProcess.command(
              Trier.class, List.of("-XX:-UsePerfData", "-Xshare:auto"), List.of(run.toString())));
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      String told = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
      assertThat(told).contains(RunLock.NAME + ": ").doesNotContain("taken");
      assertThat(above).isEmptyDirectory();
    }
  }

  /** Takes a folder over and over, and tells when it was not its only owner. */
  static final class Taker {
    public static void main(String[] arguments) throws IOException, InterruptedException {
      Path run = Path.of(arguments[0]);
      Path witness = Path.of(arguments[1]);
      int taken = 0;
      while (taken < TURNS) {
        try (RunLock lock = RunLock.take(run, "a turn")) {
          Files.createFile(witness); // fails if there is another owner
          Files.delete(witness);
          taken += lock == null ? 0 : 1;
        } catch (NuScenesException inUse) {
          Thread.onSpinWait();
        }
      }
      System.out.println("taken " + taken);
    }
  }

  private static final int TURNS = Boolean.getBoolean("bevel.test.long") ? 20_000 : 1_000;

  /** Owners that remove what they made never let two others in. */
  @Test
  void aFolderThatComesAndGoesHasOneOwnerAtATime() throws IOException, InterruptedException {
    List<Process> takers = new ArrayList<>();
    List<String> where =
        List.of(folder.resolve("new/run").toString(), folder.resolve("witness").toString());
    for (int i = 0; i < 3; i++) {
      takers.add(
          new ProcessBuilder(JavaProcess.command(Taker.class, List.of(), where))
              .redirectErrorStream(true)
              .start());
    }
    for (Process taker : takers) {
      String said = new String(taker.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(taker.waitFor()).as(said).isZero();
      assertThat(said).endsWith("taken " + TURNS + "\n");
    }
    try (Stream<Path> left = Files.walk(folder)) {
      assertThat(left)
          .as("what one made and another used may stay")
          .allMatch(file -> Files.isDirectory(file) || file.endsWith(RunLock.NAME));
    }
  }

  @Test
  void whatCannotBeAFolderIsAnError() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "x");
    assertThatThrownBy(() -> RunLock.take(file, "x")).isInstanceOf(IOException.class);
    assertThat(file).hasContent("x");
    RunLock.take(folder, "x").close();
  }
}
