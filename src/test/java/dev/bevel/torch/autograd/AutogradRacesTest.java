package dev.bevel.torch.autograd;

import static dev.bevel.torch.autograd.TestFunctions.outputs;
import static dev.bevel.torch.autograd.TestFunctions.present;
import static dev.bevel.torch.autograd.TestFunctions.product;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.bevel.testing.ChildJvm;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.Torch;
import dev.bevel.torch.TorchException;
import dev.bevel.torch.nn.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Several threads at one graph: right gradients or an exception, in a JVM that may not crash. */
@Timeout(300)
class AutogradRacesTest {
  private static final int ROUNDS = Boolean.getBoolean("bevel.test.long") ? 3_000 : 200;
  private static final int THREADS = 3;

  /** More than a graph keeps passes of. */
  private static final int MANY = 100;

  private interface Race {
    void run(ExecutorService threads) throws Exception;
  }

  @Test
  void noRaceCrashesOrGivesWrongGradients() throws Exception {
    assertThat(ChildJvm.run(AutogradRacesTest.class))
        .contains("retained passes: ok")
        .contains("passes that free: ok")
        .contains("a scope that ends: ok")
        .contains("a pass that fails: ok")
        .contains("more passes than are kept: ok")
        .contains("one function, many graphs: ok");
  }

  /** Runs the races; status 0 if all went well. */
  @SuppressWarnings("SystemExitOutsideMain") // it is main
  public static void main(String[] arguments) throws Exception {
    Torch.initialize();
    Thread collector = new Thread(AutogradRacesTest::collectGarbage);
    collector.setDaemon(true);
    collector.start();
    try (ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
      race("retained passes", AutogradRacesTest::retainedPasses, threads);
      race("passes that free", AutogradRacesTest::passesThatFree, threads);
      race("a scope that ends", AutogradRacesTest::aScopeThatEnds, threads);
      race("a pass that fails", AutogradRacesTest::aPassThatFails, threads);
      race("one function, many graphs", AutogradRacesTest::oneFunctionManyGraphs, threads);
      System.out.println("more passes than are kept ...");
      try (ExecutorService many = Executors.newFixedThreadPool(MANY)) {
        for (int i = 0; i < ROUNDS / 20; i++) {
          morePassesThanAreKept(many);
        }
      }
      System.out.println("more passes than are kept: ok");
    } catch (Throwable e) {
      e.printStackTrace(System.out);
      System.exit(1);
    }
    System.exit(0);
  }

  private static void race(String name, Race race, ExecutorService threads) throws Exception {
    System.out.println(name + " ...");
    for (int i = 0; i < ROUNDS; i++) {
      race.run(threads);
    }
    System.out.println(name + ": ok");
  }

  private static void collectGarbage() {
    try {
      for (; ; ) {
        System.gc();
        Thread.sleep(40);
      }
    } catch (InterruptedException end) {
      Thread.currentThread().interrupt();
    }
  }

