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

  /** Where it is given, by the name that it has there. */
  @ParameterizedTest
  @ValueSource(ints = {-1, 4097, Integer.MIN_VALUE, Integer.MAX_VALUE})
  void aNumberOfThreadsIsChecked(int threads) {
    String optional = " must be 1 to 4096 threads, or 0 for Bevel.threads(), got " + threads;
    assertThatThrownBy(() -> CallSettings.DEFAULT.withThreads(threads))
        .isInstanceOf(BevelException.class)
        .hasMessage("CallSettings: count" + optional);
    LiftSplatGeometry geometry =
        new LiftSplatScene(
                1,
                new int[] {1, 1, 2, 2, 3, 1},
                LiftSplatScene.grid(1, CellRounding.TRUNC, RowAxis.Y))
            .withMatrices();
    assertThatThrownBy(() -> LiftSplatPlan.build(geometry, PoolingMethod.AUTO, threads))
        .isInstanceOf(BevelException.class)
        .hasMessage("LiftSplatPlan: threads" + optional);
    try (Arena arena = Arena.ofConfined()) {
      TensorView memory = TensorView.allocate(arena, DType.INT32, 1 << 16);
      TensorView workspace = TensorView.allocate(arena, DType.UINT8, 1 << 16);
      assertThatThrownBy(
              () ->
                  LiftSplatPlan.buildOn(
                      memory, workspace, geometry, PoolingMethod.AUTO, 0, 0, threads))
          .isInstanceOf(BevelException.class)
          .hasMessage("LiftSplatPlan: threads" + optional);
    }
    assertThatThrownBy(() -> Bevel.setThreads(threads))
        .isInstanceOf(BevelException.class)
        .hasMessage("Bevel: count must be 1 to 4096 threads, got " + threads);
  }

  @Test
  void theProcessHasAtLeastOneThread() {
    assertThatThrownBy(() -> Bevel.setThreads(0))
        .isInstanceOf(BevelException.class)
        .hasMessage("Bevel: count must be 1 to 4096 threads, got 0");
    assertThat(CallSettings.DEFAULT.withThreads(0).threads()).isZero();
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
