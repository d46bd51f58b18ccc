package dev.bevel.kernels;

import dev.bevel.kernels.internal.PointSamplingParams;
import dev.bevel.kernels.internal.Scratch;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What {@link PointSampling} reads: the pillars of a grid or given points, and the images of a rig.
 *
 * <p>Immutable.
 */
public final class PointSamplingInputs {
  private final @Nullable PillarGrid grid;
  private final @Nullable TensorView points;
  private final Images images;
  private final boolean visibleOfFirstElement;

  /**
   * The images of a rig.
   *
   * @param lidarToImage float32 or float64 [B, N, 4, 4]: from metres in the frame of the points to
   *     pixels of the image times depth (intrinsics times extrinsics)
   * @param height pixels of the image that lidarToImage leads to, 1 or more; of the padded one, in
   *     BEVFormer's networks
   * @param width as height
   */
  public record Images(TensorView lidarToImage, int height, int width) {
    /** Checks for null, and the size. */
    public Images {
      Given.argument(lidarToImage, Images.class, "lidarToImage");
      if (height < 1 || width < 1) {
        throw new BevelException(
            Status.INVALID_ARGUMENT,
            String.format(
                Locale.ROOT,
                "PointSamplingInputs: images must have a height and a width of at least 1, got %d × %d",
                height,
                width));
      }
    }
  }

  private PointSamplingInputs(
      @Nullable PillarGrid grid,
      @Nullable TensorView points,
      Images images,
      boolean visibleOfFirstElement) {
    this.grid = grid;
    this.points = points;
    this.images = Given.argument(images, PointSamplingInputs.class, "images");
    this.visibleOfFirstElement = visibleOfFirstElement;
  }

  /**
   * The pillars of a grid.
   *
   * @param grid the pillars; Q = rows · columns, Z = anchors
   * @param images where they are projected to
   */
  public static PointSamplingInputs of(PillarGrid grid, Images images) {
    return new PointSamplingInputs(
        Given.argument(grid, PointSamplingInputs.class, "grid"), null, images, false);
  }

  /**
   * Given points.
   *
   * @param points float32 or float64 [B or 1, Q, Z, 3] (x, y, z), metres; 1: the same for every
   *     batch element; Z is at most 256
   * @param images where they are projected to
   */
  public static PointSamplingInputs of(TensorView points, Images images) {
    return new PointSamplingInputs(
        null, Given.argument(points, PointSamplingInputs.class, "points"), images, false);
  }

  /**
   * These inputs with what is visible to batch element 0 for all of them, as upstream gathers;
   * masks stay each element's own. It matters where a batch mixes calibrations. Off if not called.
   *
   * @param on whether it is so
   */
  public PointSamplingInputs withVisibleOfFirstElement(boolean on) {
    return new PointSamplingInputs(grid, points, images, on);
  }

  Device device() {
    return images.lidarToImage.device();
  }

  /** [B, N, Q, Z, 2]. */
  long[] referenceShape() {
    TensorView matrices = images.lidarToImage;
    OperatorFrame.requireRank("point_sampling", "lidarToImage", matrices, 4, "[B, N, 4, 4]");
    if (grid != null) {
      return new long[] {matrices.size(0), matrices.size(1), grid.queries(), grid.anchors(), 2};
    }
    TensorView given = Given.argument(points, PointSamplingInputs.class, "points");
    OperatorFrame.requireRank("point_sampling", "points", given, 4, "[B or 1, Q, Z, 3]");
    return new long[] {matrices.size(0), matrices.size(1), given.size(1), given.size(2), 2};
  }

  void write(Scratch call) {
    PointSamplingParams fields = PointSamplingParams.STRUCT;
    fields.lidarToImage.set(call, images.lidarToImage);
    fields.points.set(call, points);
    if (grid != null) {
      fields.grid.rows.set(call, grid.rows());
      fields.grid.columns.set(call, grid.columns());
      fields.grid.anchors.set(call, grid.anchors());
      grid.range().write(call, fields.grid.range);
    }
    fields.imageHeight.set(call, images.height);
    fields.imageWidth.set(call, images.width);
    fields.visibleOfFirstElement.set(call, visibleOfFirstElement ? 1 : 0);
  }

  /** Its parts, those that are given, by name. */
  @Override
  public String toString() {
    return Described.as(
        PointSamplingInputs.class,
        "grid",
        grid,
        "points",
        points,
        "images",
        images,
        "visibleOfFirstElement",
        visibleOfFirstElement);
  }
}
