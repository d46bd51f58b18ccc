package dev.bevel.kernels;

import dev.bevel.kernels.internal.BevPoolParams;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/**
 * Which gradients {@link BevPool}'s backward pass is to write, and where: one or both. Each is
 * compact and written wholly.
 *
 * <p>Immutable.
 */
public final class BevPoolGradients {
  private static final BevPoolGradients NONE = new BevPoolGradients(null, null);

  private final @Nullable TensorView depth;
  private final @Nullable TensorView feature;

  private BevPoolGradients(@Nullable TensorView depth, @Nullable TensorView feature) {
    this.depth = depth;
    this.feature = feature;
  }

  /** No gradient: what requests begin with. */
  public static BevPoolGradients none() {
    return NONE;
  }

  /**
   * These and that of the depth, of which there must be one.
   *
   * @param gradient like depth; null: not wanted
   */
  public BevPoolGradients withDepth(@Nullable TensorView gradient) {
    return new BevPoolGradients(gradient, feature);
  }

  /**
   * These and that of the features.
   *
   * @param gradient like feature; null: not wanted
   */
  public BevPoolGradients withFeature(@Nullable TensorView gradient) {
    return new BevPoolGradients(depth, gradient);
  }

  boolean any() {
    return depth != null || feature != null;
  }

  void write(Scratch call) {
    BevPoolParams.BACKWARD.gradDepth.set(call, depth);
    BevPoolParams.BACKWARD.gradFeature.set(call, feature);
  }

  /** Its parts, those that are given, by name. */
  @Override
  public String toString() {
    return Described.as(BevPoolGradients.class, "depth", depth, "feature", feature);
  }
}
