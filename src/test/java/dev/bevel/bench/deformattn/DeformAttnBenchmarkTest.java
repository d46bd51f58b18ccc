package dev.bevel.bench.deformattn;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.bench.BenchmarkOptions;
import dev.bevel.bench.BenchmarkResult;
import dev.bevel.bench.BenchmarkSession;
import dev.bevel.bench.Pass;
import dev.bevel.kernels.Bevel;
import dev.bevel.kernels.ValueLevels;
import dev.bevel.torch.Torch;
import java.util.List;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DeformAttnBenchmarkTest {
  private static final DeformAttnShape TINY =
      DeformAttnShape.msda(2, 25, 2, 8, ValueLevels.of(6, 7, 3, 4), 3);

  private int threads;
  private int torchThreads;

  @BeforeEach
  void rememberThreads() {
    Torch.initialize();
    threads = Bevel.threads();
    torchThreads = torch.get_num_threads();
  }

  @AfterEach
  void restoreThreads() {
    Bevel.setThreads(threads);
    torch.set_num_threads(torchThreads);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void measuresAllVariantsOfATinyCase(boolean fused) {
    BenchmarkSession session =
        new BenchmarkSession(
            BenchmarkOptions.of(List.of(), List.of(1, 2), 7, 1e-4, null), line -> {});
    DeformAttnShape shape = fused ? TINY.fused(1, true) : TINY;
    new DeformAttnBenchmark().run("tiny", shape, session);
    List<BenchmarkResult> results = session.report().results();
    for (Pass pass : List.of(Pass.FORWARD, Pass.FORWARD_BACKWARD)) {
      for (int count : new int[] {1, 2}) {
        assertThat(variants(results, pass, "fp32", count))
            .containsExactly("bevel", "bevel_autograd", "libtorch");
        assertThat(variants(results, pass, "bf16", count))
            .containsExactly("bevel", "bevel_autograd");
      }
    }
    assertThat(results)
        .allSatisfy(
            result -> {
              assertThat(result.minMs()).isPositive().isLessThanOrEqualTo(result.medianMs());
              assertThat(result.floorMs()).isPositive();
            });
  }

  private static List<String> variants(
      List<BenchmarkResult> results, Pass pass, String dtype, int threads) {
    return results.stream()
        .filter(
            result ->
                result.key().pass() == pass
                    && result.key().dtype().equals(dtype)
                    && result.key().threads() == threads)
        .map(BenchmarkResult::variant)
        .toList();
  }
}
