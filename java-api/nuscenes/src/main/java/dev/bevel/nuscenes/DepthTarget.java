package dev.bevel.nuscenes;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Depth supervision of a lift-splat detector from one LiDAR sweep: for each camera and feature cell
 * the bin of the nearest point seen there.
 */
public final class DepthTarget {
  /** Marks a cell without supervision. */
  public static final int NONE = -1;

  private final int cameras;
  private final int height;
  private final int width;
  private final int[] bins;
  private final float[] depth;

  private DepthTarget(int cameras, int height, int width, int[] bins, float[] depth) {
    this.cameras = cameras;
    this.height = height;
    this.width = width;
    this.bins = bins;
    this.depth = depth;
  }

  /** Whose rules decide which points count and where. */
  public enum Rule {
    /**
     * BEVDepth (Megvii): points with z &gt; 0 strictly inside a 1-pixel margin of the raw image;
     * augmented pixels truncated toward zero; of points on one pixel the last in file order stays;
     * a cell takes the minimum of its pixels, and only then the bins' range is applied.
     */
    BEVDEPTH,
    /**
     * BEVDet dev2 and dev3: points with start ≤ z &lt; end; augmented pixels rounded (half to
     * even); a cell takes the minimum of its pixels.
     */
    BEVDET_DEV2,
    /**
     * BEVDepth inside BEVDet v1: points with start ≤ z &lt; end; the <em>cell</em> is the augmented
     * pixel divided by the stride and rounded (half to even), so cells are centred on multiples of
     * the stride; nearest point wins.
     */
    BEVDET_V1
  }

