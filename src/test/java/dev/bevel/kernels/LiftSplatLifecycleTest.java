package dev.bevel.kernels;

import static dev.bevel.kernels.TensorViewTest.refused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import com.sun.management.ThreadMXBean;
import dev.bevel.testing.Memory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Bad arguments, closed memory, several threads, and what many calls leave behind. */
@Timeout(120)
class LiftSplatLifecycleTest {
  private static final LiftSplatScene SCENE =
      new LiftSplatScene(
          7, new int[] {1, 2, 6, 4, 8, 5}, LiftSplatScene.grid(1, CellRounding.TRUNC, RowAxis.Y));

  /** Tensors of one call. */
  private record Tensors(TensorView depth, TensorView context, TensorView out) {
    static Tensors of(Arena arena, LiftSplatPlan plan) {
      return new Tensors(
          TensorView.allocate(arena, DType.FLOAT32, plan.depthShape()),
          TensorView.allocate(
              arena, DType.FLOAT32, plan.contextShape(SCENE.channels, Layout.CHANNELS_FIRST)),
          TensorView.allocate(
              arena, DType.FLOAT32, plan.outShape(SCENE.channels, Layout.CHANNELS_FIRST)));
    }

    LiftSplatInputs inputs(LiftSplatPlan plan) {
      return new LiftSplatInputs(plan, depth, context);
    }

    void forward(LiftSplatPlan plan) {
      LiftSplat.forward(plan, depth, context, out);
    }
  }

  @Test
  void wrongTensorsAreNamedAndNothingIsWritten() {
    try (Arena arena = Arena.ofConfined();
        LiftSplatPlan plan = LiftSplatPlan.build(SCENE.withMatrices())) {
      Tensors good = Tensors.of(arena, plan);
      good.out.segment().fill((byte) 0x33);
      TensorView badContext = TensorView.allocate(arena, DType.FLOAT32, 1, 2, 5, 4, 9);
      TensorView badRank = TensorView.allocate(arena, DType.FLOAT32, 6, 4, 8);
      TensorView badType = TensorView.allocate(arena, DType.INT32, plan.depthShape());
      TensorView badOut = TensorView.allocate(arena, DType.FLOAT32, 1, 1, 5, 18, 15);
      refused(
          () -> LiftSplat.forward(plan, good.depth, badContext, good.out),
          "lift_splat_forward: context");
      refused(() -> LiftSplat.forward(plan, badRank, good.context, good.out), "depth");
      refused(() -> LiftSplat.forward(plan, badType, good.context, good.out), "int32");
      refused(
          () -> LiftSplat.forward(plan, good.depth, good.context, badOut),
          "lift_splat_forward: out must be [1, 1, 5, 18, 16] to match plan and context");
      refused(
          () -> LiftSplat.forward(good.inputs(plan), good.out, CallSettings.DEFAULT.withStream(64)),
          "stream");
      for (byte value : good.out.segment().toArray(java.lang.foreign.ValueLayout.JAVA_BYTE)) {
        assertThat(value).isEqualTo((byte) 0x33);
      }
    }
  }

  @Test
  void readOnlyMemoryIsNotWritten() {
    try (Arena arena = Arena.ofConfined();
        LiftSplatPlan plan = LiftSplatPlan.build(SCENE.withMatrices())) {
      Tensors good = Tensors.of(arena, plan);
      TensorView readOnly =
          TensorView.of(good.out.segment().asReadOnly(), DType.FLOAT32, good.out.shape());
      refused(
          () -> LiftSplat.forward(plan, good.depth, good.context, readOnly), "out is written but");
    }
  }

