package dev.bevel.torch.autograd;

import static dev.bevel.torch.autograd.TestFunctions.identity;
import static dev.bevel.torch.autograd.TestFunctions.outputs;
import static dev.bevel.torch.autograd.TestFunctions.present;
import static dev.bevel.torch.autograd.TestFunctions.product;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.bevel.testing.GradientCheck;
import dev.bevel.testing.Memory;
import dev.bevel.testing.NativeObjects;
import dev.bevel.testing.Seed;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.TorchException;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Who owns what how long, and what happens when a rule is broken. */
class FunctionLifetimeTest {
  private static final Random RANDOM = Seed.random(FunctionLifetimeTest.class);

  private TensorScope scope;

  @BeforeEach
  void openScope() {
    scope = TensorScope.open();
  }

  @AfterEach
  void closeScope() {
    scope.close();
  }

  @Test
  void hooksSurviveGarbageCollection() throws InterruptedException {
    Tensor x = leaf(3);
    Tensor loss = product().apply(product().apply(x, x)[0], x)[0].sum();
    for (int i = 0; i < 3; i++) {
      System.gc();
      Thread.sleep(20);
    }
    Autograd.backward(loss);
    assertThat(GradientCheck.doubles(x.grad()))
        .containsExactly(GradientCheck.doubles(x.mul(x).mul(new Scalar(3.0))));
  }

  @Test
  void everythingEndsWithTheScope() throws InterruptedException {
    Tensor x = leaf(100);
    step(x, true); // the first one makes constants
    long before = NativeObjects.count();
    for (boolean backward : new boolean[] {false, true}) {
      for (int i = 0; i < 20; i++) {
        step(x, backward);
      }
      assertThat(NativeObjects.count())
          .as("native objects, backward %s", backward)
          .isEqualTo(before);
    }
  }

  @Test
  void backwardMayRunOnAnotherThread() throws InterruptedException {
    Tensor x = leaf(4);
    Tensor loss = product().apply(x, x)[0].sum();
    AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    Thread thread =
        new Thread(() -> failure.set(catchThrowable(() -> Autograd.backward(loss))), "backward");
    thread.start();
    thread.join();
    assertThat(failure.get()).isNull();
    assertThat(GradientCheck.doubles(x.grad()))
        .containsExactly(GradientCheck.doubles(x.mul(new Scalar(2.0))));
  }

  @Test
  void scopesOpenedAroundForwardAloneDoNotMatter() {
    Tensor x = leaf(4);
    Tensor out;
    try (TensorScope inner = TensorScope.open();
        PointerScope innermost = new PointerScope()) {
      out = inner.keep(product().apply(x.exp(), x)[0]);
    }
    System.gc();
    Autograd.backward(out.sum());
    Tensor expected = x.exp().mul(x.add(new Scalar(1.0)));
    assertThat(GradientCheck.doubles(x.grad().sub(expected).abs().max())[0]).isLessThan(1e-12);
  }

  @Test
  void aPassAfterTheScopeFails() {
    Tensor x = leaf(4);
    TensorScope inner = TensorScope.open();
    Tensor loss = product().apply(x, x)[0].sum();
    loss.retainReference();
    inner.close();
    assertThatThrownBy(() -> Autograd.backward(loss))
        .isInstanceOf(TorchException.class)
        .hasMessageContaining(
            "TestFunction.backward: the TensorScope in which it was applied closed");
    assertThat(x.grad().defined()).isFalse();
    loss.close();
  }

  @Test
  void aPassAfterScopeAndGarbageCollectionFailsToo() throws InterruptedException {
    Tensor x = leaf(4);
    Tensor loss;
    try (TensorScope inner = TensorScope.open()) {
      loss = product().apply(x, x)[0].sum();
      loss.retainReference();
    }
    for (int i = 0; i < 5; i++) {
      System.gc();
      Thread.sleep(20);
    }
    assertThatThrownBy(() -> Autograd.backward(loss))
        .isInstanceOf(TorchException.class)
        .hasMessageContaining("the TensorScope in which");
    assertThat(x.grad().defined()).isFalse();
    loss.close();
  }

