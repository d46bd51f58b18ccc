package dev.bevel.kernels;

import dev.bevel.kernels.internal.Layouts;
import dev.bevel.kernels.internal.MultiViewSampleLayouts;
import dev.bevel.kernels.internal.Scratch;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Arguments of {@link MultiViewSample#backward(MultiViewSampleBackward)}: ask for one gradient or
 * more. Views that are not visible have zero gradients. No order of additions known is faster than
 * the strict one, so {@link Determinism#FAST} does the same.
 */
public final class MultiViewSampleBackward extends BackwardCall<MultiViewSampleBackward> {
  private static final long GRAD_OUT = offset("grad_out");
  private static final long VIEWS = offset("views");
  private static final long GRAD_FEATURES = offset("grad_features");
  private static final long GRAD_POINTS = offset("grad_points");
  private static final long GRAD_LOCATIONS = offset("grad_locations");
  private static final long GRAD_WEIGHTS = offset("grad_weights");
  private static final long WORKSPACE = offset("workspace");
  private static final long DETERMINISM = offset("determinism");

  private final MultiViewSampleInputs inputs;
  private final @Nullable TensorView[] gradFeatures;
  private @Nullable TensorView gradPoints;
  private @Nullable TensorView gradLocations;
  private @Nullable TensorView gradWeights;

  /**
   * The arguments that every call has.
   *
   * @param inputs as in forward
   * @param gradOut gradient of out: compact, out's shape, any of its dtypes
   */
  public MultiViewSampleBackward(MultiViewSampleInputs inputs, TensorView gradOut) {
    super("multi_view_sample_backward", gradOut);
    this.inputs = Given.argument(inputs, MultiViewSampleBackward.class, "inputs");
    this.gradFeatures = new @Nullable TensorView[inputs.levels()];
  }

  /**
   * Asks for the gradient of one level of features.
   *
   * @param level 0 ≤ level &lt; L
   * @param gradient like that level in the inputs' layout, compact, written wholly
   */
  public MultiViewSampleBackward gradFeatures(int level, TensorView gradient) {
    Given.argument(gradient, MultiViewSampleBackward.class, "gradient");
    gradFeatures[Objects.checkIndex(level, gradFeatures.length)] = gradient;
    return this;
  }

  /**
   * Asks for the gradient of the points, through the projection; by normalised points where the
   * inputs have these.
   *
   * @param gradient like points, written wholly
   */
  public MultiViewSampleBackward gradPoints(TensorView gradient) {
    gradPoints = Given.argument(gradient, MultiViewSampleBackward.class, "gradient");
    return this;
  }

  /**
   * Asks for the gradient of the locations.
   *
   * @param gradient like locations, written wholly
   */
  public MultiViewSampleBackward gradLocations(TensorView gradient) {
    gradLocations = Given.argument(gradient, MultiViewSampleBackward.class, "gradient");
    return this;
  }

  /**
   * Asks for the gradient of the weights.
   *
   * @param gradient like weights, compact, written wholly
   */
  public MultiViewSampleBackward gradWeights(TensorView gradient) {
    gradWeights = Given.argument(gradient, MultiViewSampleBackward.class, "gradient");
    return this;
  }

  @Override
  long write(Scratch scratch, @Nullable TensorView workspace) {
    long params = params(scratch, MultiViewSampleLayouts.BACKWARD);
    scratch.setInput(params + GRAD_OUT, "grad_out", gradOut());
    inputs.write(scratch, params + VIEWS);
    for (int level = 0; level < gradFeatures.length; level++) {
      scratch.setOutput(
          params + GRAD_FEATURES + 8L * level, "grad_features[" + level + "]", gradFeatures[level]);
    }
    scratch.setOutput(params + GRAD_POINTS, "grad_points", gradPoints);
    scratch.setOutput(params + GRAD_LOCATIONS, "grad_locations", gradLocations);
    scratch.setOutput(params + GRAD_WEIGHTS, "grad_weights", gradWeights);
    scratch.setOutput(params + WORKSPACE, "workspace", workspace);
    scratch.setInt(params + DETERMINISM, determinism().value());
    return scratch.address(params);
  }

  private static long offset(String field) {
    return Layouts.offset(MultiViewSampleLayouts.BACKWARD, field);
  }
}
