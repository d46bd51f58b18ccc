package dev.bevel.kernels;

import dev.bevel.kernels.internal.PointSamplingParams;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/**
 * What {@link PointSampling} writes. All is written wholly.
 *
 * <p>Immutable.
 */
public final class PointSamplingOutputs {
  private final TensorView reference;
  private final TensorView visible;
  private final @Nullable TensorView mask;
  private final @Nullable TensorView meanFactor;

  private PointSamplingOutputs(
      TensorView reference,
      TensorView visible,
      @Nullable TensorView mask,
      @Nullable TensorView meanFactor) {
    this.reference = reference;
    this.visible = visible;
    this.mask = mask;
    this.meanFactor = meanFactor;
  }

  /**
   * What an attention needs.
   *
   * @param reference (u, v), float32 [B, N, Q, Z, 2], or float64 on the CPU
   * @param visible uint8 or bool [B, N, Q], 1 where the camera sees a point of the pillar
   */
  public static PointSamplingOutputs of(TensorView reference, TensorView visible) {
    return new PointSamplingOutputs(
        Given.argument(reference, PointSamplingOutputs.class, "reference"),
        Given.argument(visible, PointSamplingOutputs.class, "visible"),
        null,
        null);
  }

  /**
   * These and each point's own visibility.
   *
   * @param seen uint8 or bool [B, N, Q, Z]; null: not wanted
   */
  public PointSamplingOutputs withMask(@Nullable TensorView seen) {
    return new PointSamplingOutputs(reference, visible, seen, meanFactor);
  }

  /**
   * These and what upstream's attention is, with {@link
   * PointSamplingInputs#withVisibleOfFirstElement}, times the mean over visible: it adds up the
   * cameras that are visible by element 0 and divides by the number of those that see the pillar by
   * the element's own mask, at least 1.
   *
   * @param factor in the dtype of reference, [B, Q]; null: not wanted
   */
  public PointSamplingOutputs withMeanFactor(@Nullable TensorView factor) {
    return new PointSamplingOutputs(reference, visible, mask, factor);
  }

  /** Where points lie in the images. */
  public TensorView reference() {
    return reference;
  }

  /** Which cameras see a pillar. */
  public TensorView visible() {
    return visible;
  }

  void write(Scratch call) {
    PointSamplingParams fields = PointSamplingParams.STRUCT;
    fields.reference.set(call, reference);
    fields.mask.set(call, mask);
    fields.visible.set(call, visible);
    fields.meanFactor.set(call, meanFactor);
  }

  /** Its parts, those that are given, by name. */
  @Override
  public String toString() {
    return Described.as(
        PointSamplingOutputs.class,
        "reference",
        reference,
        "visible",
        visible,
        "mask",
        mask,
        "meanFactor",
        meanFactor);
  }
}
