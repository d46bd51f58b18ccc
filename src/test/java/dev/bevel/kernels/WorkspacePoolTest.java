package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The workspaces of calls that bring none. */
class WorkspacePoolTest {
  @BeforeEach
  void forget() {
    Bevel.freeWorkspaces();
  }

  private static void use(Workspace workspace, long bytes) {
    workspace.acquire("test", bytes);
    workspace.release();
    WorkspacePool.giveBack(workspace);
  }

  @Test
  void aThreadAloneUsesTheSameMemoryAgain() {
    Workspace first = WorkspacePool.take();
    use(first, 5000);
    for (int i = 0; i < 1000; i++) {
      Workspace again = WorkspacePool.take();
      assertThat(again).isSameAs(first);
      use(again, 5000);
    }
    assertThat(WorkspacePool.idleBytes()).isEqualTo(first.byteSize());
    Bevel.freeWorkspaces();
    assertThat(WorkspacePool.idleBytes()).isZero();
    assertThat(first.byteSize()).isZero();
  }

  /** Calls that meet have one each, and more than the pool keeps are freed. */
  @Test
  void callsAtOneTimeNeverShareAndOnlySoManyAreKept() {
    int calls = WorkspacePool.SLOTS + 5;
    List<Workspace> taken = new ArrayList<>();
    for (int i = 0; i < calls; i++) {
      taken.add(WorkspacePool.take());
    }
    assertThat(new HashSet<>(taken)).hasSize(calls);
    taken.forEach(each -> use(each, 1000));
    assertThat(taken.stream().filter(each -> each.byteSize() > 0).count())
        .isEqualTo(WorkspacePool.SLOTS);
    Set<Workspace> kept = new HashSet<>();
    for (int i = 0; i < WorkspacePool.SLOTS; i++) {
      kept.add(WorkspacePool.take());
    }
    assertThat(taken).containsAll(kept);
    kept.forEach(WorkspacePool::giveBack);
  }

  /** Two calls of one plan, each in the middle of its own, do not wait for each other. */
  @Test
  void callersOfOnePlanDoNotQueue() throws Exception {
    CyclicBarrier bothInside = new CyclicBarrier(2);
    LiftSplatScene scene =
        new LiftSplatScene(
            7, new int[] {1, 2, 6, 4, 8, 3}, LiftSplatScene.grid(1, CellRounding.TRUNC, RowAxis.Y));
    try (LiftSplatPlan plan = LiftSplatPlan.build(scene.withMatrices());
        ExecutorService threads = Executors.newFixedThreadPool(2)) {
      List<Future<?>> calls = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        calls.add(threads.submit(() -> meetInside(plan, bothInside)));
      }
      for (Future<?> call : calls) {
        call.get(60, TimeUnit.SECONDS);
      }
    }
  }

  /** The owner of out is asked when the arguments are laid out, and let go after the call. */
  private static Object meetInside(LiftSplatPlan plan, CyclicBarrier both) {
    MemoryOwner meeting =
        new MemoryOwner() {
          @Override
          public boolean acquire() {
            meet(both);
            return true;
          }

          @Override
          public void release() {
            meet(both);
          }

          @Override
          public String whyClosed() {
            return "";
          }
        };
    try (Arena arena = Arena.ofConfined()) {
      TensorView depth = TensorView.allocate(arena, DType.FLOAT32, plan.depthShape());
      TensorView context =
          TensorView.allocate(arena, DType.FLOAT32, plan.contextShape(3, Layout.CHANNELS_FIRST));
      LiftSplatInputs inputs = new LiftSplatInputs(plan, depth, context);
      LiftSplat.forward(inputs, LiftSplat.allocateOut(inputs).ownedBy(meeting));
      return inputs;
    }
  }

  private static void meet(CyclicBarrier both) {
    try {
      both.await(30, TimeUnit.SECONDS);
    } catch (Exception e) {
      throw new AssertionError("one call waited for the other", e);
    }
  }

  @Test
  void memoryThatIsMuchTooLargeForLongIsGivenUp() {
    Workspace large = WorkspacePool.take();
    use(large, 64L << 20);
    int calls = 0;
    while (large.byteSize() > 0) {
      assertThat(++calls).as("small calls").isLessThan(1000);
      use(WorkspacePool.take(), 4096);
    }
    assertThat(calls).isGreaterThan(50);
    assertThat(WorkspacePool.idleBytes()).isLessThan(1L << 20);
    // What calls go on to need is kept, and so is what is small anyway.
    Workspace kept = WorkspacePool.take();
    use(kept, 64L << 20);
    for (int i = 0; i < 1000; i++) {
      use(WorkspacePool.take(), i % 32 == 0 ? 16L << 20 : 64);
    }
    assertThat(WorkspacePool.take()).isSameAs(kept);
    use(kept, 64);
  }
}
