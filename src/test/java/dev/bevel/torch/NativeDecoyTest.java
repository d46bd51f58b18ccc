package dev.bevel.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.bevel.cli.Main;
import dev.bevel.kernels.Bevel;
import dev.bevel.kernels.loading.ElfFile;
import dev.bevel.kernels.loading.MappedLibrary;
import dev.bevel.testing.JavaProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Other libraries of the names of ours where the dynamic linker looks: files that are none, and
 * libraries that end the process as soon as they are opened. Each in a fresh JVM.
 */
class NativeDecoyTest {
  private static final List<String> NAMES =
      List.of(
          "libtorch_cpu.so",
          "libtorch.so",
          "libc10.so",
          "libgomp.so.1",
          "libopenblas.so.0",
          "libgfortran.so.5",
          "libquadmath.so.0",
          "libgcc_s.so.1",
          "libbevel.so",
          "libbevel.so.0",
          // JavaCPP would look for these by their names, for no jar of the CPU build has them.
          "libtorch_cuda.so",
          "libc10_cuda.so",
          "libgfortran.so");

  private static final String DEADLY =
      "__attribute__((constructor)) static void boom(void) { abort(); }\nint bevel;";

  @TempDir static Path shared;
  private static Path garbage;
  private static Path deadly;

  @TempDir Path folder;

  @BeforeAll
  static void makeDecoys() throws Exception {
    garbage = Files.createDirectory(shared.resolve("garbage"));
    deadly = Files.createDirectory(shared.resolve("deadly"));
    for (String name : NAMES) {
      Files.writeString(garbage.resolve(name), "no library");
      compile(DEADLY, name, deadly.resolve(name));
    }
  }

  @Test
  void filesThatAreNoLibraries() throws Exception {
    checkColdAndWarm(garbage);
  }

  @Test
  void librariesThatEndTheProcess() throws Exception {
    checkColdAndWarm(deadly);
  }

  /** All of them, one at a time, with cold and warm cache. */
  @Test
  void eachAlone() throws Exception {
    assumeTrue(
        Boolean.getBoolean("bevel.test.long"),
        "skipped: starts forty JVMs, give -Dbevel.test.long=true");
    for (Path decoys : List.of(garbage, deadly)) {
      for (String name : NAMES) {
        Path one = Files.createDirectories(folder.resolve(decoys.getFileName() + "-" + name));
        Files.copy(decoys.resolve(name), one.resolve(name));
        checkColdAndWarm(one);
      }
    }
  }

  private void checkColdAndWarm(Path decoys) throws Exception {
    Path cache = folder.resolve("cache-" + decoys.getFileName());
    for (String state : List.of("cold", "warm")) {
      String output =
          probe(
              Map.of("LD_LIBRARY_PATH", decoys.toString()),
              List.of("-Dbevel.cache=" + cache),
              "torch",
              "kernels",
              "in-the-way");
      assertThat(output)
          .as(state + " cache, " + decoys)
          .contains("kernels: loaded " + cache)
          .contains("torch: loaded from " + cache + "/javacpp-", "sum 60.0")
          .containsPattern("in the way: \\[.*" + decoys + "/lib.*\\(LD_LIBRARY_PATH\\)");
    }
  }

  /** No jar has it, so that the linker's is used: another one, as Conda brings, is named. */
  @Test
  void aLibstdcppThatCannotServeIsNamedAndNotOpened() throws Exception {
    String name = "libstdc++.so.6";
    Path none = Files.createDirectory(folder.resolve("none"));
    Files.writeString(none.resolve(name), "no library");
    Path empty = Files.createDirectory(folder.resolve("empty"));
    Files.createFile(empty.resolve(name));
    Path dead = Files.createDirectory(folder.resolve("deadly"));
    compile(DEADLY, name, dead.resolve(name));
    Path old = Files.createDirectory(folder.resolve("old"));
    Path versions =
        Files.writeString(shared.resolve("versions"), "GLIBCXX_3.4 { *; }; CXXABI_1.3 { bevel; };");
    compile(DEADLY, name, old.resolve(name), "-Wl,--version-script=" + versions);
    for (Path decoy : List.of(none, empty, dead, old)) {
      Map<String, String> environment = Map.of("LD_LIBRARY_PATH", decoy.toString());
      String remedy = "remove " + decoy + " from LD_LIBRARY_PATH, or unset it";
      String output = probe(environment, List.of(), "torch", "kernels");
      assertThat(output)
          .contains("torch: NOT_LOADED LibTorch: ", decoy.resolve(name) + " (LD_LIBRARY_PATH)")
          .contains(remedy, "kernels: loaded ");
      if (decoy.equals(old)) {
        assertThat(output).contains("GLIBCXX_3.4.").doesNotContain(" GLIBCXX_3.4,");
      }
    }
    List<String> doctor = JavaProcess.command(Main.class, List.of(), List.of("doctor"));
    assertThat(run(Map.of("LD_LIBRARY_PATH", old.toString()), doctor, 1))
        .containsPattern(
            "LibTorch +FAILED: LibTorch: it needs libstdc\\+\\+.so.6 with the versions ")
        .contains(old + " from LD_LIBRARY_PATH");
  }

  @Test
  void aLibstdcppThatServesIsUsedAndTold() throws Exception {
    Torch.initialize();
    Path own =
        MappedLibrary.all().stream()
            .map(MappedLibrary::path)
            .filter(path -> path.getFileName().toString().startsWith("libstdc++.so.6"))
            .findFirst()
            .orElseThrow();
    Path copy = Files.copy(own, folder.resolve("libstdc++.so.6"));
    assertThat(probe(Map.of("LD_LIBRARY_PATH", folder.toString()), List.of(), "torch"))
        .contains("sum 60.0")
        .contains("libstdc++.so.6 is " + copy + " (LD_LIBRARY_PATH), which has the versions");
  }

