package dev.bevel.bench.deformattn;

import dev.bevel.kernels.MapCombination;
import dev.bevel.kernels.ReferenceKind;
import dev.bevel.kernels.ValueLevels;

/**
 * The sizes of one call of deformable attention, in the field's form ({@link
 * dev.bevel.kernels.Msda}) or the fused one ({@link dev.bevel.kernels.DeformAttn}).
 *
 * @param batch B
 * @param maps N; 1 in the field's form
 * @param queries Q
 * @param heads M
 * @param dim D, channels of a head
 * @param levels the L levels of a value map
 * @param points P
 * @param references R; 0: the field's form
 * @param referenceSize 2 for points, 4 for boxes
 * @param kind which reference a sample starts from
 * @param combination what becomes of the maps
 * @param shared whether all maps have the same offsets and logits
 */
public record DeformAttnShape(
    int batch,
    int maps,
    int queries,
    int heads,
    int dim,
    ValueLevels levels,
    int points,
    int references,
    int referenceSize,
    ReferenceKind kind,
    MapCombination combination,
    boolean shared) {
  /** The field's form. */
  public static DeformAttnShape msda(
      int batch, int queries, int heads, int dim, ValueLevels levels, int points) {
    return new DeformAttnShape(
        batch,
        1,
        queries,
        heads,
        dim,
        levels,
        points,
        0,
        2,
        ReferenceKind.OF_LEVEL,
        MapCombination.MEAN,
        true);
  }

  /** The fused form with reference points of levels, the mean over the maps. */
  public DeformAttnShape fused(int mapCount, boolean sharedSampling) {
    return new DeformAttnShape(
        batch,
        mapCount,
        queries,
        heads,
        dim,
        levels,
        points,
        levels.count(),
        2,
        ReferenceKind.OF_LEVEL,
        MapCombination.MEAN,
        sharedSampling);
  }

  /** This shape with R anchors, point p starting from anchor p mod R. */
  public DeformAttnShape withAnchors(int anchors) {
    return new DeformAttnShape(
        batch,
        maps,
        queries,
        heads,
        dim,
        levels,
        points,
        anchors,
        referenceSize,
        ReferenceKind.OF_POINT,
        combination,
        shared);
  }

  /** This shape with boxes for references. */
  public DeformAttnShape withBoxes() {
    return new DeformAttnShape(
        batch, maps, queries, heads, dim, levels, points, references, 4, kind, combination, shared);
  }

  /** This shape with an output for each map. */
  public DeformAttnShape separate() {
    return new DeformAttnShape(
        batch,
        maps,
        queries,
        heads,
        dim,
        levels,
        points,
        references,
        referenceSize,
        kind,
        MapCombination.SEPARATE,
        shared);
  }

  /** Whether it is the fused form. */
  public boolean isFused() {
    return references > 0;
  }

  /** Whether the result is a mean over the maps. */
  public boolean isMean() {
    return combination == MapCombination.MEAN;
  }

  /** Rows of a value map. */
  public int rows() {
    return Math.toIntExact(levels.rows());
  }

  /** Samples of a head. */
  public int samples() {
    return levels.count() * points;
  }

  /** Maps that offsets and logits are given for. */
  public int samplingMaps() {
    return shared ? 1 : maps;
  }

  /** Shape of value. */
  public long[] valueShape() {
    return isFused()
        ? new long[] {batch, maps, rows(), heads, dim}
        : new long[] {batch, rows(), heads, dim};
  }

  /** Shape of the references; of the fused form only. */
  public long[] referenceShape() {
    return new long[] {batch, maps, queries, references, referenceSize};
  }

  /** Shape of offsets, in the field's form locations. */
  public long[] offsetShape() {
    return isFused()
        ? new long[] {batch, samplingMaps(), queries, heads, levels.count(), points, 2}
        : new long[] {batch, queries, heads, levels.count(), points, 2};
  }

  /** Shape of logits, in the field's form weights. */
  public long[] logitShape() {
    return isFused()
        ? new long[] {batch, samplingMaps(), queries, heads, levels.count(), points}
        : new long[] {batch, queries, heads, levels.count(), points};
  }

  /** Shape of the result. */
  public long[] outShape() {
    return isMean()
        ? new long[] {batch, queries, (long) heads * dim}
        : new long[] {batch, maps, queries, (long) heads * dim};
  }

  /** Elements of a shape. */
  public static int count(long... shape) {
    long count = 1;
    for (long size : shape) {
      count *= size;
    }
    return Math.toIntExact(count);
  }
}
