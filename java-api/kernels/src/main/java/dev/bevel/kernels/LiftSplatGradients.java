package dev.bevel.kernels;

import dev.bevel.kernels.internal.LiftSplatParams;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/**
 * Which gradients {@link LiftSplat}'s backward pass is to write, and where: one or both. Each is
 * written wholly.
 *
 * <p>Immutable.
 */
public final class LiftSplatGradients {
  private static final LiftSplatGradients NONE = new LiftSplatGradients(null, null);

  private final @Nullable TensorView depth;
  private final @Nullable TensorView context;

  private LiftSplatGradients(@Nullable TensorView depth, @Nullable TensorView context) {
    this.depth = depth;
    this.context = context;
  }

  /** No gradient: what requests begin with. */
  public static LiftSplatGradients none() {
    return NONE;
  }

  /**
   * These and that of the logits or, by the inputs' {@link LiftSplatInputs#withDepthKind}, of the
   * probabilities.
   *
   * @param gradient [B, N, D, H, W], with strides as free as those of depth; null: not wanted
   */
  public LiftSplatGradients withDepth(@Nullable TensorView gradient) {
    return new LiftSplatGradients(gradient, context);
  }

  /**
   * These and that of the context.
   *
   * @param gradient as context, with strides as free as there; null: not wanted
   */
  public LiftSplatGradients withContext(@Nullable TensorView gradient) {
    return new LiftSplatGradients(depth, gradient);
  }

  boolean any() {
    return depth != null || context != null;
  }

  /**
   * @param inputs whose plan has the size of the depths
   */
  void write(Scratch call, LiftSplatInputs inputs) {
    if (depth != null) {
      inputs.requireDepthOfPlan(LiftSplatParams.BACKWARD.operator(), "gradDepth", depth);
    }
    LiftSplatParams.BACKWARD.gradDepth.set(call, depth);
    LiftSplatParams.BACKWARD.gradContext.set(call, context);
  }

  /** Its parts, those that are given, by name. */
  @Override
  public String toString() {
    return Described.as(LiftSplatGradients.class, "depth", depth, "context", context);
  }
}