  @Test
  void aScopeIsRequired() throws InterruptedException {
    Tensor x = leaf(4);
    AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    Thread thread =
        new Thread(() -> failure.set(catchThrowable(() -> identity().apply(x))), "unscoped");
    thread.start();
    thread.join();
    assertThat(failure.get())
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("no TensorScope is open on thread 'unscoped'");
  }

  @Test
  void retainedGraphsGiveTheSameGradientAgain() {
    Tensor x = leaf(3);
    Tensor loss = product().apply(x, x)[0].sum();
    Autograd.backward(loss, null, true);
    double[] once = GradientCheck.doubles(x.grad());
    Autograd.backward(loss, null, true);
    assertThat(GradientCheck.doubles(x.grad()))
        .containsExactly(GradientCheck.doubles(Tensor.create(once).mul(new Scalar(2.0))));
    Autograd.backward(loss);
    assertThatThrownBy(() -> Autograd.backward(loss))
        .isInstanceOf(TorchException.class)
        .hasMessageContaining("a second time")
        .message()
        .doesNotContain("Exception raised from");
  }

  @Test
  void severalPassesOverOneOutputEach() {
    Function both =
        TestFunctions.of(
            (context, in) -> outputs(in[0].clone(), in[0].clone()),
            (context, grad) -> outputs(present(grad[0]).add(present(grad[1]))));
    Tensor x = leaf(2);
    Tensor[] out = both.apply(x);
    Autograd.backward(out[0].sum(), null, true);
    Autograd.backward(out[1].mul(new Scalar(10.0)).sum());
    assertThat(GradientCheck.doubles(x.grad())).containsOnly(11);
  }

  @Test
  void savedTensorsAreFreedAfterThePass() {
    Context[] contexts = new Context[1];
    Function function =
        TestFunctions.of(
            (context, in) -> {
              contexts[0] = context;
              context.saveForBackward(in[0]);
              return outputs(in[0].clone());
            },
            (context, grad) -> grad);
    Autograd.backward(function.apply(leaf(2))[0].sum());
    assertThatThrownBy(() -> contexts[0].savedTensors())
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("retain_graph");
  }

  @Test
  void doubleBackwardFailsClearly() {
    Tensor x = leaf(3);
    Tensor loss = product().apply(x, x)[0].sum();
    Tensor none = new Tensor();
    assertThatThrownBy(
            () -> loss.backward(none, new BoolOptional(), true, new TensorArrayRefOptional()))
        .hasMessageContaining("create_graph (double backward) is not possible");
  }

  @Test
  void anExceptionInBackwardIsTheCause() {
    IllegalArgumentException thrown = new IllegalArgumentException("the plan is closed");
    Function failing =
        TestFunctions.of(
            (context, in) -> outputs(in[0].clone()),
            (context, grad) -> {
              throw thrown;
            });
    Tensor x = leaf(3);
    Tensor loss = failing.apply(x)[0].sum();
    assertThatThrownBy(() -> Autograd.backward(loss))
        .isInstanceOf(TorchException.class)
        .hasMessage("TestFunction.backward: the plan is closed")
        .cause()
        .isSameAs(thrown);
    Autograd.backward(product().apply(x, x)[0].sum());
    assertThat(x.grad().defined()).as("the next pass works").isTrue();
  }

  @Test
  void errorsAreNotSwallowed() {
    Function failing =
        TestFunctions.of(
            (context, in) -> outputs(in[0].clone()),
            (context, grad) -> {
              throw new StackOverflowError("deep");
            });
    Tensor loss = failing.apply(leaf(3))[0].sum();
    assertThatThrownBy(() -> Autograd.backward(loss))
        .hasRootCauseInstanceOf(StackOverflowError.class);
    assertThatThrownBy(() -> failing.apply(leaf(3))[0].sum().backward())
        .hasMessageContaining("deep");
  }

