package dev.bevel.bench.deformattn;

import dev.bevel.kernels.PillarGrid;
import dev.bevel.kernels.PointRange;
import dev.bevel.kernels.ReferenceKind;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * BEVFormer's spatial cross-attention composed of LibTorch's operators, in the project's own steps
 * (Li et al., ECCV 2022): for each camera the queries that it sees are gathered and padded to the
 * longest camera's number, {@link ComposedDeformAttn} samples each camera for them, the results are
 * added to their queries' places and divided by the number of cameras. Gathered are offsets and
 * logits; upstream gathers the queries that these come from, and makes them anew for every camera.
 */
public final class ComposedSpatialAttention {
  private ComposedSpatialAttention() {}

  /**
   * Attends.
   *
   * @param shape of the fused form, with one set of offsets and logits for all cameras
   * @param value [B, N, S, M, D]
   * @param reference [B, N, Q, Z, 2]
   * @param offsets [B, 1, Q, M, L, P, 2]
   * @param logits [B, 1, Q, M, L, P]
   * @param visible [B, N, Q]
   * @return [B, Q, M·D]
   */
  public static Tensor attend(
      DeformAttnShape shape,
      Tensor value,
      Tensor reference,
      Tensor offsets,
      Tensor logits,
      Tensor visible) {
    TensorVector elements = new TensorVector();
    for (long b = 0; b < shape.batch(); b++) {
      elements.push_back(
          attendElement(
              shape,
              value.select(0, b),
              reference.select(0, b),
              offsets.select(0, b).select(0, 0),
              logits.select(0, b).select(0, 0),
              visible.select(0, b).ne(new Scalar(0))));
    }
    return torch.stack(elements, 0);
  }

  private static Tensor attendElement(
      DeformAttnShape shape,
      Tensor value,
      Tensor reference,
      Tensor offsets,
      Tensor logits,
      Tensor visible) {
    Tensor[] queries = new Tensor[shape.maps()];
    for (int n = 0; n < queries.length; n++) {
      queries[n] = visible.select(0, n).nonzero().view(-1);
    }
    Tensor[] references = new Tensor[queries.length];
    Tensor[] cameraOffsets = new Tensor[queries.length];
    Tensor[] cameraLogits = new Tensor[queries.length];
    for (int n = 0; n < queries.length; n++) {
      references[n] = reference.select(0, n);
      cameraOffsets[n] = offsets;
      cameraLogits[n] = logits;
    }
    Tensor locations =
        ComposedDeformAttn.locations(
            shape.levels(),
            gathered(references, queries).unsqueeze(0),
            gathered(cameraOffsets, queries).unsqueeze(0),
            ReferenceKind.OF_POINT);
    Tensor padded = gathered(cameraLogits, queries);
    Tensor weights =
        padded.flatten(-2, -1).softmax(-1, new ScalarTypeOptional()).view(padded.shape());
    Tensor sampled = ComposedDeformAttn.msda(value, shape.levels(), locations.squeeze(0), weights);
    Tensor slots = sampled.new_zeros(shape.queries(), (long) shape.heads() * shape.dim());
    for (int n = 0; n < queries.length; n++) {
      Tensor rows = sampled.select(0, n).narrow(0, 0, queries[n].numel());
      slots = slots.index_add_(0, queries[n], rows);
    }
    Tensor count =
        visible
            .sum(new long[] {0}, false, new ScalarTypeOptional())
            .clamp_min(new Scalar(1))
            .to(slots.scalar_type());
    return slots.div(count.unsqueeze(-1));
  }

  /** What each camera's queries have of its tensor, [N, most queries, ..], padded with zeros. */
  private static Tensor gathered(Tensor[] tensors, Tensor[] queries) {
    long most = 1;
    for (Tensor each : queries) {
      most = Math.max(most, each.numel());
    }
    long[] tail = tensors[0].shape();
    long[] shape = new long[tail.length + 1];
    System.arraycopy(tail, 1, shape, 2, tail.length - 1);
    shape[0] = queries.length;
    shape[1] = most;
    Tensor padded = tensors[0].new_zeros(shape);
    for (int n = 0; n < queries.length; n++) {
      padded
          .select(0, n)
          .narrow(0, 0, queries[n].numel())
          .copy_(tensors[n].index_select(0, queries[n]));
    }
    return padded;
  }

