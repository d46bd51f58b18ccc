package dev.bevel.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs what would take the tests' own JVM down if it crashed. */
public final class ChildJvm {
  private ChildJvm() {}

  /**
   * Runs a main class in a process of its own, which must end with status 0.
   *
   * @return what it printed
   */
  public static String run(Class<?> main, String... arguments)
      throws IOException, InterruptedException {
    List<String> flags = new ArrayList<>(List.of("-Xmx512m", "-XX:-CreateCoredumpOnCrash"));
    flags.add("-XX:ErrorFile=/dev/null");
    List<String> command = JavaProcess.command(main, flags, List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    // Teams of threads for each of several callers would only wait for each other.
    builder.environment().put("OMP_NUM_THREADS", "1");
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(output).isZero();
    return output;
  }
}
