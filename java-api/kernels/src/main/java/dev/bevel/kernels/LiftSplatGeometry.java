package dev.bevel.kernels;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The lift of {@link LiftSplat}: which ray and which depth each point of the camera frustums has,
 * and the grid it falls in.
 *
 * <p>Sizes: B batch elements of N cameras, D depth bins, H × W feature pixels. Point (d, h, w) of a
 * camera stands at pixel u = w·(imageWidth − 1)/(W − 1), v = h·(imageHeight − 1)/(H − 1) of the
 * augmented image and depth z = depthStart + d·depthStep. The image augmentation is undone,
 * K⁻¹·(u', v', 1)·z is taken to the BEV frame by cameraToBev and then by bevAugmentation (Philion
 * and Fidler, "Lift, Splat, Shoot", ECCV 2020; Huang et al., BEVDet, arXiv 2112.11790). All of it
 * is computed in double precision with fixed rounding, the same bits on the CPU and on CUDA.
 *
 * <p>Frames: camera x right, y down, z forward, in metres; the BEV frame is whatever cameraToBev
 * maps to (LiDAR or ego).
 *
 * <p>A geometry is refused whose matrices hold NaN or infinity, or cannot be inverted (of
 * intrinsics all of it, of cameraToBev and bevAugmentation the first three rows and columns, of
 * imageAugmentation the first two), or whose last row, of those with four, is not 0 0 0 1; as is a
 * depth that does not grow from bin to bin. Matrices on CUDA are not looked at. NaN and infinity in
 * features and depths are data, and legal.
 *
 * <p>Immutable. Matrices given as arrays are copied as float64; all matrices of a geometry have one
 * dtype.
 */
public final class LiftSplatGeometry {
  /** What a plan has room for in a byte. */
  private static final long MAX_ROWS = 255;

  private final long batch;
  private final long cameras;
  private final long depthBins;
  private final double depthStart;
  private final double depthStep;
  private final long height;
  private final long width;
  private final double imageHeight;
  private final double imageWidth;
  private final BevGrid grid;
  private final @Nullable TensorView intrinsics;
  private final @Nullable TensorView cameraToBev;
  private final @Nullable TensorView imageAugmentation;
  private final @Nullable TensorView bevAugmentation;
  private final @Nullable TensorView cells;

  private LiftSplatGeometry(Builder builder) {
    batch = builder.batch;
    cameras = builder.cameras;
    depthBins = builder.depthBins;
    depthStart = builder.depthStart;
    depthStep = builder.depthStep;
    height = builder.height;
    width = builder.width;
    grid = required(builder.grid, "grid");
    required(depthBins == 0 ? null : grid, "depth");
    required(width == 0 ? null : grid, "featureSize");
    cells = builder.cells;
    // With cells the size of the image plays no part, but the C ABI wants one.
    boolean anySize = cells != null && builder.imageHeight == 0;
    imageHeight = anySize ? height : builder.imageHeight;
    imageWidth = anySize ? width : builder.imageWidth;
    if (cells != null) {
      builder.matrices.rejectAll();
      intrinsics = null;
      cameraToBev = null;
      imageAugmentation = null;
      bevAugmentation = null;
      return;
    }
    required(imageWidth == 0 ? null : grid, "imageSize");
    Matrices matrices = builder.matrices;
    intrinsics = required(matrices.intrinsics, "intrinsics (or cells)").view(batch, cameras, 3, 3);
    cameraToBev =
        required(matrices.cameraToBev, "cameraToBev (or cells)").view(batch, cameras, 4, 4);
    imageAugmentation =
        matrices.imageAugmentation == null
            ? null
            : matrices.imageAugmentation.view(batch, cameras, 4, 4);
    bevAugmentation =
        matrices.bevAugmentation == null ? null : matrices.bevAugmentation.view(batch, 4, 4);
    CameraCheck.require("intrinsics", intrinsics, 3, 3);
    CameraCheck.require("cameraToBev", cameraToBev, 4, 3);
    CameraCheck.require("imageAugmentation", imageAugmentation, 4, 2);
    CameraCheck.require("bevAugmentation", bevAugmentation, 4, 3);
  }

  /** Starts a geometry of one batch element. */
  public static Builder builder() {
    return new Builder();
  }

  /** Batch elements B. */
  public long batch() {
    return batch;
  }

  /** Cameras N of a batch element. */
  public long cameras() {
    return cameras;
  }

  /** Depth bins D. */
  public long depthBins() {
    return depthBins;
  }

  /** Depth of bin 0, in metres. */
  public double depthStart() {
    return depthStart;
  }

  /** Metres from bin to bin. */
  public double depthStep() {
    return depthStep;
  }

  /** Feature rows H. */
  public long height() {
    return height;
  }

  /** Feature columns W. */
  public long width() {
    return width;
  }

  /**
   * Height of the augmented image in pixels; where cells and no size were given, that of the
   * features.
   */
  public double imageHeight() {
    return imageHeight;
  }

  /**
   * Width of the augmented image in pixels; where cells and no size were given, that of the
   * features.
   */
  public double imageWidth() {
    return imageWidth;
  }

