package dev.bevel.torch.autograd;

import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.PointRange;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * How a {@link MultiViewSampleFunction} works.
 *
 * @param pointRange the range that points are normalised to; null: points are in metres
 * @param determinism how the gradients of features are added up
 */
public record MultiViewSampleOptions(@Nullable PointRange pointRange, Determinism determinism) {
  /** Points in metres, a deterministic backward pass. */
  public static final MultiViewSampleOptions DEFAULT =
      new MultiViewSampleOptions(null, Determinism.STRICT);

  /** Checks for null. */
  public MultiViewSampleOptions {
    Objects.requireNonNull(determinism, "determinism");
  }

  /** These options where points are in [0, 1] of a range. */
  public MultiViewSampleOptions withPointRange(PointRange range) {
    return new MultiViewSampleOptions(Objects.requireNonNull(range, "range"), determinism);
  }

  /** These options with another way to add up the gradients of features. */
  public MultiViewSampleOptions withDeterminism(Determinism choice) {
    return new MultiViewSampleOptions(pointRange, choice);
  }
}
