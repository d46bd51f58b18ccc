package dev.bevel.kernels.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.bevel.kernels.Bevel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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
          .containsPattern("loaded 0\\.1\\.0 .*/0\\.1\\.0-[0-9a-f]{8,64}/libbevel\\.so");
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
        .contains("NOT_LOADED Bevel: there is no folder to unpack its native library into")
        .contains("-Dbevel.cache=FOLDER")
        .contains("not " + file + ": " + file + " is a file, must be a folder");
  }

  @Test
  void theCacheIsTheUsersOwn() throws Exception {
    Path cache = folder.resolve("parent/cache");
    assertThat(probe(ACCESS, "-Dbevel.cache=" + cache)).contains("loaded");
    Path unpacked = onlyFile(cache, "libbevel.so").resolveSibling("").toAbsolutePath();
    assertThat(permissions(cache)).isEqualTo("rwx------");
    assertThat(permissions(unpacked)).isEqualTo("rwx------");

    Files.setPosixFilePermissions(cache, PosixFilePermissions.fromString("rwxrwxrwx"));
    assertThat(probe(ACCESS, "-Dbevel.cache=" + cache))
        .contains("NOT_LOADED Bevel: there is no folder to unpack its native library into")
        .contains(cache + " (owner ")
        .contains("mode 0777): other users can write to it; delete it")
        .contains("chmod go-w " + cache);
  }

  @Test
  void whatKilledProcessesLeftIsDeleted() throws Exception {
    assertThat(probe(ACCESS, "-Dbevel.cache=" + folder)).contains("loaded");
    Path library = onlyFile(folder, "libbevel.so");
    Path abandoned = Files.createFile(library.resolveSibling("libbevel.so123.tmp"));
    Files.setLastModifiedTime(abandoned, FileTime.from(Instant.now().minusSeconds(3600)));
    Path beingWritten = Files.createFile(library.resolveSibling("libbevel.so456.tmp"));
    Files.delete(library);
    assertThat(probe(ACCESS, "-Dbevel.cache=" + folder)).contains("loaded");
    assertThat(abandoned).doesNotExist();
    assertThat(beingWritten).exists();
  }

  @Test
  void aFullDiskLeavesNothingHalfWritten() throws Exception {
    Path cache = folder.resolve("cache");
    List<String> command = new ArrayList<>(List.of("sh", "-c", "ulimit -f 64; exec \"$@\"", "sh"));
    command.addAll(command(ACCESS, "-XX:-UsePerfData", "-Dbevel.cache=" + cache));
    assertThat(output(start(command)))
        .contains("NOT_LOADED Bevel: there is no folder to unpack its native library into")
        .contains("not " + cache)
        .contains("File too large");
    try (Stream<Path> files = Files.walk(cache)) {
      assertThat(files.filter(Files::isRegularFile).map(file -> file.getFileName().toString()))
          .containsExactly(".used");
    }
    assertThat(probe(ACCESS, "-Dbevel.cache=" + cache)).contains("loaded");
  }

  @Test
  void withoutAHomeTheCacheIsAmongTheTemporaryFiles() throws Exception {
    assertThat(probe(ACCESS, "-Duser.home=?", "-Djava.io.tmpdir=" + folder))
        .containsPattern("loaded 0\\.1\\.0 " + folder + "/bevel-\\d+/");
    assertThat(probe(ACCESS, "-Dbevel.cache="))
        .contains("NOT_LOADED Bevel: there is no folder")
        .contains("the name of a folder is wanted, got nothing");
  }

  @ParameterizedTest
  @ValueSource(strings = {"abc", "0", "-3", "2x", "4097", "99999999999999999999", "1,2", "1 2"})
  void aNumberOfThreadsThatIsNoneIsNamed(String threads) throws Exception {
    assertThat(probeWithThreads(threads))
        .contains(
            "NOT_LOADED BEVEL_NUM_THREADS must be a number from 1 to 4096, got '" + threads + "'");
  }

  @ParameterizedTest
  @ValueSource(strings = {"3", "3 ", " 3", "\t3\n", "0003"})
  void theNumberOfThreadsOfTheEnvironment(String threads) throws Exception {
    assertThat(probeWithThreads(threads))
        .contains("3 threads (BEVEL_NUM_THREADS=" + threads.strip() + ")");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " "})
  void withoutANumberOfThreadsTheJvmsProcessorsCount(String threads) throws Exception {
    assertThat(probeWithThreads(threads, "-XX:ActiveProcessorCount=1"))
        .contains("1 threads (the JVM's available processors)");
    assertThat(probeWithThreads(threads, "-XX:ActiveProcessorCount=7"))
        .contains("7 threads (the JVM's available processors)");
  }

  private static String probeWithThreads(String threads, String... options) throws Exception {
    List<String> command =
        new ArrayList<>(List.of("env", "-u", "OMP_NUM_THREADS", "BEVEL_NUM_THREADS=" + threads));
    command.addAll(
        command(Stream.concat(Stream.of(ACCESS), Stream.of(options)).toArray(String[]::new)));
    return output(start(command));
  }

  private static String permissions(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
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

  private static String probe(String... flags) throws IOException, InterruptedException {
    return output(start(flags));
  }

  private static Process start(String... flags) throws IOException {
    return start(command(flags));
  }

  private static Process start(List<String> command) throws IOException {
    return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
  }

  private static List<String> command(String... flags) {
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
    return command;
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
