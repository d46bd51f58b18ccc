package dev.bevel.kernels;

import org.jspecify.annotations.Nullable;

/**
 * What {@link MultiViewSample}'s forward pass writes, where more than its result is wanted.
 *
 * <p>Immutable.
 */
public final class MultiViewSampleOutputs {
  private final TensorView out;
  private final @Nullable TensorView visible;

  private MultiViewSampleOutputs(TensorView out, @Nullable TensorView visible) {
    this.out = out;
    this.visible = visible;
  }

  /**
   * The result alone.
   *
   * @param out [B, Q, C], written wholly
   */
  public static MultiViewSampleOutputs of(TensorView out) {
    return new MultiViewSampleOutputs(
        Given.argument(out, MultiViewSampleOutputs.class, "out"), null);
  }

  /**
   * These and which cameras see which points.
   *
   * @param mask uint8 or bool [B, N, Q, P], written wholly: 1 where the camera sees the point, else
   *     0; null: not wanted
   */
  public MultiViewSampleOutputs withVisible(@Nullable TensorView mask) {
    return new MultiViewSampleOutputs(out, mask);
  }

  TensorView out() {
    return out;
  }

  @Nullable TensorView visible() {
    return visible;
  }

  /** Its parts, those that are given, by name. */
  @Override
  public String toString() {
    return Described.as(MultiViewSampleOutputs.class, "out", out, "visible", visible);
  }
}