  /** The grid. */
  public BevGrid grid() {
    return grid;
  }

  /** Float32 or float64 [B, N, 3, 3], or null where cells were given. */
  public @Nullable TensorView intrinsics() {
    return intrinsics;
  }

  /** Float32 or float64 [B, N, 4, 4], or null where cells were given. */
  public @Nullable TensorView cameraToBev() {
    return cameraToBev;
  }

  /** Float32 or float64 [B, N, 4, 4], or null for the identity. */
  public @Nullable TensorView imageAugmentation() {
    return imageAugmentation;
  }

  /** Float32 or float64 [B, 4, 4], or null for the identity. */
  public @Nullable TensorView bevAugmentation() {
    return bevAugmentation;
  }

  /** Int32 [B, N, D, H, W], or null where matrices were given. */
  public @Nullable TensorView cells() {
    return cells;
  }

  /** Its sizes, the depth bins, the grid, and what it was made of. */
  @Override
  public String toString() {
    return Described.as(
        LiftSplatGeometry.class,
        "batch",
        batch,
        "cameras",
        cameras,
        "depth",
        depthBins + " from " + depthStart + " by " + depthStep,
        "features",
        height + " x " + width,
        "image",
        imageHeight + " x " + imageWidth,
        "grid",
        grid,
        "intrinsics",
        intrinsics,
        "cameraToBev",
        cameraToBev,
        "imageAugmentation",
        imageAugmentation,
        "bevAugmentation",
        bevAugmentation,
        "cells",
        cells);
  }

  private static <T> T required(@Nullable T value, String name) {
    if (value == null) {
      throw new BevelException(
          Status.INVALID_ARGUMENT, "LiftSplatGeometry: " + name + " must be given");
    }
    return value;
  }

  /**
   * A matrix as the caller gave it: a tensor, or the values of an array, copied and still without a
   * shape.
   */
  private record Matrix(String name, TensorView tensor, boolean flat) {
    static Matrix of(String name, TensorView tensor) {
      return new Matrix(name, Given.argument(tensor, LiftSplatGeometry.class, name), false);
    }

    /** The copy lives as long as the geometry: nobody closes one. */
    static Matrix of(String name, double[] values) {
      Given.argument(values, LiftSplatGeometry.class, name);
      return new Matrix(name, TensorView.copyOf(Arena.ofAuto(), values, values.length), true);
    }

