package dev.bevel.torch.autograd;

import static dev.bevel.torch.autograd.TestFunctions.outputs;
import static dev.bevel.torch.autograd.TestFunctions.present;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.bevel.testing.ChildJvm;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.Torch;
import dev.bevel.torch.TorchException;
import dev.bevel.torch.nn.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

/**
 * A backward that goes backward itself, deeper than LibTorch nests passes on one thread (60): right
 * gradients or an exception, and never a wait without end. In a JVM of its own, which ends itself
 * where a case does not.
 */
class NestedBackwardTest {
  private static final int[] DEPTHS = {1, 59, 60, 61, 62, 130, 400};
  private static final int SECONDS = 40;

  private interface Nesting {
    void run(int depth) throws Exception;
  }

  @Test
  void nestedPassesEnd() throws Exception {
    assertThat(ChildJvm.run(NestedBackwardTest.class))
        .contains("over the same graph: ok")
        .contains("over the same graph, two inputs: ok")
        .contains("over graphs of their own: ok")
        .contains("the innermost fails: ok")
        .contains("the innermost frees the graph: ok")
        .contains("several threads: ok");
  }

  /** Status 0 if all went well, 3 where a case did not end. */
  @SuppressWarnings("SystemExitOutsideMain") // it is main
  public static void main(String[] arguments) throws Exception {
    Torch.initialize();
    Map<String, Nesting> cases =
        Map.of(
            "over the same graph", depth -> sameGraph(depth, 1),
            "over the same graph, two inputs", depth -> sameGraph(depth, 2),
            "over graphs of their own", NestedBackwardTest::ownGraphs,
            "the innermost fails", NestedBackwardTest::innermostFails,
            "the innermost frees the graph", NestedBackwardTest::innermostFrees,
            "several threads", NestedBackwardTest::severalThreads);
    ExecutorService runner = Executors.newSingleThreadExecutor();
    try {
      for (Map.Entry<String, Nesting> each : cases.entrySet()) {
        for (int depth : DEPTHS) {
          System.out.println(each.getKey() + ", depth " + depth + " ...");
          runner.submit(() -> ended(each.getValue(), depth)).get(SECONDS, TimeUnit.SECONDS);
        }
        System.out.println(each.getKey() + ": ok");
      }
    } catch (TimeoutException e) {
      System.out.println("does not end:");
      Thread.getAllStackTraces()
          .forEach((thread, trace) -> System.out.println(thread + " " + List.of(trace)));
      Runtime.getRuntime().halt(3);
    } catch (Throwable e) {
      e.printStackTrace(System.out);
      Runtime.getRuntime().halt(1);
    }
    Runtime.getRuntime().halt(0);
  }

  private static boolean ended(Nesting nesting, int depth) throws Exception {
    nesting.run(depth);
    return true;
  }

  /** x + ... + x, so that the gradient of a pass is the number of inputs. */
  private static Function nesting(Runnable inBackward) {
    return TestFunctions.of(
        (context, in) -> {
          context.saveForBackward(in);
          Tensor sum = in[0].clone();
          for (int i = 1; i < in.length; i++) {
            sum = sum.add(in[i]);
          }
          return outputs(sum);
        },
        (context, grad) -> {
          inBackward.run();
          int inputs = context.savedTensors().length;
          Tensor[] gradients = new Tensor[inputs];
          for (int i = 0; i < inputs; i++) {
            gradients[i] = present(grad[0]).clone();
          }
          return gradients;
        });
  }

  private static void sameGraph(int depth, int inputs) {
    AtomicInteger left = new AtomicInteger(depth);
    Tensor[] loss = new Tensor[1];
    Function function =
        nesting(
            () -> {
              if (left.getAndDecrement() > 0) {
                Autograd.backward(loss[0], null, true);
              }
            });
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = leaf();
      loss[0] = (inputs == 1 ? function.apply(x) : function.apply(x, x))[0].sum();
      Autograd.backward(loss[0], null, true);
      assertThat(Tensors.toDoubles(x.grad())).containsOnly(inputs * (depth + 1.0));
    }
  }

  /** Each backward makes the next graph, as a checkpointed network does. */
  private static void ownGraphs(int depth) {
    AtomicInteger left = new AtomicInteger(depth);
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = leaf();
      Function[] function = new Function[1];
      function[0] =
          nesting(
              () -> {
                if (left.getAndDecrement() > 0) {
                  try (AutoGradMode on = new AutoGradMode(true)) {
                    Autograd.backward(function[0].apply(x)[0].sum());
                  }
                }
              });
      Autograd.backward(function[0].apply(x)[0].sum());
      assertThat(Tensors.toDoubles(x.grad())).containsOnly(depth + 1.0);
    }
  }

  private static void innermostFails(int depth) {
    AtomicInteger left = new AtomicInteger(depth);
    Tensor[] loss = new Tensor[1];
    Function function =
        nesting(
            () -> {
              if (left.getAndDecrement() == 0) {
                throw new IllegalArgumentException("the innermost");
              }
              Autograd.backward(loss[0], null, true);
            });
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = leaf();
      loss[0] = function.apply(x)[0].sum();
      Throwable failure = catchThrowable(() -> Autograd.backward(loss[0], null, true));
      assertThat(failure).isInstanceOf(TorchException.class);
      assertThat(failure.getMessage()).endsWith("TestFunction.backward: the innermost");
      assertThat(failure.getMessage()).hasSizeLessThan(120);
      if (depth > 1) {
        assertThat(failure)
            .hasMessageStartingWith(
                "TestFunction.backward: " + depth + " backward passes deeper: TestFunction");
      }
      assertThat(failure).rootCause().isInstanceOf(IllegalArgumentException.class);
      assertThat(x.grad().defined()).isFalse();
    }
  }

  /** Those around it fail with a reason, for their saved tensors are gone. */
  private static void innermostFrees(int depth) {
    AtomicInteger left = new AtomicInteger(depth);
    Tensor[] loss = new Tensor[1];
    Function function =
        nesting(
            () -> {
              int remaining = left.getAndDecrement();
              if (remaining > 0) {
                Autograd.backward(loss[0], null, remaining > 1);
              }
            });
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = leaf();
      loss[0] = function.apply(x)[0].sum();
      assertThat(catchThrowable(() -> Autograd.backward(loss[0], null, true)))
          .isInstanceOf(TorchException.class)
          .hasMessageEndingWith(
              "the saved tensors were freed after the first backward pass; ask for retain_graph in"
                  + " all passes but the last");
      assertThat(Tensors.toDoubles(x.grad())).containsOnly(1);
    }
  }

  private static void severalThreads(int depth) throws Exception {
    int count = 3;
    AtomicInteger left = new AtomicInteger(count * depth);
    Tensor[] loss = new Tensor[1];
    Function function =
        nesting(
            () -> {
              if (left.getAndDecrement() > 0) {
                Autograd.backward(loss[0], null, true);
              }
            });
    try (TensorScope scope = TensorScope.open();
        ExecutorService threads = Executors.newFixedThreadPool(count)) {
      Tensor x = leaf();
      loss[0] = function.apply(x, x)[0].sum();
      List<Future<?>> running = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        running.add(threads.submit(() -> Autograd.backward(loss[0], null, true)));
      }
      for (Future<?> each : running) {
        each.get();
      }
      assertThat(Tensors.toDoubles(x.grad())).containsOnly(2.0 * count * (depth + 1));
    }
  }

  private static Tensor leaf() {
    return Tensors.of(new double[] {1, 2, 3}, 3).requires_grad_(true);
  }
}
