package dev.bevel.kernels;

import dev.bevel.kernels.internal.DeformAttnParams;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/**
 * Which gradients {@link Msda}'s backward pass is to write, and where: one or more. Each is compact
 * and like what it is the gradient of, and is written wholly.
 *
 * <p>Immutable.
 */
public final class MsdaGradients {
  private static final MsdaGradients NONE = new MsdaGradients(null, null, null);

  private final @Nullable TensorView value;
  private final @Nullable TensorView locations;
  private final @Nullable TensorView weights;

  private MsdaGradients(
      @Nullable TensorView value, @Nullable TensorView locations, @Nullable TensorView weights) {
    this.value = value;
    this.locations = locations;
    this.weights = weights;
  }

  /** No gradient: what requests begin with. */
  public static MsdaGradients none() {
    return NONE;
  }

  /**
   * These and that of the value map.
   *
   * @param gradient like value; null: not wanted
   */
  public MsdaGradients withValue(@Nullable TensorView gradient) {
    return new MsdaGradients(gradient, locations, weights);
  }

  /**
   * These and that of the locations.
   *
   * @param gradient like locations; null: not wanted
   */
  public MsdaGradients withLocations(@Nullable TensorView gradient) {
    return new MsdaGradients(value, gradient, weights);
  }

  /**
   * These and that of the weights.
   *
   * @param gradient like weights; null: not wanted
   */
  public MsdaGradients withWeights(@Nullable TensorView gradient) {
    return new MsdaGradients(value, locations, gradient);
  }

  boolean any() {
    return value != null || locations != null || weights != null;
  }

  void write(Scratch call) {
    DeformAttnParams.MSDA_BACKWARD.gradValue.set(call, value);
    DeformAttnParams.MSDA_BACKWARD.gradLocations.set(call, locations);
    DeformAttnParams.MSDA_BACKWARD.gradWeights.set(call, weights);
  }

  /** Its parts, those that are given, by name. */
  @Override
  public String toString() {
    return Described.as(
        MsdaGradients.class, "value", value, "locations", locations, "weights", weights);
  }
}
