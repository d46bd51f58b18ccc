package dev.bevel.bench.deformconv;

import dev.bevel.kernels.DeformConvSettings;
import java.util.List;

/**
 * Sizes of a deformable convolution.
 *
 * @param name of the case
 * @param batch B
 * @param channels C
 * @param outputs O
 * @param height H
 * @param width W
 * @param kernelHeight kh
 * @param kernelWidth kw
 * @param settings stride, padding, dilation, groups
 * @param masked modulated, version 2; else version 1
 */
public record DeformConvShape(
    String name,
    int batch,
    int channels,
    int outputs,
    int height,
    int width,
    int kernelHeight,
    int kernelWidth,
    DeformConvSettings settings,
    boolean masked) {
  private static final DeformConvSettings THREE_BY_THREE = DeformConvSettings.of(1, 1, 1);

  /**
   * The depth network of BEVDepth for six cameras (version 1 as upstream, and modulated), and a
   * block of stage 3 of BEVFormer's and DETR3D's ResNet-101 for one camera of 928 × 1600 pixels.
   */
  public static final List<DeformConvShape> PUBLISHED =
      List.of(
          same("bevdepth", 6, 512, 16, 44, THREE_BY_THREE.withGroups(4, 1), false),
          same("bevdepth-modulated", 6, 512, 16, 44, THREE_BY_THREE.withGroups(4, 1), true),
          same("r101-stage3", 1, 256, 58, 100, THREE_BY_THREE, true));

  private static DeformConvShape same(
      String name,
      int batch,
      int channels,
      int height,
      int width,
      DeformConvSettings settings,
      boolean masked) {
    return new DeformConvShape(
        name, batch, channels, channels, height, width, 3, 3, settings, masked);
  }

  /** K. */
  public int taps() {
    return kernelHeight * kernelWidth;
  }

  /** Ho. */
  public int outHeight() {
    return Math.toIntExact(settings.outRows(height, kernelHeight));
  }

  /** Wo. */
  public int outWidth() {
    return Math.toIntExact(settings.outColumns(width, kernelWidth));
  }

  /** H · W. */
  public int pixels() {
    return height * width;
  }

  /** Ho · Wo. */
  public int outPixels() {
    return outHeight() * outWidth();
  }

  /** [B, C, H, W]. */
  public long[] inputShape() {
    return new long[] {batch, channels, height, width};
  }

  /** [B, 2·G·K, Ho, Wo]. */
  public long[] offsetShape() {
    return new long[] {batch, 2L * settings.deformGroups() * taps(), outHeight(), outWidth()};
  }

  /** [B, G·K, Ho, Wo]. */
  public long[] maskShape() {
    return new long[] {batch, (long) settings.deformGroups() * taps(), outHeight(), outWidth()};
  }

  /** [O, C/groups, kh, kw]. */
  public long[] weightShape() {
    return new long[] {outputs, channels / settings.groups(), kernelHeight, kernelWidth};
  }

  /** [B, O, Ho, Wo]. */
  public long[] outShape() {
    return new long[] {batch, outputs, outHeight(), outWidth()};
  }

  /** Multiplications of forward's matrix products. */
  public long products() {
    return (long) batch * outPixels() * outputs * (channels / settings.groups()) * taps();
  }
}