  @Test
  void libTorchErrorsInForwardLoseTheirBacktrace() {
    assertThatThrownBy(() -> product().apply(leaf(3), leaf(4)))
        .isInstanceOf(TorchException.class)
        .hasMessageStartingWith("TestFunction.forward: The size of tensor a (3) must match")
        .message()
        .doesNotContain("frame #");
  }

  @Test
  void gradientsOfWrongShapeOrDtypeAreRefused() {
    Tensor x = leaf(3);
    expectFailure(
        x,
        grad -> outputs(grad.sum()),
        "the gradient of input 0 must be Double[3] on the CPU like the input, got Double[]");
    expectFailure(x, grad -> outputs(grad.to(ScalarType.Float)), "got Float[3] on the CPU");
    expectFailure(
        x, grad -> outputs(grad, grad), "must return 1 gradients, one for each input, got 2");
  }

  @Test
  void inPlaceChangesOfSavedTensorsAreFound() {
    Tensor x = leaf(3);
    Tensor hidden = x.exp();
    Tensor loss = product().apply(hidden, x)[0].sum();
    hidden.add_(new Scalar(1.0));
    assertThatThrownBy(() -> Autograd.backward(loss))
        .hasMessageContaining("saved tensor 0 was modified");

    Function exponential =
        TestFunctions.of(
            (context, in) -> {
              Tensor out = in[0].exp();
              context.saveForBackward(out);
              return outputs(out);
            },
            (context, grad) -> outputs(present(context.savedTensors()[0]).mul(present(grad[0]))));
    GradientCheck.check(in -> exponential.apply(in), RANDOM, 1e-7, x);
    Tensor out = exponential.apply(x)[0];
    out.add_(new Scalar(1.0));
    assertThatThrownBy(() -> Autograd.backward(out.sum()))
        .hasMessageContaining("saved tensor 0 was modified");
  }

  @Test
  void anEmptyResultIsRefused() {
    Function nothing = TestFunctions.of((context, in) -> outputs(), (context, grad) -> grad);
    assertThatThrownBy(() -> nothing.apply(leaf(1))).hasMessageContaining("at least one tensor");
    Function undefined =
        TestFunctions.of((context, in) -> outputs(new Tensor()), (context, grad) -> grad);
    assertThatThrownBy(() -> undefined.apply(leaf(1))).hasMessageContaining("undefined tensor");
  }

  /** A step makes tensors of 1 MiB (5,000 steps in all with -Dbevel.test.long=true). */
  @Test
  void memoryStaysFlat() {
    int steps = Boolean.getBoolean("bevel.test.long") ? 1_000 : 100;
    Tensor x = leaf(128 * 1024);
    steps(x, 50);
    long grown = Memory.growth(() -> steps(x, steps));
    System.out.printf(
        Locale.ROOT, "FunctionLifetimeTest: %d steps, memory %+d bytes%n", steps, grown);
    assertThat(grown).isLessThan(8L << 20);
  }

  private static void steps(Tensor x, int steps) {
    for (int i = 0; i < steps; i++) {
      step(x, i % 5 != 0);
    }
  }

  private static void step(Tensor x, boolean backward) {
    try (TensorScope step = TensorScope.open()) {
      Tensor hidden = product().apply(x, identity().apply(x)[0])[0];
      Tensor loss = product().apply(hidden, x)[0].sum();
      if (backward) {
        Autograd.backward(loss);
        x.mutable_grad().reset();
      }
    }
  }

  private static void expectFailure(
      Tensor x, java.util.function.Function<Tensor, @Nullable Tensor[]> backward, String message) {
    Function function =
        TestFunctions.of(
            (context, in) -> outputs(in[0].clone()),
            (context, grad) -> backward.apply(present(grad[0])));
    assertThatThrownBy(() -> Autograd.backward(function.apply(x)[0].sum()))
        .isInstanceOf(TorchException.class)
        .hasMessageContaining("TestFunction.backward")
        .hasMessageContaining(message);
  }

  private static Tensor leaf(int size) {
    return Tensor.create(RANDOM.doubles(size, -2, 2).toArray()).requires_grad_(true);
  }
}