  private static void retainedPasses(ExecutorService threads) throws Exception {
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = leaf();
      Tensor loss = product().apply(product().apply(x, x)[0], x)[0].sum();
      assertThat(together(threads, () -> pass(loss, true))).containsOnlyNulls();
      assertThat(Tensors.toDoubles(x.grad())).containsExactly(cubeGradient(x, THREADS));
    }
  }

  /** Whoever comes too late is told that the graph is gone. */
  private static void passesThatFree(ExecutorService threads) throws Exception {
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = leaf();
      Tensor loss = product().apply(x, x)[0].sum();
      for (Throwable failure : together(threads, () -> pass(loss, false))) {
        if (failure != null) {
          assertThat(failure).isInstanceOf(TorchException.class);
          assertThat(failure.getMessage()).isNotBlank();
        }
      }
    }
  }

  private static void aScopeThatEnds(ExecutorService threads) throws Exception {
    CountDownLatch running = new CountDownLatch(THREADS);
    List<Future<Throwable>> ends = new ArrayList<>();
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = leaf();
      Tensor loss = product().apply(product().apply(x, x)[0], x)[0].sum();
      for (int i = 0; i < THREADS; i++) {
        ends.add(threads.submit(() -> untilRefused(loss, running)));
      }
      running.await();
    }
    for (Future<Throwable> end : ends) {
      assertThat(end.get())
          .isInstanceOfAny(IllegalStateException.class, TorchException.class)
          .message()
          .containsAnyOf("Autograd.backward: output is closed", "the TensorScope in which");
    }
  }

  private static Throwable untilRefused(Tensor loss, CountDownLatch running) {
    boolean first = true;
    for (; ; ) {
      Throwable failure = pass(loss, true);
      if (first) {
        running.countDown();
        first = false;
      }
      if (failure != null) {
        return failure;
      }
    }
  }

  private static void aPassThatFails(ExecutorService threads) throws Exception {
    Function fragile =
        TestFunctions.of(
            (context, in) -> outputs(in[0].clone()),
            (context, grad) -> {
              if (FAILS.get()) {
                throw new IllegalArgumentException("this thread's");
              }
              return outputs(present(grad[0]).mul(new Scalar(2.0)));
            });
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = leaf();
      Tensor loss = fragile.apply(fragile.apply(x)[0])[0].sum();
      CyclicBarrier order = new CyclicBarrier(THREADS);
      List<@Nullable Throwable> results =
          together(
              threads,
              () -> {
                FAILS.set(order.await() == 0);
                try {
                  return pass(loss, true);
                } finally {
                  FAILS.set(false);
                }
              });
      assertThat(results).filteredOn(java.util.Objects::nonNull).hasSize(1);
      assertThat(results)
          .filteredOn(java.util.Objects::nonNull)
          .allSatisfy(
              failure ->
                  assertThat(failure)
                      .hasMessage("TestFunction.backward: this thread's")
                      .hasCauseInstanceOf(IllegalArgumentException.class));
      assertThat(Tensors.toDoubles(x.grad())).containsOnly(4 * (THREADS - 1));
    }
  }

  private static final ThreadLocal<Boolean> FAILS = ThreadLocal.withInitial(() -> false);

  private static void oneFunctionManyGraphs(ExecutorService threads) throws Exception {
    Function shared = product();
    assertThat(
            together(
                threads,
                () -> {
                  try (TensorScope scope = TensorScope.open()) {
                    Tensor x = leaf();
                    Autograd.backward(shared.apply(shared.apply(x, x)[0], x)[0].sum());
                    assertThat(Tensors.toDoubles(x.grad())).containsExactly(cubeGradient(x, 1));
                    return null;
                  }
                }))
        .containsOnlyNulls();
  }

  /**
   * Two outputs, whose gradients come one after the other: none is ever taken without the other.
   */
  private static void morePassesThanAreKept(ExecutorService threads) throws Exception {
    Function both =
        TestFunctions.of(
            (context, in) ->
                outputs(in[0].mul(new Scalar(3.0)), in[0].mul(new Scalar(5.0)), in[0].clone()),
            (context, grad) ->
                outputs(
                    present(grad[0])
                        .mul(new Scalar(3.0))
                        .add(present(grad[1]).mul(new Scalar(5.0)))
                        .add(present(grad[2]))));
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = leaf();
      Tensor[] first = both.apply(x);
      Tensor[] second = both.apply(first[0].add(first[1]).add(first[2]));
      Tensor loss = second[0].add(second[1]).add(second[2]).sum();
      List<@Nullable Throwable> results = together(threads, MANY, () -> pass(loss, true));
      int done = 0;
      for (Throwable failure : results) {
        if (failure == null) {
          done++;
        } else {
          assertThat(failure)
              .isInstanceOf(TorchException.class)
              .hasMessageStartingWith(
                  "TestFunction.backward: this backward pass was given up, for 16 newer ones over")
              .hasMessageContaining(
                  "let at most so many threads go backward over one graph at a time")
              .hasMessageContaining("a graph, that is a forward pass, of its own");
        }
      }
      assertThat(done).isPositive();
      assertThat(Tensors.toDoubles(x.grad())).containsOnly(81.0 * done);
    }
  }

  private static @Nullable Throwable pass(Tensor loss, boolean retain) {
    return catchThrowable(() -> Autograd.backward(loss, null, retain));
  }

  private static List<@Nullable Throwable> together(
      ExecutorService threads, Callable<@Nullable Throwable> work) throws Exception {
    return together(threads, THREADS, work);
  }

  private static List<@Nullable Throwable> together(
      ExecutorService threads, int count, Callable<@Nullable Throwable> work) throws Exception {
    CyclicBarrier start = new CyclicBarrier(count);
    List<Future<@Nullable Throwable>> running = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      running.add(
          threads.submit(
              () -> {
                start.await();
                return work.call();
              }));
    }
    List<@Nullable Throwable> results = new ArrayList<>();
    for (Future<@Nullable Throwable> each : running) {
      results.add(each.get());
    }
    return results;
  }

  /** Whole numbers, whose products and sums are exact in any order. */
  private static Tensor leaf() {
    double[] values = new double[2_000];
    Arrays.setAll(values, i -> i % 17 - 8);
    return Tensors.of(values, values.length).requires_grad_(true);
  }

  private static double[] cubeGradient(Tensor x, int passes) {
    return Arrays.stream(Tensors.toDoubles(x.detach())).map(v -> passes * 3 * v * v).toArray();
  }
}
