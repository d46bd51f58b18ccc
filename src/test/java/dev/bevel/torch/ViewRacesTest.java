package dev.bevel.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.bevel.kernels.Bevel;
import dev.bevel.kernels.DeformConv;
import dev.bevel.kernels.DeformConvInputs;
import dev.bevel.kernels.DeformConvSettings;
import dev.bevel.kernels.TensorView;
import dev.bevel.testing.ChildJvm;
import dev.bevel.torch.nn.Scopes;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Views whose tensor goes before or during a kernel's call, in a JVM that may not crash. The
 * tensors are so large that the C library gives freed ones back to the system at once.
 */
@Timeout(300)
class ViewRacesTest {
  private static final int ROUNDS = Boolean.getBoolean("bevel.test.long") ? 1_000 : 40;
  private static final int THREADS = 3;
  private static final long SIZE = 96;

  @Test
  void noFreedTensorIsRead() throws Exception {
    assertThat(ChildJvm.run(ViewRacesTest.class))
        .contains("gone before: ok")
        .contains("replaced before: ok")
        .contains("an element of a vector: ok")
        .contains("a scope that closes: ok")
        .contains("views made beside it: ok")
        .contains("a tensor that closes: ok")
        .contains("one that closes, and its scope: ok");
  }

  /** Runs the races; status 0 if all went well. */
  @SuppressWarnings("SystemExitOutsideMain") // it is main
  public static void main(String[] arguments) {
    Torch.initialize();
    Bevel.setThreads(1);
    try (ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
      goneBefore();
      System.out.println("gone before: ok");
      replacedBefore();
      System.out.println("replaced before: ok");
      elementsOfVectors();
      System.out.println("an element of a vector: ok");
      for (int i = 0; i < ROUNDS; i++) {
        scopeCloses(threads, input -> TensorViews.of(input));
      }
      System.out.println("a scope that closes: ok");
      for (int i = 0; i < ROUNDS; i++) {
        scopeClosesBesideViews(threads);
      }
      System.out.println("views made beside it: ok");
      for (int i = 0; i < ROUNDS; i++) {
        tensorCloses(threads);
      }
      System.out.println("a tensor that closes: ok");
      for (int i = 0; i < ROUNDS; i++) {
        tensorAndScopeClose(threads);
      }
      System.out.println("one that closes, and its scope: ok");
    } catch (Throwable e) {
      e.printStackTrace(System.out);
      System.exit(1);
    }
    System.exit(0);
  }

  private static void goneBefore() {
    TensorView ofScope;
    Tensor tensor;
    try (TensorScope scope = TensorScope.open()) {
      tensor = input();
      ofScope = TensorViews.of(tensor);
      convolve(ofScope);
    }
    refused(() -> convolve(ofScope), "deform_conv_forward: input is closed: the tensor's scope");
    refused(() -> convolve(ofScope.reshape(1, 8, SIZE, SIZE)), "input is closed");
    refused(ofScope::toFloatArray, "is closed");
    refused(() -> TensorViews.of(tensor), "TensorViews.of: tensor is closed");
    for (Consumer<Tensor> end : List.<Consumer<Tensor>>of(Tensor::close, Tensor::deallocate)) {
      Tensor own = input();
      TensorView view = TensorViews.of(own);
      convolve(view);
      end.accept(own);
      refused(() -> convolve(view), "input is closed");
    }
  }

