package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.bevel.testing.Memory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Plans, workspaces and views that are closed, also while threads use them. */
@Timeout(120)
class ClosingTest {
  private static final int CALLERS = 4;
  private static final LiftSplatScene SCENE =
      new LiftSplatScene(
          7, new int[] {1, 2, 6, 4, 8, 5}, LiftSplatScene.grid(1, CellRounding.TRUNC, RowAxis.Y));

  @Test
  void aPlanClosesUnderBusyCallers() throws Exception {
    for (int round = 0; round < 40; round++) {
      LiftSplatPlan plan = LiftSplatPlan.build(SCENE.withMatrices());
      MemorySegment memory = plan.memory().segment();
      boolean own = round % 2 == 0;
      closeUnderCallers(
          () -> {
            try (Arena arena = Arena.ofConfined();
                Workspace workspace = Workspace.cpu()) {
              Call call = call(arena, plan);
              return loop(() -> call.run(own ? CallSettings.DEFAULT : with(workspace)));
            }
          },
          plan::close,
          "plan is closed");
      assertThat(memory.scope().isAlive()).as("the memory is freed").isFalse();
      assertThatThrownBy(plan::info)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("LiftSplatPlan: the plan is closed");
    }
  }

  @Test
  void aWorkspaceClosesUnderBusyCallers() throws Exception {
    for (int round = 0; round < 40; round++) {
      Workspace workspace = Workspace.cpu();
      closeUnderCallers(
          () -> {
            try (Arena arena = Arena.ofConfined();
                LiftSplatPlan plan = LiftSplatPlan.build(SCENE.withMatrices())) {
              Call call = call(arena, plan);
              return loop(() -> call.run(with(workspace)));
            }
          },
          workspace::close,
          "lift_splat_forward: the workspace is closed");
      assertThat(workspace.byteSize()).isZero();
    }
  }

  /** Memory with an owner of its own ends like that of an arena: with an exception, after use. */
  @Test
  void aViewsOwnerClosesUnderBusyCallers() throws Exception {
    for (int round = 0; round < 40; round++) {
      Arena arena = Arena.ofShared();
      SharedResource owner = new SharedResource("the test's memory", arena::close);
      LiftSplatPlan plan = LiftSplatPlan.build(SCENE.withMatrices());
      try (plan) {
        TensorView depth =
            TensorView.allocate(arena, DType.FLOAT32, plan.depthShape()).ownedBy(owner);
        closeUnderCallers(
            () -> {
              try (Arena own = Arena.ofConfined();
                  Workspace workspace = Workspace.cpu()) {
                Call call =
                    new Call(new LiftSplatInputs(plan, depth, context(own, plan)), out(own, plan));
                return loop(() -> call.run(with(workspace)));
              }
            },
            owner::close,
            "lift_splat_forward: depth is closed: the test's memory is closed");
        assertThat(arena.scope().isAlive()).as("the memory is there").isFalse();
      }
    }
  }

  /** A segment that somebody passes to a call of his own delays the end, and not close(). */
  @Test
  void memoryInAForeignCallIsFreedAfterIt() throws Exception {
    LiftSplatPlan plan = LiftSplatPlan.build(SCENE.withMatrices());
    MemorySegment memory = plan.memory().segment();
    try (Arena confined = Arena.ofConfined()) {
      assertThat(confined.scope().isAlive()).isTrue();
      CountDownLatch inside = new CountDownLatch(1);
      CountDownLatch leave = new CountDownLatch(1);
      Thread foreign = new Thread(() -> ForeignCall.during(memory, inside, leave));
      foreign.start();
      inside.await();
      plan.close();
      assertThat(memory.scope().isAlive()).isTrue();
      leave.countDown();
      foreign.join();
      while (memory.scope().isAlive()) {
        Thread.sleep(1);
      }
    }
  }

  @Test
  void closedPlansAndWorkspacesLeaveNothingBehind() {
    churn(500);
    long grown = Memory.growth(() -> churn(1_000));
    assertThat(grown).isLessThan(4L << 20);
  }

  private static void churn(int rounds) {
    for (int i = 0; i < rounds; i++) {
      try (Arena arena = Arena.ofConfined()) {
        LiftSplatPlan plan = LiftSplatPlan.build(SCENE.withMatrices());
        Workspace workspace = Workspace.cpu();
        Call call = call(arena, plan);
        call.run(with(workspace));
        workspace.close();
        workspace.close();
        assertThat(catchThrowable(() -> call.run(with(workspace))))
            .isInstanceOf(IllegalStateException.class);
        plan.close();
        plan.close();
      }
    }
  }

