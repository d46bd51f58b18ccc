package dev.bevel.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.bevel.kernels.Bevel;
import dev.bevel.testing.ChildJvm;
import dev.bevel.testing.Memory;
import dev.bevel.testing.SmallConfig;
import dev.bevel.torch.head.LossTerms;
import dev.bevel.torch.model.Calibration;
import dev.bevel.torch.model.Detector;
import dev.bevel.torch.model.DetectorConfig;
import dev.bevel.torch.nn.Conv2d;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Module;
import dev.bevel.torch.train.AdamW;
import dev.bevel.torch.train.ConfigDocument;
import dev.bevel.torch.train.LearningRate;
import dev.bevel.torch.train.Trainer;
import dev.bevel.torch.train.WeightAverage;
import dev.bevel.torch.train.WeightAverageSettings;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Modules, detectors and trainers that are closed, also while threads use them. */
@Timeout(300)
class ModuleClosingTest {
  private static final int CALLERS = 4;
  private static final int ROUNDS = Boolean.getBoolean("bevel.test.long") ? 200 : 10;

  /** Layers of 4 MB, which the C library gives back to the system as soon as they are freed. */
  private static Conv2d largeLayer() {
    try (TensorScope scope = TensorScope.open();
        Initializer init = Initializer.seeded(1)) {
      return new Conv2d(Conv2d.Shape.same(320, 320, 3), init);
    }
  }

  @Test
  void callsOfClosedModulesAreRefused() {
    Conv2d layer = largeLayer();
    Tensor weight = layer.weight();
    layer.close();
    layer.close();
    assertThat(weight.isNull()).as("freed").isTrue();
    try (TensorScope scope = TensorScope.open()) {
      Tensor input = torch.ones(1, 320, 4, 4);
      for (ThrowingCallable call :
          List.<ThrowingCallable>of(
              () -> layer.forward(input),
              () -> layer.apply(input, input, null),
              layer::weight,
              layer::stateDict,
              layer::namedParameters,
              () -> layer.tensor("weight"),
              () -> layer.to(ScalarType.Double),
              layer::toChannelsLast,
              () -> layer.loadStateDict(Map.of(), false),
              layer::zeroGrad,
              layer::freeze,
              () -> layer.train(true))) {
        assertThatThrownBy(call)
            .isInstanceOf(IllegalStateException.class)
            .hasMessage("Conv2d: the module is closed");
      }
    }
  }

  @Test
  void trainersOptimisersAndAveragesRefuseToo() {
    Conv2d layer = largeLayer();
    Trainer trainer = new Trainer(layer, settings(), 1);
    AdamW optimizer = new AdamW(List.of(new AdamW.Group(layer.namedParameters(), 1, 0)));
    WeightAverage average = new WeightAverage(layer, new WeightAverageSettings(0.9, 1, 0));
    trainer.close();
    trainer.close();
    optimizer.close();
    optimizer.close();
    average.close();
    average.close();
    closed(() -> trainer.step(LossTerms::new), "Trainer: the trainer is closed");
    closed(() -> optimizer.step(1), "AdamW: the optimiser is closed");
    closed(() -> average.update(layer), "WeightAverage: the average is closed");
    closed(average::state, "WeightAverage: the average is closed");
    try (Trainer other = new Trainer(layer, settings(), 1)) {
      layer.close();
      closed(() -> other.step(LossTerms::new), "Conv2d: the module is closed");
    }
  }

  private static void closed(ThrowingCallable call, String message) {
    assertThatThrownBy(call).isInstanceOf(IllegalStateException.class).hasMessage(message);
  }

