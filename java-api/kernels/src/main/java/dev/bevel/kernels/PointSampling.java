package dev.bevel.kernels;

import dev.bevel.kernels.internal.Layouts;
import dev.bevel.kernels.internal.NativeFunction;
import dev.bevel.kernels.internal.PointSamplingLayouts;
import dev.bevel.kernels.internal.Scratch;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Where the pillars of a BEV grid lie in the images of a rig: the reference points and camera masks
 * of BEVFormer's spatial cross-attention (Li et al., ECCV 2022, section 3.3; point_sampling of the
 * project's encoder). What it gives is the reference and the visible of the fused deformable
 * attention whose points share the anchors of a pillar.
 *
 * <p>Sizes: B batch elements of N cameras, Q queries of Z points. Point (x, y, z) is, with (a, b,
 * depth, ·) = lidarToImage · (x, y, z, 1), at u = a / (max(depth, 1e-5) · width) and v = b /
 * (max(depth, 1e-5) · height), and the camera sees it iff depth > 1e-5, 0 < u < 1 and 0 < v < 1,
 * all strictly; so a point with a coordinate that is no number is not seen. Worked out in double
 * and rounded once; the CPU and CUDA give the same bits.
 *
 * <p>There is no gradient: calibration and grid are data, and upstream computes the points without
 * one. On the CPU a call has finished when it returns; on CUDA it is enqueued on the stream.
 * Failures are {@link BevelException} and leave outputs as they were.
 */
public final class PointSampling extends OperatorCall<PointSampling> {
  private static final long LIDAR_TO_IMAGE = offset("lidar_to_image");
  private static final long POINTS = offset("points");
  private static final long GRID = offset("grid");
  private static final long ROWS = GRID + gridOffset("rows");
  private static final long COLUMNS = GRID + gridOffset("columns");
  private static final long ANCHORS = GRID + gridOffset("anchors");
  private static final long RANGE = GRID + gridOffset("range");
  private static final long IMAGE_HEIGHT = offset("image_height");
  private static final long IMAGE_WIDTH = offset("image_width");
  private static final long OF_FIRST_ELEMENT = offset("visible_of_first_element");
  private static final long REFERENCE = offset("reference");
  private static final long MASK = offset("mask");
  private static final long VISIBLE = offset("visible");
  private static final long MEAN_FACTOR = offset("mean_factor");

  private final @Nullable PillarGrid grid;
  private final @Nullable TensorView points;
  private final TensorView lidarToImage;
  private final int imageHeight;
  private final int imageWidth;
  private final TensorView reference;
  private final TensorView visible;
  private @Nullable TensorView mask;
  private @Nullable TensorView meanFactor;
  private boolean ofFirstElement;

  private PointSampling(
      @Nullable PillarGrid grid,
      @Nullable TensorView points,
      Images images,
      TensorView reference,
      TensorView visible) {
    super("point_sampling");
    this.grid = grid;
    this.points = points;
    this.lidarToImage = Given.argument(images, PointSampling.class, "images").lidarToImage;
    this.imageHeight = images.height;
    this.imageWidth = images.width;
    this.reference = Given.argument(reference, PointSampling.class, "reference");
    this.visible = Given.argument(visible, PointSampling.class, "visible");
  }

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
      Given.argument(lidarToImage, PointSampling.class, "lidarToImage");
      if (height < 1 || width < 1) {
        throw new BevelException(
            Status.INVALID_ARGUMENT,
            String.format(
                Locale.ROOT,
                "PointSampling: images must have a height and a width of at least 1, got %d × %d",
                height,
                width));
      }
    }
  }

  /**
   * The pillars of a grid.
   *
   * @param grid the pillars; Q = rows · columns, Z = anchors
   * @param images where they are projected to
   * @param reference written wholly: (u, v), float32 [B, N, Q, Z, 2], or float64 on the CPU
   * @param visible written wholly: uint8 [B, N, Q], 1 where the camera sees a point of the pillar
   */
  public static PointSampling of(
      PillarGrid grid, Images images, TensorView reference, TensorView visible) {
    return new PointSampling(
        Given.argument(grid, PointSampling.class, "grid"), null, images, reference, visible);
  }

  /**
   * Given points.
   *
   * @param points float32 or float64 [B or 1, Q, Z, 3] (x, y, z), metres; 1: the same for every
   *     batch element; Z is at most 256
   * @param images where they are projected to
   * @param reference as for a grid
   * @param visible as for a grid
   */
  public static PointSampling of(
      TensorView points, Images images, TensorView reference, TensorView visible) {
    return new PointSampling(
        null, Given.argument(points, PointSampling.class, "points"), images, reference, visible);
  }

  /**
   * Asks for each point's own visibility.
   *
   * @param seen uint8 [B, N, Q, Z], written wholly
   */
  public PointSampling mask(TensorView seen) {
    mask = Given.argument(seen, PointSampling.class, "seen");
    return this;
  }

  /**
   * Makes visible that of batch element 0 for all of them, as upstream gathers; masks stay each
   * element's own. It matters where a batch mixes calibrations. Off if not called.
   *
   * @param on whether it is so
   */
  public PointSampling visibleOfFirstElement(boolean on) {
    ofFirstElement = on;
    return this;
  }

  /**
   * Asks for what upstream's attention is, with {@link #visibleOfFirstElement}, times the mean over
   * visible: it adds up the cameras that are visible by element 0 and divides by the number of
   * those that see the pillar by the element's own mask, at least 1.
   *
   * @param factor in the dtype of reference, [B, Q], written wholly
   */
  public PointSampling meanFactor(TensorView factor) {
    meanFactor = Given.argument(factor, PointSampling.class, "factor");
    return this;
  }

  /** Projects. */
  public void run() {
    run(this, Native.FUNCTION);
  }

  @Override
  long write(Scratch scratch, @Nullable TensorView workspace) {
    long params = params(scratch, PointSamplingLayouts.PARAMS);
    scratch.setInput(params + LIDAR_TO_IMAGE, "lidar_to_image", lidarToImage);
    scratch.setInput(params + POINTS, "points", points);
    if (grid != null) {
      writeGrid(scratch, params, grid);
    }
    scratch.setInt(params + IMAGE_HEIGHT, imageHeight);
    scratch.setInt(params + IMAGE_WIDTH, imageWidth);
    scratch.setInt(params + OF_FIRST_ELEMENT, ofFirstElement ? 1 : 0);
    scratch.setOutput(params + REFERENCE, "reference", reference);
    scratch.setOutput(params + MASK, "mask", mask);
    scratch.setOutput(params + VISIBLE, "visible", visible);
    scratch.setOutput(params + MEAN_FACTOR, "mean_factor", meanFactor);
    return scratch.address(params);
  }

  private static void writeGrid(Scratch scratch, long params, PillarGrid grid) {
    scratch.setInt(params + ROWS, grid.rows());
    scratch.setInt(params + COLUMNS, grid.columns());
    scratch.setInt(params + ANCHORS, grid.anchors());
    double[] range = grid.range().bounds();
    for (int i = 0; i < range.length; i++) {
      scratch.setDouble(params + RANGE + 8L * i, range[i]);
    }
  }

  private static long offset(String field) {
    return Layouts.offset(PointSamplingLayouts.PARAMS, field);
  }

  private static long gridOffset(String field) {
    return Layouts.offset(PointSamplingLayouts.GRID, field);
  }

  /** Initialised when the library is loaded. */
  private static final class Native {
    static final NativeFunction FUNCTION = NativeFunction.of("bevel_point_sampling", 6);
  }
}