  @Test
  void aPlanIsReadOnlyToJava() {
    try (LiftSplatPlan plan = LiftSplatPlan.build(SCENE.withMatrices())) {
      float[] before = SCENE.run(plan);
      TensorView memory = plan.memory();
      assertThat(memory.segment().isReadOnly()).isTrue();
      assertThat(memory.reshape(memory.elementCount()).segment().isReadOnly()).isTrue();
      assertThatThrownBy(() -> memory.segment().set(ValueLayout.JAVA_INT, 256, 7))
          .isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> memory.segment().asByteBuffer().putInt(256, 7))
          .isInstanceOf(java.nio.ReadOnlyBufferException.class);
      assertThatThrownBy(() -> LiftSplat.cells(SCENE.withMatrices(), memory))
          .isInstanceOf(BevelException.class)
          .hasMessageContaining("read-only");
      assertThat(SCENE.run(plan)).isEqualTo(before);
      try (Arena arena = Arena.ofConfined()) {
        LiftSplatPlan.Size size =
            LiftSplatPlan.size(SCENE.withMatrices(), PoolingMethod.AUTO, 0, Device.CPU.type());
        TensorView own = TensorView.allocate(arena, DType.INT32, size.planElements());
        TensorView scratch = TensorView.allocate(arena, DType.UINT8, size.workspaceBytes());
        try (LiftSplatPlan inCallersMemory =
            LiftSplatPlan.buildOn(own, scratch, SCENE.withMatrices(), PoolingMethod.AUTO, 0, 0)) {
          assertThat(inCallersMemory.memory().segment().isReadOnly()).isTrue();
        }
        assertThat(own.segment().isReadOnly()).as("the caller's own view").isFalse();
      }
    }
  }

  private interface Caller {
    /** Calls until it is refused, and returns with what. */
    Throwable run() throws Exception;
  }

  private static final ThreadLocal<CountDownLatch> STARTED = new ThreadLocal<>();

  private static void closeUnderCallers(Caller caller, Runnable close, String message)
      throws Exception {
    CountDownLatch started = new CountDownLatch(CALLERS);
    try (ExecutorService threads = Executors.newFixedThreadPool(CALLERS)) {
      List<Future<Throwable>> refusals = new ArrayList<>();
      for (int i = 0; i < CALLERS; i++) {
        refusals.add(
            threads.submit(
                () -> {
                  STARTED.set(started);
                  return caller.run();
                }));
      }
      started.await();
      close.run();
      close.run();
      for (Future<Throwable> refusal : refusals) {
        assertThat(refusal.get())
            .isInstanceOf(IllegalStateException.class)
            .hasMessageContaining(message);
      }
    }
  }

  /** The first call that fails ends the loop; the first that does not says that it has begun. */
  private static Throwable loop(Runnable call) {
    CountDownLatch started = STARTED.get();
    boolean first = true;
    for (; ; ) {
      Throwable refusal = catchThrowable(call::run);
      if (refusal != null) {
        return refusal;
      }
      if (first) {
        started.countDown();
        first = false;
      }
    }
  }

  private record Call(LiftSplatInputs inputs, TensorView out) {
    void run(CallSettings settings) {
      LiftSplat.forward(inputs, out, settings);
    }
  }

  private static CallSettings with(Workspace workspace) {
    return CallSettings.DEFAULT.withWorkspace(workspace);
  }

  private static Call call(Arena arena, LiftSplatPlan plan) {
    TensorView depth = TensorView.allocate(arena, DType.FLOAT32, plan.depthShape());
    return new Call(new LiftSplatInputs(plan, depth, context(arena, plan)), out(arena, plan));
  }

  private static TensorView context(Arena arena, LiftSplatPlan plan) {
    return TensorView.allocate(
        arena, DType.FLOAT32, plan.contextShape(SCENE.channels, Layout.CHANNELS_FIRST));
  }

  private static TensorView out(Arena arena, LiftSplatPlan plan) {
    return TensorView.allocate(
        arena, DType.FLOAT32, plan.outShape(SCENE.channels, Layout.CHANNELS_FIRST));
  }
}
