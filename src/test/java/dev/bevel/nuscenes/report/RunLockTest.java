package dev.bevel.nuscenes.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.testing.JavaProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
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
  void whatCannotBeAFolderIsAnError() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "x");
    assertThatThrownBy(() -> RunLock.take(file, "x")).isInstanceOf(IOException.class);
    assertThat(file).hasContent("x");
    RunLock.take(folder, "x").close();
  }
}
