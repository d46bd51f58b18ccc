package dev.bevel.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.kernels.Bevel;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.TensorView;
import dev.bevel.torch.Torch;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** With doubling for an operator: who is right is timed, who is wrong is named. */
class OperatorComparisonTest {
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

  private static BenchmarkSession session() {
    return new BenchmarkSession(
        BenchmarkOptions.of(List.of(), List.of(1), 7, 1e-4, null), line -> {});
  }

  private interface Ways {
    void add(OperatorComparison comparison, Runnable forward, Runnable backward);
  }

  private static List<BenchmarkResult> compare(Consumer<double[]> spoilOut, Ways ways) {
    BenchmarkSession session = session();
    try (OperatorComparison c = new OperatorComparison("double", "small", "fp32")) {
      TensorView x = c.input(DType.FLOAT32, new double[] {1, 2, 3}, 3);
      TensorView gradOut = c.gradOut(DType.FLOAT32, new double[] {1, -1, 0.5}, 3);
      double[] expected = {2, 4, 6};
      spoilOut.accept(expected);
      TensorView out = c.result(DType.FLOAT32, expected, 1e-6, 3);
      TensorView gradient = c.gradient(0, new double[] {2, -2, 1}, 1e-6);
      ways.add(c, () -> doubled(x, out), () -> doubled(gradOut, gradient));
      c.run(session);
    }
    return session.report().results();
  }

  private static void doubled(TensorView from, TensorView to) {
    for (int i = 0; i < 3; i++) {
      float value = from.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i);
      to.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, 2 * value);
    }
  }

  @Test
  void everybodyWhoIsRightIsTimed() {
    List<BenchmarkResult> results =
        compare(
            out -> {},
            (c, forward, backward) -> {
              c.kernel(BenchmarkReport.BEVEL, forward, backward);
              c.tensors(OperatorComparison.LIBTORCH, in -> in[0].mul(new Scalar(2.0)));
            });
    assertThat(results).hasSize(4);
    assertThat(results.stream().map(result -> result.key().pass()))
        .containsOnly(Pass.FORWARD, Pass.FORWARD_BACKWARD);
    assertThat(results.getFirst().floorMs()).isLessThan(results.getLast().floorMs());
  }

  @Test
  void whoIsWrongIsNamed() {
    refused(
        "bevel: element 1 of the result must be 5.0",
        out -> out[1] = 5,
        (c, forward, backward) -> c.kernel(BenchmarkReport.BEVEL, forward, backward));
    refused(
        "bevel: element 0 of the result must be 2.0 ± 6.00e-06, got NaN",
        out -> {},
        (c, forward, backward) -> c.kernel(BenchmarkReport.BEVEL, () -> {}, backward));
    refused(
        "bevel: element 0 of the gradient of input 0 must be 2.0 ± 2.00e-06, got NaN",
        out -> {},
        (c, forward, backward) -> c.kernel(BenchmarkReport.BEVEL, forward, () -> {}));
    refused(
        "libtorch: element 0 of the gradient of input 0",
        out -> {},
        (c, forward, backward) -> {
          c.kernel(BenchmarkReport.BEVEL, forward, backward);
          c.tensors(OperatorComparison.LIBTORCH, in -> in[0].add(in[0].detach()));
        });
    refused(
        "libtorch: the result must have 3 elements, got 1",
        out -> {},
        (c, forward, backward) -> c.tensors(OperatorComparison.LIBTORCH, in -> in[0].sum()));
  }

  private static void refused(String message, Consumer<double[]> spoilOut, Ways ways) {
    assertThatThrownBy(() -> compare(spoilOut, ways))
        .isInstanceOf(VerificationException.class)
        .hasMessageContaining(message);
  }

  @Test
  void valuesBecomeWhatTheDtypeHolds() {
    try (Arena arena = Arena.ofConfined()) {
      double[] values = {1.0 / 3, -1e-3, 1 + 1.0 / 256, 1 + 3.0 / 256};
      TensorView stored = TensorData.store(arena, DType.BFLOAT16, values, 4);
      assertThat(values).containsExactly(0.333984375, -0.00099945068359375, 1, 1 + 2.0 / 128);
      assertThat(TensorData.at(stored, 0)).isEqualTo(0.333984375);
      double[] bytes = {0, 1, 200};
      TensorData.store(arena, DType.UINT8, bytes, 3);
      assertThat(bytes).containsExactly(0, 1, 200);
      TensorData.poison(stored);
      assertThat(TensorData.at(stored, 3)).isNaN();
      assertThatThrownBy(() -> TensorData.store(arena, DType.FLOAT32, values, 5))
          .hasMessageContaining("needs 5 values, got 4");
    }
  }
}
