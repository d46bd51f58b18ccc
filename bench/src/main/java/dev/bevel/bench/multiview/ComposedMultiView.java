package dev.bevel.bench.multiview;

import dev.bevel.kernels.PointRange;
import dev.bevel.torch.nn.Tensors;
import java.util.List;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * Feature sampling in several cameras composed of LibTorch's operators, step by step as DETR3D does
 * it: every point projected into every camera, a {@code grid_sample} of all of them for each level,
 * the samples stacked, cleared of NaN, multiplied with weights and mask, and summed. Works in the
 * dtype of features from there on.
 */
public final class ComposedMultiView {
  private static final int BILINEAR = 0;
  private static final int ZEROS_PADDING = 0;
  private static final double LEAST_DEPTH = 1e-5;

  private ComposedMultiView() {}

  /**
   * The result [B, Q, C].
   *
   * @param shape sizes
   * @param features a level each, [B, N, C, H, W]
   * @param lidarToImage [B, N, 4, 4]; not read with locations
   * @param places points [B, Q, P, 3] or locations [B, Q, P, N, 2]
   * @param weights [B, Q, N, P, L, G]
   */
  public static Tensor sample(
      MultiViewShape shape,
      List<Tensor> features,
      Tensor lidarToImage,
      Tensor places,
      Tensor weights) {
    long batch = shape.batch();
    long cameras = shape.cameras();
    long queries = shape.queries();
    long points = shape.points();
    long groups = shape.groups();
    Tensor inImage; // [B, N, Q, P, 2], −1 to 1
    Tensor mask; // [B, N, Q, P, 1]
    if (shape.located()) {
      inImage = centred(places.permute(0, 3, 1, 2, 4));
      mask = inside(inImage);
    } else {
      Tensor image = project(shape, lidarToImage, places);
      Tensor depth = image.narrow(-1, 2, 1);
      Tensor least = torch.ones_like(depth).mul(new Scalar(LEAST_DEPTH));
      Tensor size =
          Tensors.of(new double[] {shape.imageWidth(), shape.imageHeight()}, 2)
              .to(places.scalar_type());
      inImage = centred(image.narrow(-1, 0, 2).div(torch.maximum(depth, least)).div(size));
      mask = depth.gt(new Scalar(LEAST_DEPTH)).logical_and(inside(inImage));
    }
    TensorVector sampled = new TensorVector();
    for (Tensor map : features) {
      Tensor grid = inImage.reshape(batch * cameras, queries, points, 2).to(map.scalar_type());
      Tensor samples =
          torch.grid_sampler_2d(map.flatten(0, 1), grid, BILINEAR, ZEROS_PADDING, false);
      sampled.push_back(
          samples
              .view(batch, cameras, shape.channels(), queries, points)
              .permute(0, 2, 3, 1, 4)); // [B, C, Q, N, P]
    }
    Tensor all =
        torch.nan_to_num(
            torch.stack(sampled, -1),
            new DoubleOptional(),
            new DoubleOptional(),
            new DoubleOptional());
    Tensor seen = mask.permute(0, 2, 1, 3, 4).unsqueeze(1); // [B, 1, Q, N, P, 1]
    Tensor factors = weights.permute(0, 5, 1, 2, 3, 4).mul(seen).to(all.scalar_type());
    long levels = shape.levels().size();
    if (groups == 1) {
      return sum(all.mul(factors)).permute(0, 2, 1).contiguous();
    }
    Tensor grouped =
        all.view(batch, groups, shape.channels() / groups, queries, cameras, points, levels);
    return sum(grouped.mul(factors.unsqueeze(2)))
        .view(batch, shape.channels(), queries)
        .permute(0, 2, 1)
        .contiguous();
  }

  /** Over the last three dimensions, one after the other as upstream does. */
  private static Tensor sum(Tensor samples) {
    return samples.sum(-1).sum(-1).sum(-1);
  }

  /** [B, N, Q, P, 4]: x · depth, y · depth, depth, 1. */
  private static Tensor project(MultiViewShape shape, Tensor lidarToImage, Tensor points) {
    Tensor metres = points;
    PointRange range = shape.range();
    if (range != null) {
      double[] bounds = range.bounds();
      double[] extent = new double[3];
      double[] lower = new double[3];
      for (int k = 0; k < 3; k++) {
        lower[k] = bounds[k];
        extent[k] = bounds[k + 3] - bounds[k];
      }
      metres =
          points
              .mul(Tensors.of(extent, 3).to(points.scalar_type()))
              .add(Tensors.of(lower, 3).to(points.scalar_type()));
    }
    Tensor ones = torch.ones_like(metres.narrow(-1, 0, 1));
    Tensor homogeneous =
        torch
            .cat(new TensorVector(metres, ones), -1)
            .view(shape.batch(), 1, (long) shape.queries() * shape.points(), 4, 1);
    return torch
        .matmul(lidarToImage.unsqueeze(2), homogeneous)
        .view(shape.batch(), shape.cameras(), shape.queries(), shape.points(), 4);
  }

  private static Tensor centred(Tensor zeroToOne) {
    return zeroToOne.sub(new Scalar(0.5)).mul(new Scalar(2.0));
  }

  private static Tensor inside(Tensor inImage) {
    Tensor strictly = inImage.gt(new Scalar(-1.0)).logical_and(inImage.lt(new Scalar(1.0)));
    return strictly.all(-1, true);
  }
}
