package dev.bevel.kernels.internal;

import java.util.List;

/** The structs of {@code multi_view_sample.h}. */
public final class MultiViewSampleParams {
  /** BEVEL_MULTI_VIEW_MAX_LEVELS. */
  public static final int MAX_LEVELS = 8;

  /** {@code bevel_multi_view_sample_forward_params}. */
  public static final Forward FORWARD = new Forward();

  /** {@code bevel_multi_view_sample_backward_params}. */
  public static final Backward BACKWARD = new Backward();

  private MultiViewSampleParams() {}

  /** {@code bevel_multi_view}. */
  public static final class Views extends CStruct {
    public final List<TensorField> features = reads("features", MAX_LEVELS);
    public final Int32 levels = int32("levels");
    public final Int32 layout = int32("layout");
    public final TensorField lidarToImage = read("lidar_to_image");
    public final TensorField points = read("points");
    public final TensorField locations = read("locations");
    public final TensorField imageSizes = read("image_sizes");
    public final Float64 imageWidth = float64("image_width");
    public final Float64 imageHeight = float64("image_height");
    public final Numbers pointRange = float64s("point_range", 6);
    public final Int32 pointsNormalised = int32("points_normalised");

    {
      reserved();
    }

    public final TensorField weights = read("weights");

    Views(long start) {
      super("bevel_multi_view", start);
    }
  }

  /** The forward pass. */
  public static final class Forward extends ParamsStruct {
    public final Views views = struct("views", Views::new);
    public final TensorField out = written("out");
    public final TensorField visible = writtenMask("visible");

    private Forward() {
      super("multi_view_sample_forward");
      threads();
    }
  }

  /** The backward pass. */
  public static final class Backward extends ParamsStruct {
    public final TensorField gradOut = read("grad_out");
    public final Views views = struct("views", Views::new);
    public final List<TensorField> gradFeatures = writes("grad_features", MAX_LEVELS);
    public final TensorField gradPoints = written("grad_points");
    public final TensorField gradLocations = written("grad_locations");
    public final TensorField gradWeights = written("grad_weights");

    private Backward() {
      super("multi_view_sample_backward");
      workspaceField();
      determinism();
      reserved();
      threads();
    }
  }
}
