package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.kernels.internal.NativeBuild;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Threads of the kernels in a JVM; what can end a JVM is tried in one of its own. */
class ThreadsTest {
  @Test
  void aJvmSurvivesThreadsThatCannotBeCreated() throws Exception {
    List<String> preload =
        List.of("env", "LD_PRELOAD=" + NativeBuild.file("tests/libfailing_threads.so"));
    assertThat(output(preload, "convolve", "16"))
        .isEqualTo("same bits: true\nthe JVM ended as it should\n");
  }

  @Test
  void manyCallersShareABoundedNumberOfThreads() throws Exception {
    String printed = output(List.of(), "callers", "16", "16");
    assertThat(printed).matches("same bits: true; \\d+ workers\n");
    assertThat(Integer.parseInt(printed.replaceAll(".*; (\\d+) workers\n", "$1"))).isBetween(1, 15);
  }

  @Test
  void theNumberOfThreadsMayChangeBesideCalls() throws Exception {
    assertThat(output(List.of(), "setters", "3000")).matches("same bits: true in \\d+ calls\n");
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 4097, Integer.MIN_VALUE, Integer.MAX_VALUE})
  void aCallsNumberOfThreadsIsChecked(int threads) {
    try (Arena arena = Arena.ofConfined()) {
      TensorView input = TensorView.allocate(arena, DType.FLOAT32, 1, 2, 8, 8);
      TensorView offset = TensorView.allocate(arena, DType.FLOAT32, 1, 18, 8, 8);
      TensorView weight = TensorView.allocate(arena, DType.FLOAT32, 2, 2, 3, 3);
      TensorView out = TensorView.allocate(arena, DType.FLOAT32, 1, 2, 8, 8);
      DeformConvInputs inputs =
          new DeformConvInputs(input, offset, null, weight, DeformConvSettings.of(1, 1, 1));
      assertThatThrownBy(
              () -> DeformConv.forward(inputs, out, CallSettings.DEFAULT.withThreads(threads)))
          .isInstanceOf(BevelException.class)
          .hasMessage("deform_conv_forward: threads must be 1 to 4096, got " + threads);
    }
  }

  private static String output(List<String> before, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(before);
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "--enable-native-access=ALL-UNNAMED",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Xshare:auto",
            "-XX:TieredStopAtLevel=1"));
    String library = System.getProperty("bevel.library.path");
    if (library != null) {
      command.add("-Dbevel.library.path=" + library);
    }
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(ThreadsProbe.class.getName());
    command.addAll(List.of(arguments));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(text).isZero();
    return text;
  }
}