  /** The view's address is that of memory which LibTorch has freed. */
  private static void replacedBefore() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor replaced = input();
      TensorView view = TensorViews.of(replaced);
      replaced.set_data(input());
      refused(() -> convolve(view), "LibTorch has replaced the tensor's memory");
      Tensor resized = input();
      TensorView before = TensorViews.of(resized);
      resized.resize_(1, 8, 2 * SIZE, 2 * SIZE);
      refused(() -> convolve(before), "LibTorch has replaced the tensor's memory");
    }
  }

  private static void elementsOfVectors() {
    TensorView view;
    try (TensorScope scope = TensorScope.open()) {
      TensorVector vector = new TensorVector(input());
      view = TensorViews.of(vector.get(0));
      vector.close();
      convolve(view);
    }
    refused(() -> convolve(view), "input is closed");
  }

  private static void scopeCloses(ExecutorService threads, Function<Tensor, TensorView> view)
      throws Exception {
    CountDownLatch running = new CountDownLatch(THREADS);
    List<Future<Throwable>> ends = new ArrayList<>();
    try (TensorScope scope = TensorScope.open()) {
      TensorView input = view.apply(input());
      for (int i = 0; i < THREADS; i++) {
        ends.add(threads.submit(() -> untilRefused(() -> convolve(input), running)));
      }
      running.await();
    }
    allRefused(ends);
  }

  private static void scopeClosesBesideViews(ExecutorService threads) throws Exception {
    CountDownLatch running = new CountDownLatch(THREADS);
    List<Future<Throwable>> ends = new ArrayList<>();
    try (TensorScope scope = TensorScope.open()) {
      Tensor input = input();
      for (int i = 0; i < THREADS; i++) {
        ends.add(
            threads.submit(
                () ->
                    untilRefused(
                        () -> {
                          try (TensorScope own = TensorScope.open()) {
                            TensorViews.of(input);
                          }
                        },
                        running)));
      }
      running.await();
    }
    allRefused(ends);
  }

  private static void tensorCloses(ExecutorService threads) throws Exception {
    tensorClosesDuringCalls(threads, () -> Scopes.own(input()));
  }

  /** The close gives back the scope's reference, and the scope's end one of the running calls'. */
  private static void tensorAndScopeClose(ExecutorService threads) throws Exception {
    tensorClosesDuringCalls(threads, ViewRacesTest::input);
  }

  private static void tensorClosesDuringCalls(ExecutorService threads, Supplier<Tensor> make)
      throws Exception {
    CountDownLatch running = new CountDownLatch(THREADS);
    List<Future<Throwable>> ends = new ArrayList<>();
    try (TensorScope scope = TensorScope.open()) {
      Tensor input = make.get();
      TensorView view = TensorViews.of(input);
      for (int i = 0; i < THREADS; i++) {
        ends.add(threads.submit(() -> untilRefused(() -> convolve(view), running)));
      }
      running.await();
      TensorHold.close(input);
    }
    allRefused(ends);
  }

  private static void allRefused(List<Future<Throwable>> ends) throws Exception {
    for (Future<Throwable> end : ends) {
      assertThat(end.get())
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("is closed");
    }
  }

  private static Throwable untilRefused(Runnable call, CountDownLatch running) {
    boolean first = true;
    for (; ; ) {
      Throwable failure = catchThrowable(call::run);
      if (first) {
        running.countDown();
        first = false;
      }
      if (failure != null) {
        return failure;
      }
    }
  }

  private static void refused(Runnable call, String message) {
    assertThat(catchThrowable(call::run))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining(message);
  }

  private static Tensor input() {
    return torch.ones(1, 8, SIZE, SIZE);
  }

  /** A call that reads all of the input; the other tensors are its own. */
  private static void convolve(TensorView input) {
    try (TensorScope scope = TensorScope.open()) {
      TensorView offset = TensorViews.of(torch.zeros(1, 18, SIZE, SIZE));
      TensorView weight = TensorViews.of(torch.ones(4, 8, 3, 3));
      Tensor out = torch.empty(1, 4, SIZE, SIZE);
      DeformConv.forward(
          new DeformConvInputs(input, offset, null, weight, DeformConvSettings.of(1, 1, 1)),
          TensorViews.of(out));
      assertThat(out.select(1, 0).select(1, 40).select(1, 40).item_float()).isEqualTo(72);
    }
  }
}
