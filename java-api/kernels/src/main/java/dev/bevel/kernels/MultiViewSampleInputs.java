package dev.bevel.kernels;

import dev.bevel.kernels.internal.Layouts;
import dev.bevel.kernels.internal.MultiViewSampleLayouts;
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
 */
public final class MultiViewSampleInputs {
  private static final long FEATURES = offset("features");
  private static final long LEVELS = offset("levels");
  private static final long LAYOUT = offset("layout");
  private static final long LIDAR_TO_IMAGE = offset("lidar2img");
  private static final long POINTS = offset("points");
  private static final long LOCATIONS = offset("locations");
  private static final long IMAGE_SIZES = offset("image_sizes");
  private static final long IMAGE_WIDTH = offset("image_width");
  private static final long IMAGE_HEIGHT = offset("image_height");
  private static final long POINT_RANGE = offset("point_range");
  private static final long POINTS_NORMALISED = offset("points_normalised");
  private static final long WEIGHTS = offset("weights");

  private final List<TensorView> features;
  private final Layout layout;
  private final @Nullable TensorView lidarToImage;
  private final @Nullable TensorView points;
  private final @Nullable TensorView locations;
  private final TensorView weights;
  private @Nullable TensorView imageSizes;
  private double imageWidth;
  private double imageHeight;
  private @Nullable PointRange pointRange;

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
    if (this.features.isEmpty() || this.features.size() > MultiViewSampleLayouts.MAX_LEVELS) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          String.format(
              Locale.ROOT,
              "multi_view_sample: features must have 1 to %d levels, got %d",
              MultiViewSampleLayouts.MAX_LEVELS,
              this.features.size()));
    }
  }

  /**
   * Points that are projected into the cameras. An image size must follow: {@link #imageSize} or
   * {@link #imageSizes}.
   *
   * @param features a level each: [B, N, C, H, W], or [B, N, H, W, C] with {@link
   *     Layout#CHANNELS_LAST}, which is the fast one
   * @param layout of all features and their gradients
   * @param lidarToImage [B, N, 4, 4] row-major, from the points' frame in metres to (x · depth, y ·
   *     depth, depth, 1) of the image in pixels; the last row is not read
   * @param points [B, Q, P, 3], metres, or in [0, 1] with {@link #pointRange}
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
   * One size for all images: the one that lidarToImage refers to, padding included.
   *
   * @param width pixels, above 0
   * @param height pixels, above 0
   */
  public MultiViewSampleInputs imageSize(double width, double height) {
    imageWidth = width;
    imageHeight = height;
    imageSizes = null;
    return this;
  }

  /**
   * A size for each image.
   *
   * @param sizes [B, N, 2], (width, height) in pixels. (Upstream's DETR3D takes the first batch
   *     element's for all; pass that one with a stride of 0 over B for the same.)
   */
  public MultiViewSampleInputs imageSizes(TensorView sizes) {
    imageSizes = Given.argument(sizes, MultiViewSampleInputs.class, "sizes");
    return this;
  }

  /**
   * Points are in [0, 1] of this range, not in metres.
   *
   * @param range in metres
   */
  public MultiViewSampleInputs pointRange(PointRange range) {
    pointRange = Given.argument(range, MultiViewSampleInputs.class, "range");
    return this;
  }

  int levels() {
    return features.size();
  }

  /** Writes {@code bevel_multi_view}. */
  void write(Scratch scratch, long views) {
    for (int level = 0; level < features.size(); level++) {
      scratch.setInput(
          views + FEATURES + 8L * level, "features[" + level + "]", features.get(level));
    }
    scratch.setInt(views + LEVELS, features.size());
    scratch.setInt(views + LAYOUT, layout.value());
    scratch.setInput(views + LIDAR_TO_IMAGE, "lidar2img", lidarToImage);
    scratch.setInput(views + POINTS, "points", points);
    scratch.setInput(views + LOCATIONS, "locations", locations);
    scratch.setInput(views + IMAGE_SIZES, "image_sizes", imageSizes);
    scratch.setDouble(views + IMAGE_WIDTH, imageWidth);
    scratch.setDouble(views + IMAGE_HEIGHT, imageHeight);
    if (pointRange != null) {
      double[] bounds = pointRange.bounds();
      for (int i = 0; i < bounds.length; i++) {
        scratch.setDouble(views + POINT_RANGE + 8L * i, bounds[i]);
      }
      scratch.setInt(views + POINTS_NORMALISED, 1);
    }
    scratch.setInput(views + WEIGHTS, "weights", weights);
  }

  private static long offset(String field) {
    return Layouts.offset(MultiViewSampleLayouts.VIEWS, field);
  }
}