  @Test
  void theRunningCallKeepsTheTensors() throws Exception {
    Conv2d layer = largeLayer();
    Tensor weight = layer.weight();
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch leave = new CountDownLatch(1);
    Thread caller =
        new Thread(
            () ->
                layer.call(
                    () -> {
                      inside.countDown();
                      await(leave);
                      return weight.size(0);
                    }));
    caller.start();
    inside.await();
    layer.close();
    assertThat(weight.isNull()).as("in use").isFalse();
    assertThatThrownBy(layer::weight).isInstanceOf(IllegalStateException.class);
    leave.countDown();
    caller.join();
    assertThat(weight.isNull()).as("freed").isTrue();
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void closedModulesLeaveNothingBehind() {
    churn(5);
    assertThat(Memory.growth(() -> churn(15))).isLessThan(8L << 20);
  }

  private static void churn(int rounds) {
    for (int i = 0; i < rounds; i++) {
      try (TensorScope scope = TensorScope.open();
          NoGradGuard guard = new NoGradGuard();
          Conv2d layer = largeLayer()) {
        layer.forward(torch.ones(1, 320, 2, 2));
        TensorViews.of(layer.weight());
      }
    }
  }

  @Test
  void noRaceCrashes() throws Exception {
    assertThat(ChildJvm.run(ModuleClosingTest.class))
        .contains("a layer: ok")
        .contains("a detector: ok")
        .contains("a trainer: ok");
  }

  /** Runs the races; status 0 if all went well. */
  @SuppressWarnings("SystemExitOutsideMain") // it is main
  public static void main(String[] arguments) {
    Torch.initialize();
    Bevel.setThreads(1);
    try (ExecutorService threads = Executors.newFixedThreadPool(CALLERS)) {
      for (int i = 0; i < ROUNDS; i++) {
        Conv2d layer = largeLayer();
        closeUnderCallers(
            threads,
            () -> withoutGradient(() -> layer.forward(torch.ones(1, 320, 4, 4))),
            layer,
            "Conv2d: the module is closed");
      }
      System.out.println("a layer: ok");
      for (int i = 0; i < ROUNDS / 10; i++) {
        detectorCloses(threads, i);
      }
      System.out.println("a detector: ok");
      for (int i = 0; i < ROUNDS; i++) {
        trainerCloses(threads);
      }
      System.out.println("a trainer: ok");
    } catch (Throwable e) {
      e.printStackTrace(System.out);
      System.exit(1);
    }
    System.exit(0);
  }

  /** More calibrations than plans are kept of, so that plans too end under their callers. */
  private static void detectorCloses(ExecutorService threads, int seed) throws Exception {
    DetectorConfig config = ConfigDocument.parse("small", SmallConfig.yaml(1, "none")).detector();
    Detector detector = Detector.create(config, seed);
    detector.eval();
    List<Calibration> rigs = IntStream.range(0, 9).mapToObj(i -> rig(1 + 0.1 * i)).toList();
    closeUnderCallers(
        threads,
        () ->
            withoutGradient(
                () -> {
                  for (Calibration rig : rigs) {
                    long[] shape = {
                      1, rig.cameras(), 3, config.image().height(), config.image().width()
                    };
                    try (TensorScope own = TensorScope.open()) {
                      detector.forward(torch.zeros(shape), rig);
                    }
                  }
                }),
        detector,
        "BevDepth: the module is closed");
  }

  /** One camera that looks forward from a height in metres. */
  private static Calibration rig(double height) {
    double[] intrinsics = {60, 0, 96, 0, 60, 32, 0, 0, 1};
    double[] toBev = {0, 0, 1, 1, -1, 0, 0, 0, 0, -1, 0, height, 0, 0, 0, 1};
    double[] identity = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
    return new Calibration(1, 1, intrinsics, toBev, identity, null);
  }

  private static void trainerCloses(ExecutorService threads) throws Exception {
    Conv2d layer = largeLayer();
    Trainer trainer = new Trainer(layer, settings(), 1);
    CountDownLatch running = new CountDownLatch(1);
    Future<Throwable> end =
        threads.submit(
            () ->
                untilRefused(
                    () ->
                        trainer.step(
                            () ->
                                new LossTerms()
                                    .add(
                                        "mean",
                                        layer.forward(torch.ones(1, 320, 4, 4)).square().mean())),
                    running));
    running.await();
    trainer.close();
    layer.close();
    assertThat(end.get())
        .isInstanceOf(IllegalStateException.class)
        .message()
        .isIn("Trainer: the trainer is closed", "Conv2d: the module is closed");
  }

  private static Trainer.Settings settings() {
    return new Trainer.Settings(
        1e-3, 0, 5, new LearningRate.Constant(), new WeightAverageSettings(0.9, 1, 0));
  }

  @SuppressWarnings("try") // scope and guard are there to be closed
  private static void withoutGradient(Runnable body) {
    try (TensorScope scope = TensorScope.open();
        NoGradGuard guard = new NoGradGuard()) {
      body.run();
    }
  }

  private static void closeUnderCallers(
      ExecutorService threads, Runnable call, Module module, String message) throws Exception {
    CountDownLatch running = new CountDownLatch(CALLERS);
    List<Future<Throwable>> ends = new ArrayList<>();
    for (int i = 0; i < CALLERS; i++) {
      ends.add(threads.submit(() -> untilRefused(call, running)));
    }
    running.await();
    module.close();
    module.close();
    for (Future<Throwable> end : ends) {
      assertThat(end.get()).isInstanceOf(IllegalStateException.class).hasMessage(message);
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
}
