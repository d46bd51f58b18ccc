package dev.bevel.torch.autograd;

import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.MapCombination;
import dev.bevel.kernels.ReferenceKind;
import java.util.Objects;

/**
 * How a {@link DeformAttnFunction} works.
 *
 * @param referenceKind which reference a sample starts from
 * @param combination what becomes of several value maps
 * @param determinism how the gradient of value is added up
 */
public record DeformAttnOptions(
    ReferenceKind referenceKind, MapCombination combination, Determinism determinism) {
  /** References of levels, the mean over the maps, a deterministic backward pass. */
  public static final DeformAttnOptions DEFAULT =
      new DeformAttnOptions(ReferenceKind.OF_LEVEL, MapCombination.MEAN, Determinism.STRICT);

  /** Checks for null. */
  public DeformAttnOptions {
    Objects.requireNonNull(referenceKind, "referenceKind");
    Objects.requireNonNull(combination, "combination");
    Objects.requireNonNull(determinism, "determinism");
  }

  /** These options with another kind of reference. */
  public DeformAttnOptions withReferenceKind(ReferenceKind kind) {
    return new DeformAttnOptions(kind, combination, determinism);
  }

  /** These options with another combination of the maps. */
  public DeformAttnOptions withCombination(MapCombination choice) {
    return new DeformAttnOptions(referenceKind, choice, determinism);
  }

  /** These options with another way to add up the gradient of value. */
  public DeformAttnOptions withDeterminism(Determinism choice) {
    return new DeformAttnOptions(referenceKind, combination, choice);
  }
}
