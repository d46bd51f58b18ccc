package dev.bevel.bench.deformattn;

import dev.bevel.bench.CameraRig;
import dev.bevel.kernels.PillarGrid;
import dev.bevel.kernels.PointRange;

/**
 * Where a grid's pillars lie in the images of a rig, in double and in plain loops: point_sampling
 * of BEVFormer's encoder (Li et al., ECCV 2022).
 */
public final class PillarProjection {
  private final SpatialAttentionShape shape;
  private final double[] lidarToImage;
  private final double[] reference;
  private final byte[] visible;

  /**
   * Projects.
   *
   * @param shape the pillars and the images
   * @param rig the cameras
   */
  public PillarProjection(SpatialAttentionShape shape, CameraRig rig) {
    this.shape = shape;
    lidarToImage = rig.lidarToImage(shape.scale());
    int cameras = rig.cameras().size();
    int queries = Math.toIntExact(shape.grid().queries());
    int anchors = shape.grid().anchors();
    reference = new double[cameras * queries * anchors * 2];
    visible = new byte[cameras * queries];
    for (int view = 0; view < visible.length; view++) {
      for (int k = 0; k < anchors; k++) {
        if (project(view / queries, view % queries, k, (view * anchors + k) * 2)) {
          visible[view] = 1;
        }
      }
    }
  }

  private boolean project(int camera, int query, int anchor, int at) {
    double[] point = point(query, anchor);
    double[] image = new double[3];
    for (int r = 0; r < 3; r++) {
      int row = 16 * camera + 4 * r;
      image[r] = lidarToImage[row + 3];
      for (int c = 0; c < 3; c++) {
        image[r] += lidarToImage[row + c] * point[c];
      }
    }
    double depth = Math.max(image[2], 1e-5);
    double u = image[0] / depth / shape.imageWidth();
    double v = image[1] / depth / shape.imageHeight();
    reference[at] = u;
    reference[at + 1] = v;
    return image[2] > 1e-5 && u > 0 && u < 1 && v > 0 && v < 1;
  }

  private double[] point(int query, int anchor) {
    PillarGrid grid = shape.grid();
    PointRange range = grid.range();
    double column = query % grid.columns();
    double row = query / grid.columns();
    double height = range.upperZ() - range.lowerZ();
    return new double[] {
      range.lowerX() + (column + 0.5) / grid.columns() * (range.upperX() - range.lowerX()),
      range.lowerY() + (row + 0.5) / grid.rows() * (range.upperY() - range.lowerY()),
      range.lowerZ() + 0.5 + anchor * (height - 1) / Math.max(1, grid.anchors() - 1)
    };
  }

  /** Row-major [N, 4, 4]. */
  public double[] lidarToImage() {
    return lidarToImage.clone();
  }

  /** (u, v) of each point, [N, Q, Z, 2]. */
  public double[] reference() {
    return reference.clone();
  }

  /** 1 where a camera sees a point of the pillar, [N, Q]. */
  public byte[] visible() {
    return visible.clone();
  }

  /** Pairs of a camera and a pillar that it sees. */
  public int seen() {
    int count = 0;
    for (byte each : visible) {
      count += each;
    }
    return count;
  }
}
