package dev.bevel.bench.liftsplat;

import dev.bevel.bench.CameraRig;
import dev.bevel.kernels.BevGrid;
import dev.bevel.kernels.BevGrid.Axis;
import dev.bevel.kernels.LiftSplatGeometry;
import dev.bevel.kernels.RowAxis;
import dev.bevel.nuscenes.ImageAugmentation;
import java.util.List;

/**
 * Sizes of one lift-splat: N cameras with images of 704 × 256 pixels, D depth bins, H × W feature
 * pixels, C channels, and the grid.
 *
 * @param name lower case
 * @param depthBins D
 * @param depthStart metres
 * @param depthStep metres
 * @param height H
 * @param width W
 * @param channels C
 * @param resize of the raw image before the crop
 * @param grid of the map, in the ego frame
 */
public record LiftSplatShape(
    String name,
    int depthBins,
    double depthStart,
    double depthStep,
    int height,
    int width,
    int channels,
    double resize,
    BevGrid grid) {
  private static final int IMAGE_WIDTH = 704;
  private static final int IMAGE_HEIGHT = 256;

  private static final Axis AXIS_128 = Axis.range(-51.2, 51.2, 0.8);
  private static final Axis AXIS_360 = Axis.range(-54, 54, 0.3);

  /** BEVDet-R50 (Huang et al., arXiv 2112.11790). */
  public static final LiftSplatShape BEVDET =
      new LiftSplatShape(
          "bevdet", 59, 1, 1, 16, 44, 64, 0.44, BevGrid.of(AXIS_128, AXIS_128, new Axis(-5, 8, 1)));

  /** BEVDepth-R50 (Li et al., arXiv 2206.10092). */
  public static final LiftSplatShape BEVDEPTH =
      new LiftSplatShape(
          "bevdepth",
          112,
          2,
          0.5,
          16,
          44,
          80,
          0.44,
          BevGrid.of(AXIS_128, AXIS_128, new Axis(-5, 8, 1)));

  /** BEVFusion's camera branch (Liu et al., arXiv 2205.13542). */
  public static final LiftSplatShape BEVFUSION =
      new LiftSplatShape(
          "bevfusion",
          118,
          1,
          0.5,
          32,
          88,
          80,
          0.48,
          BevGrid.of(AXIS_360, AXIS_360, new Axis(-10, 20, 1)).withRowAxis(RowAxis.X));

  /** The published configurations. */
  public static final List<LiftSplatShape> PUBLISHED = List.of(BEVDET, BEVDEPTH, BEVFUSION);

  /**
   * The published configuration of this name.
   *
   * @throws IllegalArgumentException if there is none
   */
  public static LiftSplatShape published(String name) {
    return PUBLISHED.stream()
        .filter(shape -> shape.name.equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no lift-splat shape '" + name + "'"));
  }

  /** The lift with these cameras, without augmentation in training. */
  LiftSplatGeometry geometry(CameraRig rig) {
    int cropX = Math.max(0, (int) (CameraRig.RAW_WIDTH * resize) - IMAGE_WIDTH) / 2;
    int cropY = (int) (CameraRig.RAW_HEIGHT * resize) - IMAGE_HEIGHT;
    ImageAugmentation image =
        new ImageAugmentation(resize, cropX, cropY, IMAGE_WIDTH, IMAGE_HEIGHT, false, 0);
    return LiftSplatGeometry.builder()
        .cameras(rig.cameras().size())
        .depth(depthBins, depthStart, depthStep)
        .featureSize(height, width)
        .imageSize(IMAGE_HEIGHT, IMAGE_WIDTH)
        .grid(grid)
        .intrinsics(rig.intrinsics())
        .cameraToBev(rig.cameraToEgo())
        .imageAugmentation(rig.forAll(image.matrix()))
        .build();
  }

  /** Frustum points of one camera. */
  int pointsPerCamera() {
    return depthBins * height * width;
  }

  /** Cells of the map. */
  int cells() {
    return grid.x().cells() * grid.y().cells() * grid.z().cells();
  }
}
