package dev.bevel.torch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.kernels.Bevel;
import dev.bevel.testing.JavaProcess;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The JVM tells why a class cannot be initialised at the first attempt only, and then of a missing
 * class. So no static initialiser may fail where native files are missing or broken, and what is
 * called then fails in the same words each time.
 */
class StaticInitialisersTest {
  @TempDir Path folder;

  @Test
  void withoutNativeFiles() throws Exception {
    String output = run(withoutNatives(), List.of());
    assertThat(output)
        .doesNotContain("WRONG")
        .containsPattern("[1-9]\\d\\d classes initialised")
        .contains(
            "Bevel.load: BevelException Bevel: dev/bevel/native/linux-x86_64/libbevel.so is not")
        .contains(
            "Torch.initialize: BevelException LibTorch: libjnitorch.so is not on the class path")
        .contains("TensorScope.open: BevelException LibTorch: libjnitorch.so is not");
  }

  @Test
  void withoutNativeAccess() throws Exception {
    List<String> command = command(System.getProperty("java.class.path"), List.of());
    command.removeIf(argument -> argument.startsWith("--enable-native-access"));
    command.add(1, "--illegal-native-access=deny");
    assertThat(output(command))
        .doesNotContain("WRONG")
        .contains("Bevel.load: BevelException Bevel needs native access")
        .contains("Torch.initialize: BevelException LibTorch needs native access");
  }

  @Test
  void withALibraryThatLacksFunctions() throws Exception {
    Path source =
        Files.writeString(
            folder.resolve("libbevel.c"), "int bevel_version(void) { return 100; }\n");
    Process compiler =
        new ProcessBuilder(
                "cc",
                "-shared",
                "-fPIC",
                "-o",
                folder.resolve("libbevel.so").toString(),
                source.toString())
            .inheritIO()
            .start();
    assertThat(compiler.waitFor()).isZero();
    assertThat(Bevel.version()).isEqualTo("0.1.0");
    List<String> command = command(System.getProperty("java.class.path"), List.of());
    command.removeIf(argument -> argument.startsWith("-Dbevel.library.path"));
    command.add(1, "-Dbevel.library.path=" + folder);
    assertThat(output(command))
        .doesNotContain("WRONG")
        .contains(
            "Bevel.threads: BevelException Bevel: " + folder + "/libbevel.so lacks the function");
  }

  private static String withoutNatives() {
    return Arrays.stream(System.getProperty("java.class.path").split(":"))
        .filter(entry -> !entry.contains("linux-x86_64") && !entry.contains("native/target"))
        .collect(Collectors.joining(":"));
  }

  private static String run(String classPath, List<String> flags) throws Exception {
    return output(command(classPath, flags));
  }

  private static List<String> command(String classPath, List<String> flags) {
    List<String> command = JavaProcess.command(StaticInitialisers.class, flags, List.of());
    command.set(command.indexOf("-cp") + 1, classPath);
    command.addAll(1, List.of("-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"));
    return command;
  }

  private static String output(List<String> command) throws Exception {
    Process process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }
}
