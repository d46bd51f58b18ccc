package dev.bevel.bench.deformattn;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.bench.BenchmarkOptions;
import dev.bevel.bench.BenchmarkResult;
import dev.bevel.bench.BenchmarkSession;
import dev.bevel.bench.CameraRig;
import dev.bevel.bench.Pass;
import dev.bevel.kernels.Bevel;
import dev.bevel.torch.Torch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpatialAttentionBenchmarkTest {
  private static final SpatialAttentionShape SMALL =
      SpatialAttentionShape.published("sca-tiny").withGrid(8, 9).withChannels(2, 8);

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

  @Test
  void measuresAllVariantsOfASmallCase() {
    List<String> log = new ArrayList<>();
    BenchmarkSession session =
        new BenchmarkSession(
            BenchmarkOptions.of(List.of(), List.of(1, 2), 7, 1e-4, null), log::add);
    new SpatialAttentionBenchmark("deform-attn")
        .run("small", SMALL, CameraRig.sixCameras(), session);
    List<BenchmarkResult> results = session.report().results();
    for (int count : new int[] {1, 2}) {
      for (Pass pass : List.of(Pass.FORWARD, Pass.FORWARD_BACKWARD)) {
        assertThat(variants(results, "deform-attn", pass, count))
            .containsExactly("bevel", "bevel_with_points", "bevel_autograd", "libtorch");
      }
      assertThat(variants(results, "point-sampling", Pass.FORWARD, count))
          .containsExactly("bevel", "libtorch");
    }
    assertThat(log).anyMatch(line -> line.startsWith("small: 72 queries, "));
  }

  private static List<String> variants(
      List<BenchmarkResult> results, String operator, Pass pass, int threads) {
    return results.stream()
        .filter(
            result ->
                result.key().operator().equals(operator)
                    && result.key().pass() == pass
                    && result.key().threads() == threads)
        .map(BenchmarkResult::variant)
        .toList();
  }

  @Test
  void aDataSetAddsItsCalibration(@TempDir Path folder) {
    BenchmarkOptions plain = BenchmarkOptions.of(List.of(), List.of(1), 7, 1e-4, null);
    BenchmarkOptions data = BenchmarkOptions.of(List.of(), List.of(1), 7, 1e-4, folder);
    SpatialAttentionBenchmark benchmark = new SpatialAttentionBenchmark("deform-attn");
    assertThat(benchmark.cases(plain)).containsExactly("sca-base", "sca-small", "sca-tiny");
    assertThat(benchmark.cases(data))
        .containsAll(benchmark.cases(plain))
        .contains("sca-base-sample", "sca-small-sample", "sca-tiny-sample")
        .hasSize(6);
    assertThat(new DeformAttnBenchmark().cases(plain)).contains("sca-base");
  }
}
