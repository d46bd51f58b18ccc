package dev.bevel.torch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** LibTorch has as many threads as the kernels, and they sleep soon; each in a JVM of its own. */
class TorchThreadsTest {
  @Test
  void libTorchHasTheJvmsProcessors() throws Exception {
    assertThat(probe(Map.of(), "-XX:ActiveProcessorCount=1"))
        .contains("threads 1", "of another thread 1", "OPENBLAS_NUM_THREADS 1")
        .contains("OPENBLAS_THREAD_TIMEOUT 4")
        .anyMatch(line -> line.matches("GOMP_SPINCOUNT \\d{1,5}"));
  }

  @Test
  void libTorchFollowsTheKernels() throws Exception {
    assertThat(probe(Map.of("BEVEL_NUM_THREADS", "3")))
        .contains("threads 3", "of another thread 3", "OPENBLAS_NUM_THREADS 3");
  }

  @Test
  void whatTheUserHasSetIsKept() throws Exception {
    assertThat(
            probe(
                Map.of(
                    "OMP_NUM_THREADS", "5",
                    "BEVEL_NUM_THREADS", "2",
                    "GOMP_SPINCOUNT", "77",
                    "OPENBLAS_THREAD_TIMEOUT", "9")))
        .contains("threads 5", "of another thread 5", "OPENBLAS_NUM_THREADS not set")
        .contains("GOMP_SPINCOUNT 77", "OPENBLAS_THREAD_TIMEOUT 9");
    assertThat(probe(Map.of("OMP_WAIT_POLICY", "active"))).contains("GOMP_SPINCOUNT not set");
  }

  private static List<String> probe(Map<String, String> variables, String... flags)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-Xshare:auto",
            "-XX:TieredStopAtLevel=1"));
    command.addAll(List.of(flags));
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add(TorchThreadsProbe.class.getName());
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder
        .environment()
        .keySet()
        .removeIf(name -> name.matches("(OMP|GOMP|OPENBLAS|BEVEL)_(NUM_|SPIN|THREAD|WAIT).*"));
    builder.environment().putAll(variables);
    Process process = builder.start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(text).isZero();
    return text.lines().toList();
  }

  /** libgomp and OpenBLAS would end the process, or stop, at the thread that cannot be made. */
  @Test
  void threadsThatCannotBeStartedAreNotAskedFor() {
    AtomicInteger left = new AtomicInteger(3);
    List<Thread> started = new ArrayList<>();
    int threads =
        TorchThreads.startable(
            8,
            task ->
                new Thread(task) {
                  @Override
                  public void start() {
                    if (left.getAndDecrement() == 0) {
                      throw new OutOfMemoryError("unable to create native thread");
                    }
                    started.add(this);
                    super.start();
                  }
                });
    assertThat(threads).isEqualTo(1);
    assertThat(started)
        .hasSize(3)
        .allSatisfy(thread -> assertThat(thread.join(Duration.ofSeconds(10))).isTrue());
    assertThat(TorchThreads.startable(3, Thread::new)).isEqualTo(3);
    assertThat(TorchThreads.startable(1, Thread::new)).isEqualTo(1);
  }
}