  @Test
  void fixedWorkspacesMustBeLargeEnoughAndAligned() {
    try (Arena arena = Arena.ofConfined();
        LiftSplatPlan plan = LiftSplatPlan.build(SCENE.withMatrices())) {
      Tensors good = Tensors.of(arena, plan);
      LiftSplatInputs inputs = good.inputs(plan);
      long bytes = LiftSplat.workspaceBytes(inputs, good.out);
      assertThat(bytes).isPositive();
      refused(
          () ->
              LiftSplat.forward(
                  inputs,
                  good.out,
                  with(Workspace.of(TensorView.allocate(arena, DType.UINT8, bytes - 1)))),
          "workspace must have " + bytes + " bytes or more, got " + (bytes - 1));
      LiftSplat.forward(
          inputs, good.out, with(Workspace.of(TensorView.allocate(arena, DType.UINT8, bytes))));
      MemorySegment odd = arena.allocate(bytes + 64, 64).asSlice(8);
      refused(() -> Workspace.of(TensorView.of(odd, DType.UINT8, bytes)), "aligned to 64 bytes");
      refused(() -> Workspace.of(good.out), "compact uint8");

      Workspace closed = Workspace.cpu();
      closed.close();
      closed.close();
      assertThatThrownBy(() -> LiftSplat.forward(inputs, good.out, with(closed)))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("lift_splat_forward: the workspace is closed");
    }
  }

  private static CallSettings with(Workspace workspace) {
    return CallSettings.DEFAULT.withWorkspace(workspace);
  }

  @Test
  void aWorkspaceGrowsAndIsShared() {
    LiftSplatScene larger = new LiftSplatScene(8, new int[] {2, 6, 20, 8, 22, 32}, SCENE.grid);
    try (Workspace workspace = Workspace.cpu();
        Arena arena = Arena.ofConfined();
        LiftSplatPlan small = LiftSplatPlan.build(SCENE.withMatrices());
        LiftSplatPlan large = LiftSplatPlan.build(larger.withMatrices())) {
      Tensors tensors = Tensors.of(arena, small);
      LiftSplat.forward(tensors.inputs(small), tensors.out, with(workspace));
      long before = workspace.byteSize();
      LiftSplat.forward(
          new LiftSplatInputs(
              large,
              TensorView.allocate(arena, DType.FLOAT32, large.depthShape()),
              TensorView.allocate(
                  arena, DType.FLOAT32, large.contextShape(32, Layout.CHANNELS_FIRST))),
          TensorView.allocate(arena, DType.FLOAT32, large.outShape(32, Layout.CHANNELS_FIRST)),
          with(workspace));
      assertThat(workspace.byteSize()).isGreaterThan(before);
    }
  }

