package dev.bevel.bench.deformattn;

import dev.bevel.kernels.PillarGrid;
import dev.bevel.kernels.PointRange;
import dev.bevel.kernels.ValueLevels;
import java.util.List;

/**
 * The sizes of spatial cross-attention: pillars of four anchors that look into six cameras, each
 * anchor with two of a head's eight points.
 *
 * @param name e.g. {@code sca-base}
 * @param grid the pillars
 * @param scale size of the images, as a share of the raw ones
 * @param imageHeight pixels of the padded image
 * @param imageWidth pixels of the padded image
 * @param levels of a camera's features
 * @param heads of the attention
 * @param dim channels of a head
 */
public record SpatialAttentionShape(
    String name,
    PillarGrid grid,
    double scale,
    int imageHeight,
    int imageWidth,
    ValueLevels levels,
    int heads,
    int dim) {
  private static final int CAMERAS = 6;
  private static final int ANCHORS = 4;
  private static final int POINTS = 8;
  private static final PointRange RANGE = new PointRange(-51.2, -51.2, -5, 51.2, 51.2, 3);

  /** BEVFormer's three published networks (Li et al., ECCV 2022). */
  public static final List<SpatialAttentionShape> PUBLISHED =
      List.of(
          of("sca-base", 200, 1, 928, 1600, ValueLevels.of(116, 200, 58, 100, 29, 50, 15, 25)),
          of("sca-small", 150, 0.8, 736, 1280, ValueLevels.of(23, 40)),
          of("sca-tiny", 50, 0.5, 480, 800, ValueLevels.of(15, 25)));

  private static SpatialAttentionShape of(
      String name, int cells, double scale, int height, int width, ValueLevels levels) {
    PillarGrid grid = new PillarGrid(cells, cells, ANCHORS, RANGE);
    return new SpatialAttentionShape(name, grid, scale, height, width, levels, 8, 32);
  }

  /** The published shape of this name. */
  public static SpatialAttentionShape published(String name) {
    return PUBLISHED.stream()
        .filter(shape -> shape.name.equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no published shape " + name));
  }

  /** This shape with fewer, or more, channels. */
  public SpatialAttentionShape withChannels(int otherHeads, int otherDim) {
    return new SpatialAttentionShape(
        name, grid, scale, imageHeight, imageWidth, levels, otherHeads, otherDim);
  }

  /** This shape on another grid of as many anchors. */
  public SpatialAttentionShape withGrid(int rows, int columns) {
    PillarGrid other = new PillarGrid(rows, columns, grid.anchors(), grid.range());
    return new SpatialAttentionShape(
        name, other, scale, imageHeight, imageWidth, levels, heads, dim);
  }

  /** The attention that it is, for one batch element. */
  public DeformAttnShape attention() {
    int queries = Math.toIntExact(grid.queries());
    return DeformAttnShape.msda(1, queries, heads, dim, levels, POINTS)
        .fused(CAMERAS, true)
        .withAnchors(grid.anchors());
  }
}
