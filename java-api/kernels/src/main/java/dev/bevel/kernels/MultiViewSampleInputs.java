package dev.bevel.kernels;

import dev.bevel.kernels.internal.MultiViewSampleParams;
import dev.bevel.kernels.internal.Scratch;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What {@link MultiViewSample} reads in both passes. Sizes: B batch elements of N cameras each (at
 * most 32), Q queries of P points (at most 64), L levels of features (at most 8) with C channels, G
 * groups of C / G channels.
 *
 * <p>dtypes: features float32, bfloat16, float16 or float64, all the same; the rest float32, or
 * float64 where features are.
 *
 * <p>Strides over B and N of features and image sizes, and over B, Q, N and P of weights, are free;
 * the rest is compact.
 *
 * <p>Immutable.
 */
public final class MultiViewSampleInputs {
  private final List<TensorView> features;
  private final Layout layout;
  private final @Nullable TensorView lidarToImage;
  private final @Nullable TensorView points;
  private final @Nullable TensorView locations;
  private final TensorView weights;
  private final @Nullable TensorView imageSizes;
  private final double imageWidth;
  private final double imageHeight;
  private final @Nullable PointRange pointRange;

  private MultiViewSampleInputs(
      List<TensorView> features,
      Layout layout,
      @Nullable TensorView lidarToImage,
      @Nullable TensorView points,
      @Nullable TensorView locations,
      TensorView weights) {
    this.features = List.copyOf(Given.argument(features, MultiViewSampleInputs.class, "features"));
    this.layout = Given.argument(layout, MultiViewSampleInputs.class, "layout");
    this.lidarToImage = lidarToImage;
    this.points = points;
    this.locations = locations;
    this.weights = Given.argument(weights, MultiViewSampleInputs.class, "weights");
    this.imageSizes = null;
    this.imageWidth = 0;
    this.imageHeight = 0;
    this.pointRange = null;
    if (this.features.isEmpty() || this.features.size() > MultiViewSampleParams.MAX_LEVELS) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          String.format(
              Locale.ROOT,
              "multi_view_sample: features must have 1 to %d levels, got %d",
              MultiViewSampleParams.MAX_LEVELS,
              this.features.size()));
    }
  }

  private MultiViewSampleInputs(
      MultiViewSampleInputs like,
      @Nullable TensorView imageSizes,
      double imageWidth,
      double imageHeight,
      @Nullable PointRange pointRange) {
    this.features = like.features;
    this.layout = like.layout;
    this.lidarToImage = like.lidarToImage;
    this.points = like.points;
    this.locations = like.locations;
    this.weights = like.weights;
    this.imageSizes = imageSizes;
    this.imageWidth = imageWidth;
    this.imageHeight = imageHeight;
    this.pointRange = pointRange;
  }

  /**
   * Points that are projected into the cameras. An image size must follow: {@link #withImageSize}
   * or {@link #withImageSizes}.
   *
   * @param features a level each: [B, N, C, H, W], or [B, N, H, W, C] with {@link
   *     Layout#CHANNELS_LAST}, which is the fast one
   * @param layout of all features and their gradients
   * @param lidarToImage [B, N, 4, 4] row-major, from the points' frame in metres to (x · depth, y ·
   *     depth, depth, 1) of the image in pixels; the last row is not read
   * @param points [B, Q, P, 3], metres, or in [0, 1] with {@link #withPointRange}
   * @param weights [B, Q, N, P, L] or [B, Q, N, P, L, G], taken as they are
   */
  public static MultiViewSampleInputs projected(
      List<TensorView> features,
      Layout layout,
      TensorView lidarToImage,
      TensorView points,
      TensorView weights) {
    return new MultiViewSampleInputs(
        features,
        layout,
        Given.argument(lidarToImage, MultiViewSampleInputs.class, "lidarToImage"),
        Given.argument(points, MultiViewSampleInputs.class, "points"),
        null,
        weights);
  }

  /**
   * Places in the images that are known.
   *
   * @param features as in {@link #projected}
   * @param layout of all features and their gradients
   * @param locations [B, Q, P, N, 2], (u, v) in [0, 1] of the image; seen iff 0 &lt; u &lt; 1 and 0
   *     &lt; v &lt; 1
   * @param weights [B, Q, N, P, L] or [B, Q, N, P, L, G], taken as they are
   */
  public static MultiViewSampleInputs located(
      List<TensorView> features, Layout layout, TensorView locations, TensorView weights) {
    return new MultiViewSampleInputs(
        features,
        layout,
        null,
        null,
        Given.argument(locations, MultiViewSampleInputs.class, "locations"),
        weights);
  }

  /**
   * These inputs with one size for all images: the one that lidarToImage refers to, padding
   * included.
   *
   * @param width pixels, above 0
   * @param height pixels, above 0
   */
  public MultiViewSampleInputs withImageSize(double width, double height) {
    return new MultiViewSampleInputs(this, null, width, height, pointRange);
  }

  /**
   * These inputs with a size for each image.
   *
   * @param sizes [B, N, 2], (width, height) in pixels. (Upstream's DETR3D takes the first batch
   *     element's for all; pass that one with a stride of 0 over B for the same.)
   */
  public MultiViewSampleInputs withImageSizes(TensorView sizes) {
    Given.argument(sizes, MultiViewSampleInputs.class, "sizes");
    return new MultiViewSampleInputs(this, sizes, 0, 0, pointRange);
  }

  /**
   * These inputs with points in [0, 1] of a range, not in metres.
   *
   * @param range in metres
   */
  public MultiViewSampleInputs withPointRange(PointRange range) {
    Given.argument(range, MultiViewSampleInputs.class, "range");
    return new MultiViewSampleInputs(this, imageSizes, imageWidth, imageHeight, range);
  }

  /** Features, a level each. */
  public List<TensorView> features() {
    return features;
  }

  /** Memory order of features and their gradients. */
  public Layout layout() {
    return layout;
  }

  /** What samples count. */
  public TensorView weights() {
    return weights;
  }

  void writeForward(Scratch call) {
    write(call, MultiViewSampleParams.FORWARD.views);
  }

  void writeBackward(Scratch call) {
    write(call, MultiViewSampleParams.BACKWARD.views);
  }

  private void write(Scratch call, MultiViewSampleParams.Views fields) {
    for (int level = 0; level < features.size(); level++) {
      fields.features.get(level).set(call, features.get(level));
    }
    fields.levels.set(call, features.size());
    fields.layout.set(call, layout.value());
    fields.lidarToImage.set(call, lidarToImage);
    fields.points.set(call, points);
    fields.locations.set(call, locations);
    fields.imageSizes.set(call, imageSizes);
    fields.imageWidth.set(call, imageWidth);
    fields.imageHeight.set(call, imageHeight);
    if (pointRange != null) {
      pointRange.write(call, fields.pointRange);
      fields.pointsNormalised.set(call, 1);
    }
    fields.weights.set(call, weights);
  }

  /** Its parts, those that are given, by name. */
  @Override
  public String toString() {
    return Described.as(
        MultiViewSampleInputs.class,
        "features",
        features,
        "layout",
        layout,
        "lidarToImage",
        lidarToImage,
        "points",
        points,
        "locations",
        locations,
        "weights",
        weights,
        "imageSizes",
        imageSizes,
        "imageWidth",
        imageWidth,
        "imageHeight",
        imageHeight,
        "pointRange",
        pointRange);
  }
}