  @Test
  void closedMemoryThrows() {
    LiftSplatPlan plan = LiftSplatPlan.build(SCENE.withMatrices());
    Arena closed = Arena.ofShared();
    Tensors gone = Tensors.of(closed, plan);
    closed.close();
    try (Arena arena = Arena.ofConfined()) {
      Tensors good = Tensors.of(arena, plan);
      assertThatThrownBy(() -> LiftSplat.forward(plan, good.depth, gone.context, good.out))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("context is closed");
      plan.close();
      plan.close();
      assertThatThrownBy(() -> good.forward(plan))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("LiftSplatPlan: the plan is closed");
      assertThatThrownBy(plan::info).isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void confinedMemoryOfAnotherThreadIsNamed() throws Exception {
    try (Arena arena = Arena.ofConfined();
        LiftSplatPlan plan = LiftSplatPlan.build(SCENE.withMatrices())) {
      Tensors good = Tensors.of(arena, plan);
      List<Throwable> thrown = new ArrayList<>();
      Thread other = new Thread(() -> good.forward(plan));
      other.setUncaughtExceptionHandler((thread, failure) -> thrown.add(failure));
      other.start();
      other.join();
      assertThat(thrown).singleElement().isInstanceOf(WrongThreadException.class);
      assertThat(thrown.getFirst())
          .hasMessageContaining("depth belongs to a confined arena of another thread");
    }
  }

  /**
   * A call holds its memory: an arena can be closed between calls only, and the call after that
   * throws.
   */
  @Test
  void memoryIsNotFreedUnderARunningCall() throws Exception {
    for (int round = 0; round < 20; round++) {
      try (LiftSplatPlan plan = LiftSplatPlan.build(SCENE.withMatrices())) {
        Arena shared = Arena.ofShared();
        Tensors tensors = Tensors.of(shared, plan);
        CountDownLatch running = new CountDownLatch(1);
        List<Throwable> thrown = new ArrayList<>();
        Thread caller =
            new Thread(
                () -> {
                  for (; ; ) {
                    tensors.forward(plan);
                    running.countDown();
                  }
                });
        caller.setUncaughtExceptionHandler((thread, failure) -> thrown.add(failure));
        caller.start();
        running.await();
        closeWhenFree(shared);
        caller.join();
        assertThat(thrown).singleElement().isInstanceOf(IllegalStateException.class);
      }
    }
  }

  private static void closeWhenFree(Arena arena) {
    while (arena.scope().isAlive()) {
      try {
        arena.close();
      } catch (IllegalStateException acquired) {
        assertThat(acquired).hasMessageContaining("acquired");
        Thread.onSpinWait();
      }
    }
  }

  @Test
  void plansAreBuiltAndUsedFromSeveralThreads() throws Exception {
    float[] expected;
    try (LiftSplatPlan plan = LiftSplatPlan.build(SCENE.withMatrices())) {
      expected = SCENE.run(plan);
    }
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try (LiftSplatPlan common = LiftSplatPlan.build(SCENE.withMatrices())) {
      List<Future<?>> done = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        done.add(
            threads.submit(
                () -> {
                  for (int k = 0; k < 25; k++) {
                    try (LiftSplatPlan own = LiftSplatPlan.build(SCENE.withMatrices())) {
                      assertThat(SCENE.run(own)).isEqualTo(expected);
                    }
                    assertThat(SCENE.run(common)).isEqualTo(expected);
                  }
                }));
      }
      for (Future<?> each : done) {
        each.get();
      }
    } finally {
      threads.shutdown();
    }
  }

  /** The JVM's own memory breathes by a megabyte or two; 2 KB kept a round would show as 8 MB. */
  @Test
  void twentyThousandCallsAndPlansLeaveNothingBehind() {
    int threads = Bevel.threads();
    Bevel.setThreads(1);
    try {
      churn(2_000);
      long grown = Memory.growth(() -> churn(4_000));
      System.out.printf(
          Locale.ROOT, "LiftSplatLifecycleTest: 4,000 rounds, memory %+d KiB%n", grown >> 10);
      assertThat(grown).isLessThan(8L << 20);
    } finally {
      Bevel.setThreads(threads);
    }
  }

  private static void churn(int rounds) {
    for (int i = 0; i < rounds; i++) {
      try (Arena arena = Arena.ofConfined();
          LiftSplatPlan plan = LiftSplatPlan.build(SCENE.withMatrices())) {
        Tensors tensors = Tensors.of(arena, plan);
        tensors.forward(plan);
        refused(() -> LiftSplat.forward(plan, tensors.out, tensors.context, tensors.out), "depth");
      }
    }
  }

  @Test
  void aCallAllocatesNothingOnTheJavaHeap() {
    ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (Arena arena = Arena.ofConfined();
        LiftSplatPlan plan = LiftSplatPlan.build(SCENE.withMatrices())) {
      Tensors tensors = Tensors.of(arena, plan);
      LiftSplatInputs inputs = tensors.inputs(plan);
      long perCall = Long.MAX_VALUE;
      // The JIT compiler removes what does not escape; it gets some rounds to do so.
      for (int round = 0; round < 20 && perCall > 0; round++) {
        long before = bean.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < 2_000; i++) {
          LiftSplat.forward(inputs, tensors.out);
        }
        perCall = (bean.getCurrentThreadAllocatedBytes() - before) / 2_000;
      }
      assertThat(perCall).as("bytes a call").isZero();
    }
  }

  @Test
  void cudaIsRefusedWithAReasonWhereThereIsNone() {
    assumeFalse(Bevel.capabilities().cudaUsable(), "CUDA is usable here: nothing to refuse");
    assertThat(Bevel.capabilities().cudaReason()).isNotEmpty();
    assertThatThrownBy(Bevel::requireCuda)
        .isInstanceOfSatisfying(
            BevelException.class, e -> assertThat(e.status()).isEqualTo(Status.NO_CUDA));
    TensorView somewhere = TensorView.ofAddress(256, DType.INT32, Device.cuda(0), 1 << 20);
    TensorView workspace = TensorView.ofAddress(256, DType.UINT8, Device.cuda(0), 1 << 20);
    assertThatThrownBy(
            () ->
                LiftSplatPlan.buildOn(
                    somewhere, workspace, SCENE.withMatrices(), PoolingMethod.AUTO, 0, 0))
        .isInstanceOf(BevelException.class);
  }
}
