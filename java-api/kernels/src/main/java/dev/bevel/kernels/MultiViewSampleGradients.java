package dev.bevel.kernels;

import dev.bevel.kernels.internal.MultiViewSampleParams;
import dev.bevel.kernels.internal.Scratch;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Which gradients {@link MultiViewSample}'s backward pass is to write, and where: one or more. Each
 * is compact and written wholly. Views that are not visible have zero gradients.
 *
 * <p>Immutable.
 */
public final class MultiViewSampleGradients {
  private static final MultiViewSampleGradients NONE =
      new MultiViewSampleGradients(List.of(), null, null, null);

  /** By level, up to the highest one that is asked for. */
  private final List<@Nullable TensorView> features;

  private final @Nullable TensorView points;
  private final @Nullable TensorView locations;
  private final @Nullable TensorView weights;

  private MultiViewSampleGradients(
      List<@Nullable TensorView> features,
      @Nullable TensorView points,
      @Nullable TensorView locations,
      @Nullable TensorView weights) {
    this.features = features;
    this.points = points;
    this.locations = locations;
    this.weights = weights;
  }

  /** No gradient: what requests begin with. */
  public static MultiViewSampleGradients none() {
    return NONE;
  }

  /**
   * These and that of one level of features.
   *
   * @param level 0 ≤ level &lt; L
   * @param gradient like that level in the inputs' layout; null: not wanted
   */
  public MultiViewSampleGradients withFeatures(int level, @Nullable TensorView gradient) {
    if (level < 0 || level >= MultiViewSampleParams.MAX_LEVELS) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          String.format(
              Locale.ROOT,
              "MultiViewSampleGradients: level must be 0 to %d, got %d",
              MultiViewSampleParams.MAX_LEVELS - 1,
              level));
    }
    List<@Nullable TensorView> all = new ArrayList<>(features);
    while (all.size() <= level) {
      all.add(null);
    }
    all.set(level, gradient);
    while (!all.isEmpty() && all.getLast() == null) {
      all.removeLast();
    }
    return new MultiViewSampleGradients(
        Collections.unmodifiableList(all), points, locations, weights);
  }

  /**
   * These and that of the points, through the projection; by normalised points where the inputs
   * have these.
   *
   * @param gradient like points; null: not wanted
   */
  public MultiViewSampleGradients withPoints(@Nullable TensorView gradient) {
    return new MultiViewSampleGradients(features, gradient, locations, weights);
  }

  /**
   * These and that of the locations.
   *
   * @param gradient like locations; null: not wanted
   */
  public MultiViewSampleGradients withLocations(@Nullable TensorView gradient) {
    return new MultiViewSampleGradients(features, points, gradient, weights);
  }

  /**
   * These and that of the weights.
   *
   * @param gradient like weights; null: not wanted
   */
  public MultiViewSampleGradients withWeights(@Nullable TensorView gradient) {
    return new MultiViewSampleGradients(features, points, locations, gradient);
  }

  boolean any() {
    return !features.isEmpty() || points != null || locations != null || weights != null;
  }

  /** Refuses a level that there is none of. */
  void requireLevels(int levels) {
    if (features.size() > levels) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          String.format(
              Locale.ROOT,
              "multi_view_sample_backward: gradFeatures[%d] is asked for, there are %d levels",
              features.size() - 1,
              levels));
    }
  }

  void write(Scratch call) {
    MultiViewSampleParams.Backward fields = MultiViewSampleParams.BACKWARD;
    for (int level = 0; level < features.size(); level++) {
      fields.gradFeatures.get(level).set(call, features.get(level));
    }
    fields.gradPoints.set(call, points);
    fields.gradLocations.set(call, locations);
    fields.gradWeights.set(call, weights);
  }

  /** Its parts, those that are given, by name. */
  @Override
  public String toString() {
    return Described.as(
        MultiViewSampleGradients.class,
        "features",
        features,
        "points",
        points,
        "locations",
        locations,
        "weights",
        weights);
  }
}