  @Test
  void theKernelsAlone() throws Exception {
    boolean usesOpenMp = ElfFile.read(Bevel.libraryPath()).needed().contains("libgomp.so.1");
    for (Path decoys : List.of(garbage, deadly)) {
      Path some = Files.createDirectory(folder.resolve(decoys.getFileName().toString()));
      for (String name : NAMES) {
        // A library that needs OpenMP's runtime takes the system's, which the linker finds.
        if (!usesOpenMp || !name.startsWith("libgomp")) {
          Files.copy(decoys.resolve(name), some.resolve(name));
        }
      }
      Path cache = folder.resolve("kernels-" + decoys.getFileName());
      assertThat(
              probe(
                  Map.of("LD_LIBRARY_PATH", some.toString()),
                  List.of("-Dbevel.cache=" + cache),
                  "kernels"))
          .contains("kernels: loaded " + cache);
    }
  }

  @Test
  void whatIsThereBeforeIsNamedAndNothingIsOpened() throws Exception {
    Path foreign = folder.resolve("libc10.so");
    compile("int bevel_decoy;", "libc10.so", foreign);
    String output = probe(Map.of("LD_PRELOAD", foreign.toString()), List.of(), "torch");
    String message =
        "torch: NOT_LOADED LibTorch: this process has loaded "
            + foreign
            + ", which is not Bevel's and does not go with it: remove "
            + foreign
            + " from LD_PRELOAD, or unset it";
    assertThat(output.lines()).containsExactly(message, message);
  }

  @Test
  void aRuntimeThatIsThereBeforeServesIfItHasTheVersions() throws Exception {
    Path foreign = folder.resolve("libgomp.so.1");
    compile("int bevel_decoy;", "libgomp.so.1", foreign);
    assertThat(probe(Map.of("LD_PRELOAD", foreign.toString()), List.of(), "torch"))
        .contains("NOT_LOADED LibTorch: this process has loaded " + foreign);
    Path own;
    try (Stream<Path> files = Files.walk(Torch.libraries().folder())) {
      own =
          files
              .filter(Files::isRegularFile)
              .filter(f -> f.endsWith("libgomp.so.1"))
              .findFirst()
              .orElseThrow();
    }
    Path copy = Files.copy(own, foreign, StandardCopyOption.REPLACE_EXISTING);
    assertThat(probe(Map.of("LD_PRELOAD", copy.toString()), List.of(), "torch"))
        .contains("sum 60.0", "libgomp.so.1 is the process's own " + copy);
  }

  @Test
  void whereHomeCannotBeWrittenTheNextFolderServes() throws Exception {
    Path temporary = Files.createDirectory(folder.resolve("tmp"));
    List<String> flags = new ArrayList<>(List.of("-Duser.home=/proc"));
    flags.add("-Djava.io.tmpdir=" + temporary);
    List<String> command =
        JavaProcess.command(LoadingProbe.class, flags, List.of("kernels", "torch"));
    command.removeIf(argument -> argument.startsWith("-Dbevel.cache="));
    assertThat(run(Map.of(), command))
        .containsPattern("kernels: loaded " + temporary + "/bevel-\\d+/0\\.")
        .containsPattern("torch: loaded from " + temporary + "/bevel-\\d+/javacpp-");
  }

  @Test
  void aFolderThatJavaCppIsGivenIsChecked() throws Exception {
    Path open = Files.createDirectory(folder.resolve("open"));
    Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
    assertThat(probe(Map.of(), List.of("-Dorg.bytedeco.javacpp.cachedir=" + open), "torch"))
        .contains("NOT_LOADED LibTorch: its native libraries cannot be unpacked into " + open)
        .contains("org.bytedeco.javacpp.cachedir")
        .contains("other users can write to it");
    assertThat(open).isEmptyDirectory();
  }

  private static void compile(String code, String soname, Path file, String... options)
      throws Exception {
    Path source = Files.writeString(shared.resolve("decoy.c"), "#include <stdlib.h>\n" + code);
    List<String> command =
        new ArrayList<>(List.of("cc", "-shared", "-fPIC", "-Wl,-soname," + soname));
    command.addAll(List.of(options));
    command.addAll(List.of("-o", file.toString(), source.toString()));
    Process compiler = new ProcessBuilder(command).inheritIO().start();
    assertThat(compiler.waitFor()).isZero();
  }

  private static String probe(Map<String, String> environment, List<String> flags, String... what)
      throws IOException, InterruptedException {
    return run(environment, JavaProcess.command(LoadingProbe.class, flags, List.of(what)));
  }

  private static String run(Map<String, String> environment, List<String> command)
      throws IOException, InterruptedException {
    return run(environment, command, 0);
  }

  private static String run(Map<String, String> environment, List<String> command, int status)
      throws IOException, InterruptedException {
    command.addAll(1, List.of("-XX:TieredStopAtLevel=1", "-XX:ErrorFile=/dev/null"));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.redirectError(ProcessBuilder.Redirect.DISCARD);
    // The agent that measures coverage of this JVM is none of the child's.
    builder.environment().remove("JAVA_TOOL_OPTIONS");
    builder.environment().putAll(environment);
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isEqualTo(status);
    return output;
  }
}
