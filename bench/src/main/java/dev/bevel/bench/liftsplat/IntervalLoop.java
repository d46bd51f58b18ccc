package dev.bevel.bench.liftsplat;

import dev.bevel.bench.PeerLibrary;
import dev.bevel.bench.PeerLibrary.LoopOrder;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Lift-splat as one CPU thread's plain loops over bev_pool_v2's intervals, from ranks made
 * beforehand.
 */
public final class IntervalLoop implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final LiftSplatProblem problem;
  private final MemorySegment byCell;
  private final MemorySegment byFeature;

  /**
   * @param problem whose inputs and results it shares; must outlive this
   */
  public IntervalLoop(LiftSplatProblem problem) {
    this.problem = problem;
    byCell = IntervalRanks.byCell(problem.shape(), problem.cells()).toNative(arena);
    byFeature = IntervalRanks.byFeature(problem.shape(), problem.cells()).toNative(arena);
  }

  /** Writes the problem's channels-last map. */
  public void forward(LoopOrder order) {
    PeerLibrary.intervalForward(
        order,
        byCell,
        problem.probabilities().segment(),
        problem.context().last().segment(),
        problem.shape().cells(),
        problem.shape().channels(),
        problem.out().last().segment());
  }

  /** Writes the problem's gradients of probabilities and channels-last context. */
  public void backward(LoopOrder order) {
    LiftSplatShape shape = problem.shape();
    PeerLibrary.intervalBackward(
        order,
        byFeature,
        problem.gradOut().last().segment(),
        problem.probabilities().segment(),
        problem.context().last().segment(),
        problem.cells().length,
        (long) problem.cameras() * shape.height() * shape.width(),
        shape.channels(),
        problem.gradDepth().segment(),
        problem.gradContext().last().segment());
  }

  @Override
  public void close() {
    arena.close();
  }
}
