package dev.bevel.torch.model;

import dev.bevel.kernels.BevGrid;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * The points that a camera's features are lifted to, and the grid they fall in.
 *
 * <p>Point (d, h, w) stands at pixel u = w·(imageWidth − 1)/(width − 1), v = h·(imageHeight −
 * 1)/(height − 1) of the augmented image, at depth depthStart + d·depthStep metres (Philion and
 * Fidler, ECCV 2020; the lower edges of the bins).
 *
 * @param depthBins D
 * @param depthStart metres
 * @param depthStep metres
 * @param height H, feature rows
 * @param width W, feature columns
 * @param imageHeight pixels
 * @param imageWidth pixels
 * @param grid the BEV grid
 */
public record FrustumSpec(
    int depthBins,
    double depthStart,
    double depthStep,
    int height,
    int width,
    int imageHeight,
    int imageWidth,
    BevGrid grid) {

  /** The frustum of a configuration. */
  public static FrustumSpec of(DetectorConfig config) {
    DetectorConfig.Lift lift = config.lift();
    DetectorConfig.Image image = config.image();
    DetectorConfig.Grid grid = config.grid();
    return new FrustumSpec(
        lift.bins(),
        lift.start(),
        lift.step(),
        image.height() / image.stride(),
        image.width() / image.stride(),
        image.height(),
        image.width(),
        BevGrid.of(axis(grid.x()), axis(grid.y()), axis(grid.z())));
  }

  private static BevGrid.Axis axis(java.util.List<Double> range) {
    return BevGrid.Axis.range(range.get(0), range.get(1), range.get(2));
  }

  /** The points (u, v, depth) in float32 as upstream computes and stores them, [D, H, W, 3]. */
  Tensor points() {
    long[] shape = {depthBins, height, width};
    Tensor u = linspace(imageWidth - 1, width).view(1, 1, width).expand(shape);
    Tensor v = linspace(imageHeight - 1, height).view(1, height, 1).expand(shape);
    Tensor steps = torch.arange(new Scalar(depthBins)).to(torch.ScalarType.Double);
    Tensor depth =
        steps.mul(new Scalar(depthStep)).add(new Scalar(depthStart)).to(torch.ScalarType.Float);
    return torch.stack(new TensorVector(u, v, depth.view(depthBins, 1, 1).expand(shape)), -1);
  }

  private static Tensor linspace(double last, long count) {
    return torch.linspace(new Scalar(0.0), new Scalar(last), count);
  }
}
