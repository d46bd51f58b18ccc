package dev.bevel.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

class PeerLibraryTest {
  /** No CPU has both of these: one is AMD's and gone, the other Intel's. */
  private static final List<String> RIVALS = List.of("xop", "avx512fp16");

  @Test
  void theCpuThatBuiltThePeersHasWhatTheyNeed() {
    assertThat(PeerLibrary.missingInstructions(null)).isEmpty();
  }

  @Test
  void whatTheCpuLacksIsNamed() {
    assertThat(PeerLibrary.missingInstructions(RIVALS)).isIn("xop", "avx512fp16", "xop avx512fp16");
    assertThat(PeerLibrary.missingInstructions(List.of("sse3", "nonsense"))).isEmpty();
  }

  @Test
  void whatTheCpuLacksIsWhatTheSystemSays() throws IOException {
    Path info = Path.of("/proc/cpuinfo");
    Assumptions.assumeTrue(Files.isReadable(info), "skipped: there is no " + info);
    List<String> flags =
        Files.readAllLines(info).stream()
            .filter(line -> line.startsWith("flags"))
            .limit(1)
            .flatMap(line -> Arrays.stream(line.split("\\s+", -1)))
            .toList();
    for (String set : List.of("avx", "avx2", "fma", "bmi2", "avx512f", "avx512bw")) {
      assertThat(PeerLibrary.missingInstructions(List.of(set)).isEmpty())
          .as(set)
          .isEqualTo(flags.contains(set));
    }
  }
}
