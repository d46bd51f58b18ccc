package dev.bevel.kernels.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.bevel.kernels.Bevel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Loading in fresh JVMs: where the library comes from, and what is said when it cannot be had. */
class NativeLibraryTest {
  private static final String ACCESS = "--enable-native-access=ALL-UNNAMED";

  @TempDir Path folder;

  @Test
  void unpacksOnceIntoAFolderNamedByContent() throws Exception {
    Path cache = folder.resolve("cache");
    List<Process> together = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      together.add(start(ACCESS, "-Dbevel.cache=" + cache));
    }
    for (Process process : together) {
      assertThat(output(process))
          .containsPattern("loaded 0\\.1\\.0 .*/0\\.1\\.0-[0-9a-f]{64}/libbevel\\.so");
    }
    Path library = onlyFile(cache, "libbevel.so");
    long written = Files.getLastModifiedTime(library).toMillis();
    assertThat(probe(ACCESS, "-Dbevel.cache=" + cache)).contains("loaded");
    assertThat(Files.getLastModifiedTime(library).toMillis())
        .as("not written again")
        .isEqualTo(written);

    Files.write(library, new byte[] {1, 2, 3});
    assertThat(probe(ACCESS, "-Dbevel.cache=" + cache))
        .as("damaged file replaced")
        .contains("loaded");
    try (Stream<Path> files = Files.list(library.resolveSibling("."))) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .noneMatch(name -> name.endsWith(".tmp"));
    }
  }

  @Test
  void theLibraryPathWins() throws Exception {
    Files.copy(Bevel.libraryPath(), folder.resolve("libbevel.so"));
    assertThat(probe(ACCESS, "-Dbevel.library.path=" + folder)).contains("loaded 0.1.0 " + folder);
  }

  @Test
  void anEmptyLibraryPathIsNamedAtEveryUse() throws Exception {
    String message =
        "NOT_LOADED bevel.library.path: there is no file " + folder.resolve("libbevel.so");
    assertThat(probe(ACCESS, "-Dbevel.library.path=" + folder))
        .isEqualTo(message + "\n" + message + "\n");
  }

  @Test
  void aFileThatIsNoLibraryIsNamedWithTheLinkersReason() throws Exception {
    Files.writeString(folder.resolve("libbevel.so"), "not a library");
    assertThat(probe(ACCESS, "-Dbevel.library.path=" + folder))
        .contains("NOT_LOADED Bevel: cannot load " + folder)
        .contains("file too short");
  }

  @Test
  void aLibraryOfAnotherVersionIsRefused() throws Exception {
    Path other = NativeBuild.file("tests/other_version/libbevel.so");
    assertThat(probe(ACCESS, "-Dbevel.library.path=" + other.getParent()))
        .contains("NOT_LOADED")
        .contains("has version 9.87.65, this binding needs 0.1.0");
  }

  @Test
  void aCacheThatCannotBeWrittenIsNamed() throws Exception {
    Path file = Files.createFile(folder.resolve("file"));
    assertThat(probe(ACCESS, "-Dbevel.cache=" + file))
        .contains("NOT_LOADED Bevel: cannot unpack its native library into " + file)
        .contains("-Dbevel.cache=FOLDER");
  }

  @Test
  void anotherPlatformIsNamed() throws Exception {
    assertThat(probe(ACCESS, "-Dos.arch=riscv64"))
        .contains("linux-x86_64 only; this is linux-riscv64");
  }

  @Test
  void deniedNativeAccessNamesTheFlag() throws Exception {
    assertThat(probe("--illegal-native-access=deny"))
        .contains("NOT_LOADED Bevel needs native access: start the JVM with " + ACCESS);
  }

  @Test
  void strictModeFailsWithoutCuda() throws Exception {
    assumeFalse(Bevel.capabilities().cudaUsable(), "CUDA is usable here: nothing to refuse");
    String refused = probe(ACCESS, "-Dbevel.device=cuda");
    assertThat(refused).contains("NO_CUDA bevel.device=cuda: CUDA is needed but not usable: ");
    assertThat(refused.lines().distinct()).hasSize(1);
    assertThat(probe(ACCESS, "-Dbevel.device=tpu"))
        .contains("bevel.device: expected auto or cuda, got tpu");
  }

  @Test
  void linkerTextsLeadToWhatToDo() {
    Path path = Path.of("/somewhere/libbevel.so");
    assertThat(NativeLibrary.explain(path, "libgomp.so.1: cannot open shared object file"))
        .contains("apt-get install libgomp1");
    assertThat(NativeLibrary.explain(path, "failed to map segment from shared object"))
        .contains("noexec")
        .contains("-Dbevel.cache=FOLDER");
    assertThat(NativeLibrary.explain(path, "version `GLIBC_2.99' not found"))
        .contains("-Dbevel.library.path");
  }

  private static String probe(String... flags) throws IOException, InterruptedException {
    return output(start(flags));
  }

  private static Process start(String... flags) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(flags));
    command.addAll(
        List.of(
            "-Xshare:auto",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path")));
    command.add(LoaderProbe.class.getName());
    return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
  }

  private static String output(Process process) throws IOException, InterruptedException {
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).isZero();
    return text;
  }

  private static Path onlyFile(Path cache, String name) throws IOException {
    try (Stream<Path> files = Files.walk(cache)) {
      List<Path> found = files.filter(file -> file.getFileName().toString().equals(name)).toList();
      assertThat(found).hasSize(1);
      return found.getFirst();
    }
  }
}