    TensorView view(long... shape) {
      long count = 1;
      for (long size : shape) {
        count *= size;
      }
      if (flat ? tensor.elementCount() == count : Arrays.equals(tensor.shape(), shape)) {
        return flat ? tensor.reshape(shape) : tensor;
      }
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          "LiftSplatGeometry: "
              + name
              + " must be "
              + Arrays.toString(shape)
              + ", got "
              + (flat ? tensor.elementCount() + " values" : tensor));
    }
  }

  private static final class Matrices {
    private @Nullable Matrix intrinsics;
    private @Nullable Matrix cameraToBev;
    private @Nullable Matrix imageAugmentation;
    private @Nullable Matrix bevAugmentation;

    void rejectAll() {
      for (Matrix matrix :
          new @Nullable Matrix[] {intrinsics, cameraToBev, imageAugmentation, bevAugmentation}) {
        if (matrix != null) {
          throw new BevelException(
              Status.INVALID_ARGUMENT,
              "LiftSplatGeometry: either matrices or cells must be given, got cells and "
                  + matrix.name);
        }
      }
    }
  }

  /** Collects a geometry. */
  public static final class Builder {
    private long batch = 1;
    private long cameras = 1;
    private long depthBins;
    private double depthStart;
    private double depthStep;
    private long height;
    private long width;
    private double imageHeight;
    private double imageWidth;
    private @Nullable BevGrid grid;
    private @Nullable TensorView cells;
    private final Matrices matrices = new Matrices();

    private Builder() {}

    /**
     * Batch elements; 1 if not called.
     *
     * @param count B, 0 or more
     */
    public Builder batch(long count) {
      batch = atLeast("batch", count, 0);
      return this;
    }

    /**
     * Cameras of a batch element; 1 if not called.
     *
     * @param count N, 0 or more
     */
    public Builder cameras(long count) {
      cameras = atLeast("cameras", count, 0);
      return this;
    }

    /**
     * Depth bins. BEVDet: {@code depth(59, 1, 1)}; BEVDepth: {@code depth(112, 2, 0.5)}.
     *
     * @param bins D, 1 to 65535
     * @param start depth of bin 0, in metres, 0 or more
     * @param step metres from bin to bin, more than 0
     */
    public Builder depth(long bins, double start, double step) {
      depthBins = atLeast("depth bins", bins, 1);
      if (!(start >= 0 && step > 0 && Double.isFinite(start + bins * step))) {
        throw new BevelException(
            Status.INVALID_ARGUMENT,
            "LiftSplatGeometry: depth must start at 0 or more and grow by a finite step, got start "
                + start
                + " and step "
                + step);
      }
      depthStart = start;
      depthStep = step;
      return this;
    }

    /**
     * Size of the feature map that depth and context are predicted on.
     *
     * @param rows H, 1 to 255
     * @param columns W, 1 or more
     */
    public Builder featureSize(long rows, long columns) {
      if (rows < 1 || rows > MAX_ROWS || columns < 1) {
        throw new BevelException(
            Status.INVALID_ARGUMENT,
            String.format(
                Locale.ROOT,
                "LiftSplatGeometry: featureSize must have 1 to %d rows and 1 column or more, got %d x %d; it is that of the features, the image's is imageSize",
                MAX_ROWS,
                rows,
                columns));
      }
      height = rows;
      width = columns;
      return this;
    }

    /**
     * Size of the augmented image that the network sees, for example 256 × 704.
     *
     * @param rows pixels
     * @param columns pixels
     */
    public Builder imageSize(double rows, double columns) {
      if (!(rows > 0 && columns > 0)) {
        throw new BevelException(
            Status.INVALID_ARGUMENT,
            "LiftSplatGeometry: image size must be positive, got " + rows + " x " + columns);
      }
      imageHeight = rows;
      imageWidth = columns;
      return this;
    }

    /**
     * The grid.
     *
     * @param bevGrid in the BEV frame
     */
    public Builder grid(BevGrid bevGrid) {
      grid = Given.argument(bevGrid, LiftSplatGeometry.class, "bevGrid");
      return this;
    }

    /**
     * Camera matrices K in pixels of the raw image.
     *
     * @param values [B, N, 3, 3], row-major
     */
    public Builder intrinsics(double[] values) {
      matrices.intrinsics = Matrix.of("intrinsics", values);
      return this;
    }

    /**
     * Camera matrices K in pixels of the raw image.
     *
     * @param values float32 or float64 [B, N, 3, 3] on the plan's device
     */
    public Builder intrinsics(TensorView values) {
      matrices.intrinsics = Matrix.of("intrinsics", values);
      return this;
    }

    /**
     * Transforms from camera frames to the BEV frame, in metres.
     *
     * @param values [B, N, 4, 4], row-major: the shift in column 3, the last row 0 0 0 1
     */
    public Builder cameraToBev(double[] values) {
      matrices.cameraToBev = Matrix.of("cameraToBev", values);
      return this;
    }

    /**
     * Transforms from camera frames to the BEV frame, in metres.
     *
     * @param values float32 or float64 [B, N, 4, 4] on the plan's device
     */
    public Builder cameraToBev(TensorView values) {
      matrices.cameraToBev = Matrix.of("cameraToBev", values);
      return this;
    }

    /**
     * Resize, crop, flip and rotation from raw to augmented pixels; the identity if not called.
     *
     * @param values [B, N, 4, 4], row-major; rows 2 and 3 and column 2 those of the identity
     */
    public Builder imageAugmentation(double[] values) {
      matrices.imageAugmentation = Matrix.of("imageAugmentation", values);
      return this;
    }

    /**
     * Resize, crop, flip and rotation from raw to augmented pixels; the identity if not called.
     *
     * @param values float32 or float64 [B, N, 4, 4] on the plan's device; rows 2 and 3 and column 2
     *     those of the identity
     */
    public Builder imageAugmentation(TensorView values) {
      matrices.imageAugmentation = Matrix.of("imageAugmentation", values);
      return this;
    }

    /**
     * Rotation, scale and flip of the BEV frame, applied after cameraToBev; the identity if not
     * called.
     *
     * @param values [B, 4, 4], row-major
     */
    public Builder bevAugmentation(double[] values) {
      matrices.bevAugmentation = Matrix.of("bevAugmentation", values);
      return this;
    }

    /**
     * Rotation, scale and flip of the BEV frame, applied after cameraToBev; the identity if not
     * called.
     *
     * @param values float32 or float64 [B, 4, 4] on the plan's device
     */
    public Builder bevAugmentation(TensorView values) {
      matrices.bevAugmentation = Matrix.of("bevAugmentation", values);
      return this;
    }

    /**
     * The cell of every frustum point, in place of matrices.
     *
     * @param values int32 [B, N, D, H, W]: z·rows·columns + row·columns + column within the batch
     *     element, or negative for points outside the grid
     */
    public Builder cells(TensorView values) {
      cells = Given.argument(values, LiftSplatGeometry.class, "values");
      return this;
    }

    /** The geometry; fails where something is missing or does not match. */
    public LiftSplatGeometry build() {
      return new LiftSplatGeometry(this);
    }

    private static long atLeast(String name, long value, long least) {
      if (value < least) {
        throw new BevelException(
            Status.INVALID_ARGUMENT,
            "LiftSplatGeometry: " + name + " must be " + least + " or more, got " + value);
      }
      return value;
    }

    /** The sizes so far. */
    @Override
    public String toString() {
      return Described.as(
          Builder.class,
          "batch",
          batch,
          "cameras",
          cameras,
          "depth",
          depthBins + " from " + depthStart + " by " + depthStep,
          "features",
          height + " x " + width,
          "image",
          imageHeight + " x " + imageWidth,
          "grid",
          grid);
    }
  }
}