  /**
   * Projects a sweep into all cameras, each at its own time, and bins it.
   *
   * @param sample calibrations and poses
   * @param points in the LIDAR_TOP frame of the sample
   * @param augmentations one a camera, all with the same result size, a multiple of {@code stride}
   * @param stride pixels of a feature cell, e.g. 16
   * @throws NuScenesException if the arguments do not fit each other
   */
  public static DepthTarget of(
      DetectionSample sample,
      LidarPoints points,
      List<ImageAugmentation> augmentations,
      DepthBins bins,
      int stride,
      Rule rule) {
    ImagePipeline.checkAugmentations(sample.cameras(), augmentations);
    int imageWidth = augmentations.getFirst().width();
    int imageHeight = augmentations.getFirst().height();
    if (stride <= 0 || imageWidth % stride != 0 || imageHeight % stride != 0) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "depth target needs a stride that divides the image of %d×%d, got %d",
              imageWidth,
              imageHeight,
              stride));
    }
    int cells = imageWidth / stride * (imageHeight / stride);
    float[] depth = new float[augmentations.size() * cells];
    float[] pixels = new float[imageWidth * imageHeight];
    for (int i = 0; i < augmentations.size(); i++) {
      CameraSample camera = sample.cameras().get(i);
      Projection projection = new Projection(camera, sample.lidarToGlobal(), augmentations.get(i));
      if (rule == Rule.BEVDET_V1) {
        nearestPerCell(projection, points, bins, stride, depth, i * cells);
      } else {
        Arrays.fill(pixels, 0);
        if (rule == Rule.BEVDEPTH) {
          lastPerPixel(projection, points, pixels);
        } else {
          nearestPerPixel(projection, points, bins, pixels);
        }
        blockMinimum(pixels, imageWidth, stride, depth, i * cells, cells);
      }
    }
    return new DepthTarget(
        augmentations.size(),
        imageHeight / stride,
        imageWidth / stride,
        binIndices(depth, bins, rule),
        depth);
  }

  /** Number of cameras N. */
  public int cameras() {
    return cameras;
  }

  /** Feature rows fH. */
  public int height() {
    return height;
  }

  /** Feature columns fW. */
  public int width() {
    return width;
  }

  /**
   * The depth bin of each cell, {@code [N, fH, fW]}: 0..D−1, or {@link #NONE} where no point
   * supervises the cell. Not a copy.
   */
  public int[] bins() {
    return bins;
  }

  /**
   * The smallest depth of the points that fall into each cell, {@code [N, fH, fW]}, metres along
   * the camera's z; 0 where there is none. With {@link Rule#BEVDEPTH} it may lie outside the bins,
   * and the cell's bin is then {@link #NONE}. Not a copy.
   */
  public float[] depth() {
    return depth;
  }

  /** Number of cells with supervision. */
  public int supervisedCells() {
    int n = 0;
    for (int bin : bins) {
      n += bin == NONE ? 0 : 1;
    }
    return n;
  }

  private static void lastPerPixel(Projection p, LidarPoints points, float[] pixels) {
    for (int i = 0; i < points.count(); i++) {
      if (p.project(points, i) && p.insideRawMargin(1)) {
        int u = (int) p.u;
        int v = (int) p.v;
        // A cast takes −0.9 to 0, which upstream keeps.
        if (p.u > -1 && u < p.width && p.v > -1 && v < p.height) {
          pixels[v * p.width + u] = (float) p.z;
        }
      }
    }
  }

  private static void nearestPerPixel(
      Projection p, LidarPoints points, DepthBins bins, float[] pixels) {
    for (int i = 0; i < points.count(); i++) {
      if (p.project(points, i) && p.z >= bins.start() && p.z < bins.end()) {
        keepNearest(Math.rint(p.u), Math.rint(p.v), p.width, p.height, p.z, pixels, 0);
      }
    }
  }

  private static void nearestPerCell(
      Projection p, LidarPoints points, DepthBins bins, int stride, float[] depth, int offset) {
    for (int i = 0; i < points.count(); i++) {
      if (p.project(points, i) && p.z >= bins.start() && p.z < bins.end()) {
        double column = Math.rint(p.u / stride);
        double row = Math.rint(p.v / stride);
        keepNearest(column, row, p.width / stride, p.height / stride, p.z, depth, offset);
      }
    }
  }

  private static void keepNearest(
      double column, double row, int width, int height, double z, float[] map, int offset) {
    if (column >= 0 && column < width && row >= 0 && row < height) {
      int x = (int) column;
      int y = (int) row;
      int at = offset + y * width + x;
      if (map[at] == 0 || z < map[at]) {
        map[at] = (float) z;
      }
    }
  }

  private static void blockMinimum(
      float[] pixels, int imageWidth, int stride, float[] depth, int offset, int cells) {
    int width = imageWidth / stride;
    for (int cell = 0; cell < cells; cell++) {
      float nearest = Float.POSITIVE_INFINITY;
      int first = cell / width * stride * imageWidth + cell % width * stride;
      for (int y = 0; y < stride; y++) {
        for (int x = 0; x < stride; x++) {
          float z = pixels[first + y * imageWidth + x];
          nearest = z > 0 && z < nearest ? z : nearest;
        }
      }
      depth[offset + cell] = nearest == Float.POSITIVE_INFINITY ? 0 : nearest;
    }
  }

  private static int[] binIndices(float[] depth, DepthBins bins, Rule rule) {
    int[] indices = new int[depth.length];
    for (int i = 0; i < depth.length; i++) {
      indices[i] = depth[i] == 0 ? NONE : binIndex(depth[i], bins, rule);
    }
    return indices;
  }

  private static int binIndex(double depth, DepthBins bins, Rule rule) {
    if (rule == Rule.BEVDET_V1) {
      return Math.clamp(
          (int) Math.floor((depth - bins.start()) / bins.step()), 0, bins.count() - 1);
    }
    // Upstream counts from 1 and gives 0 the meaning "none".
    double index = (depth - (bins.start() - bins.step())) / bins.step();
    if (!(index >= 1 && index < bins.count() + 1)) {
      return NONE;
    }
    int oneBased = (int) index;
    return oneBased - 1;
  }

  /** LiDAR point → depth, raw pixel and augmented pixel of one camera. */
  private static final class Projection {
    final int width;
    final int height;
    private final CameraProjection raw;
    private final double[] augmentation;
    double u;
    double v;
    double z;

    Projection(CameraSample camera, Pose lidarToGlobal, ImageAugmentation augmentation) {
      this.width = augmentation.width();
      this.height = augmentation.height();
      this.augmentation = augmentation.matrix();
      this.raw = new CameraProjection(camera, lidarToGlobal);
    }

    /** False for points that are not in front of the camera. */
    boolean project(LidarPoints points, int i) {
      if (!raw.project(points.x(i), points.y(i), points.z(i))) {
        return false;
      }
      z = raw.depth();
      u = augmentation[0] * raw.u() + augmentation[1] * raw.v() + augmentation[3];
      v = augmentation[4] * raw.u() + augmentation[5] * raw.v() + augmentation[7];
      return true;
    }

    boolean insideRawMargin(double margin) {
      return raw.isInside(margin);
    }
  }
}