  /** What {@link #project} gives. */
  public record Points(Tensor reference, Tensor mask) {}

  /**
   * The project's point_sampling: the matrices repeated for every point, a batched product, the
   * division, the comparisons.
   *
   * @param grid the pillars
   * @param lidarToImage [B, N, 4, 4]; its dtype is that of the result
   * @param height pixels of the image
   * @param width pixels of the image
   * @return (u, v) [B, N, Q, Z, 2] and whether the point is seen [B, N, Q, Z]
   */
  public static Points project(PillarGrid grid, Tensor lidarToImage, int height, int width) {
    PointRange range = grid.range();
    long batch = lidarToImage.size(0);
    long cameras = lidarToImage.size(1);
    long queries = grid.queries();
    long[] cells = {grid.anchors(), grid.rows(), grid.columns()};
    double z = range.upperZ() - range.lowerZ();
    double step = grid.anchors() > 1 ? (z - 1) / (grid.anchors() - 1) : 0;
    Tensor xs = along(lidarToImage, grid.columns(), 1, 0.5, grid.columns(), 2, cells);
    Tensor ys = along(lidarToImage, grid.rows(), 1, 0.5, grid.rows(), 1, cells);
    Tensor zs = along(lidarToImage, grid.anchors(), step, 0.5, z, 0, cells);
    Tensor points =
        torch
            .stack(
                new TensorVector(
                    inMetres(xs, range.lowerX(), range.upperX()),
                    inMetres(ys, range.lowerY(), range.upperY()),
                    inMetres(zs, range.lowerZ(), range.upperZ()),
                    torch.ones_like(xs)),
                -1)
            .view(grid.anchors(), 1, 1, queries, 4)
            .repeat(1, batch, cameras, 1, 1)
            .unsqueeze(-1);
    Tensor matrices =
        lidarToImage.view(1, batch, cameras, 1, 4, 4).repeat(grid.anchors(), 1, 1, queries, 1, 1);
    Tensor image = matrices.matmul(points).squeeze(-1);
    Tensor depth = image.narrow(-1, 2, 1);
    Tensor floor = torch.ones_like(depth).mul(new Scalar(1e-5));
    Tensor places = image.narrow(-1, 0, 2).div(torch.maximum(depth, floor));
    Tensor u = places.select(-1, 0).div(new Scalar((double) width));
    Tensor v = places.select(-1, 1).div(new Scalar((double) height));
    Tensor seen =
        depth.squeeze(-1).gt(new Scalar(1e-5)).logical_and(inside(u)).logical_and(inside(v));
    return new Points(
        torch.stack(new TensorVector(u, v), -1).permute(1, 2, 3, 0, 4).contiguous(),
        seen.permute(1, 2, 3, 0).contiguous());
  }

  /** (first + step · i) / extent along one dimension of a grid, the same along the others. */
  private static Tensor along(
      Tensor like, long count, double step, double first, double extent, int axis, long[] grid) {
    long[] shape = {1, 1, 1};
    shape[axis] = count;
    Tensor index =
        like.new_ones(count).cumsum(0).sub(new Scalar(1.0)).mul(new Scalar(step)).view(shape);
    return index.add(new Scalar(first)).div(new Scalar(extent)).expand(grid);
  }

  private static Tensor inMetres(Tensor normalized, double lower, double upper) {
    return normalized.mul(new Scalar(upper - lower)).add(new Scalar(lower));
  }

  private static Tensor inside(Tensor coordinate) {
    return coordinate.gt(new Scalar(0.0)).logical_and(coordinate.lt(new Scalar(1.0)));
  }
}
