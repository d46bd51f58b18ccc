package dev.bevel.bench.deformconv;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.bench.BenchmarkOptions;
import dev.bevel.bench.BenchmarkResult;
import dev.bevel.bench.BenchmarkSession;
import dev.bevel.bench.Pass;
import dev.bevel.kernels.Bevel;
import dev.bevel.kernels.DeformConvSettings;
import dev.bevel.torch.Torch;
import java.util.List;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DeformConvBenchmarkTest {
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
  void measuresAllVariantsOfATinyCase(boolean masked) {
    BenchmarkSession session =
        new BenchmarkSession(
            BenchmarkOptions.of(List.of(), List.of(1, 2), 7, 1e-4, null), line -> {});
    DeformConvSettings settings = DeformConvSettings.of(1, 1, 1).withGroups(2, 2);
    new DeformConvBenchmark()
        .run(new DeformConvShape("tiny", 2, 8, 6, 5, 7, 3, 3, settings, masked), session);
    List<BenchmarkResult> results = session.report().results();
    for (Pass pass : List.of(Pass.FORWARD, Pass.FORWARD_BACKWARD)) {
      for (int count : new int[] {1, 2}) {
        assertThat(variants(results, pass, "fp32", count))
            .containsExactly("bevel", "bevel_autograd", "libtorch", "libtorch_grid_sample");
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

  @Test
  void productsAreThoseOfTheOperator() {
    DeformConvShape bevDepth = DeformConvShape.PUBLISHED.getFirst();
    assertThat(bevDepth.outShape()).containsExactly(6, 512, 16, 44);
    assertThat(bevDepth.products()).isEqualTo(6L * 16 * 44 * 512 * 128 * 9);
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
