package dev.bevel.bench.liftsplat;

import dev.bevel.bench.PermanentPointers;
import dev.bevel.bench.VerificationException;
import dev.bevel.kernels.BevGrid;
import dev.bevel.kernels.DType;
import dev.bevel.kernels.LiftSplat;
import dev.bevel.kernels.LiftSplatPlanInfo;
import dev.bevel.kernels.RowAxis;
import dev.bevel.kernels.TensorView;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.nn.Tensors;
import java.lang.foreign.Arena;
import java.util.Locale;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The index arrays of bev_pool_v2 made with LibTorch as its authors do (Huang and Huang, arXiv
 * 2211.17111): cells by truncation, a mask of the kept points, argsort of their cells, the arrays
 * in that order, and the intervals from where neighbours differ.
 *
 * <p>Starts from the frustum's coordinates in fp32, already in the BEV frame, while Bevel's plan
 * starts from the camera matrices: the peer's own projection is left out in its favour.
 */
@SuppressWarnings("try") // scopes are there to be closed
public final class LibTorchPreparation implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  private final PermanentPointers tensors = new PermanentPointers();
  private final BevGrid grid;
  private final Tensor coordinates;
  private final Tensor lower;
  private final Tensor cellSize;
  private final Tensor cellCounts;
  private final Tensor strides;
  private final Tensor featureRows;

  /** bev_pool_v2's arrays, int32. */
  private record Prepared(
      Tensor depth, Tensor feature, Tensor bev, Tensor starts, Tensor lengths) {}

  /**
   * @param problem whose geometry it prepares
   */
  public LibTorchPreparation(LiftSplatProblem problem) {
    LiftSplatShape shape = problem.shape();
    grid = shape.grid();
    int points = problem.cells().length;
    long[] depthShape = problem.plan().depthShape();
    TensorView view =
        TensorView.allocate(
            arena,
            DType.FLOAT32,
            depthShape[0],
            depthShape[1],
            depthShape[2],
            depthShape[3],
            depthShape[4],
            3);
    LiftSplat.points(problem.geometry(), view);
    coordinates = tensors.over(view, points, 3);
    lower = floats(grid.x().lower(), grid.y().lower(), grid.z().lower());
    cellSize = floats(grid.x().cellSize(), grid.y().cellSize(), grid.z().cellSize());
    cellCounts = tensors.indices(new long[] {grid.x().cells(), grid.y().cells(), grid.z().cells()});
    long plane = (long) grid.rows() * grid.columns();
    strides =
        tensors.indices(
            grid.rowAxis() == RowAxis.Y
                ? new long[] {1, grid.columns(), plane}
                : new long[] {grid.columns(), 1, plane});
    long[] rows = new long[points];
    for (int point = 0; point < points; point++) {
      rows[point] = IntervalRanks.featureRow(shape, point);
    }
    featureRows = tensors.indices(rows);
  }

  /** Prepares once and drops the result. */
  public void prepare() {
    try (TensorScope scope = TensorScope.open()) {
      prepared();
    }
  }

  /**
   * Checks that the arrays are grouped by cell and cover the points. The coordinates are fp32, so
   * points on the border of two cells may differ from the plan's: one in a thousand at most.
   *
   * @throws VerificationException if not
   */
  void verify(LiftSplatPlanInfo plan) {
    try (TensorScope scope = TensorScope.open()) {
      Prepared prepared = prepared();
      float[] bev = Tensors.toFloats(prepared.bev);
      float[] starts = Tensors.toFloats(prepared.starts);
      float[] lengths = Tensors.toFloats(prepared.lengths);
      if (Math.abs(bev.length - plan.points()) > 1e-3 * plan.points()
          || prepared.depth.numel() != bev.length
          || prepared.feature.numel() != bev.length) {
        throw new VerificationException(
            String.format(
                Locale.ROOT,
                "libtorch_argsort: about %d points must be kept, got %d",
                plan.points(),
                bev.length));
      }
      long at = 0;
      for (int i = 0; i < starts.length; i++) {
        boolean grouped = starts[i] == at && lengths[i] >= 1;
        for (int k = 1; grouped && k < lengths[i]; k++) {
          grouped = bev[(int) at + k] == bev[(int) at];
        }
        if (!grouped || (i > 0 && bev[(int) at] <= bev[(int) at - 1])) {
          throw new VerificationException(
              String.format(
                  Locale.ROOT,
                  "libtorch_argsort: interval %d must hold one cell's points from %d on, got start %s, length %s",
                  i,
                  at,
                  starts[i],
                  lengths[i]));
        }
        at += (long) lengths[i];
      }
      if (at != bev.length) {
        throw new VerificationException(
            String.format(
                Locale.ROOT,
                "libtorch_argsort: intervals must cover %d points, got %d",
                bev.length,
                at));
      }
    }
  }

  private Prepared prepared() {
    Tensor index = coordinates.sub(lower).div(cellSize).to(ScalarType.Long);
    Tensor inside = index.ge(new Scalar(0)).logical_and(index.lt(cellCounts)).all(1);
    Tensor depth = inside.nonzero().view(-1);
    Tensor bev = index.index_select(0, depth).mul(strides).sum(1);
    Tensor feature = featureRows.index_select(0, depth);
    Tensor order = bev.argsort();
    bev = bev.index_select(0, order);
    depth = depth.index_select(0, order);
    feature = feature.index_select(0, order);
    Tensor boundaries = bev.diff().nonzero().view(-1).add(new Scalar(1));
    Tensor first = torch.zeros_like(boundaries.narrow(0, 0, 1));
    Tensor starts = torch.cat(new TensorVector(first, boundaries), 0);
    Tensor end = torch.full_like(first, new Scalar(bev.numel()));
    Tensor lengths = torch.cat(new TensorVector(starts, end), 0).diff();
    return new Prepared(
        depth.to(ScalarType.Int),
        feature.to(ScalarType.Int),
        bev.to(ScalarType.Int),
        starts.to(ScalarType.Int),
        lengths.to(ScalarType.Int));
  }

  private Tensor floats(double... values) {
    float[] copy = new float[values.length];
    for (int i = 0; i < copy.length; i++) {
      copy[i] = (float) values[i];
    }
    return tensors.own(() -> Tensor.create(copy));
  }

  @Override
  public void close() {
    tensors.close();
    arena.close();
  }
}
