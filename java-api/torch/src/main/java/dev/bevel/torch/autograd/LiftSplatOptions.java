package dev.bevel.torch.autograd;

import dev.bevel.kernels.DepthKind;
import dev.bevel.kernels.Layout;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * How {@link LiftSplatFunction} works.
 *
 * @param depthKind what the depth tensor holds
 * @param outLayout memory order of the map
 * @param outDtype dtype of the map: Float, BFloat16, Half, or Double if the inputs are; null for
 *     the context's
 * @param returnProbabilities whether the softmax of the logits is an output too, for depth
 *     supervision; only with logits
 */
public record LiftSplatOptions(
    DepthKind depthKind,
    Layout outLayout,
    @Nullable ScalarType outDtype,
    boolean returnProbabilities) {

  /** Depth logits in, a channels-first map of the context's dtype out. */
  public static final LiftSplatOptions DEFAULT =
      new LiftSplatOptions(DepthKind.LOGITS, Layout.CHANNELS_FIRST, null, false);

  /** Checks that the probabilities are wanted of logits. */
  public LiftSplatOptions {
    if (returnProbabilities && depthKind == DepthKind.PROBABILITIES) {
      throw new IllegalArgumentException(
          "LiftSplatOptions: returnProbabilities needs depth logits; given probabilities are at hand already");
    }
  }

  /** These options for another kind of depth. */
  public LiftSplatOptions withDepthKind(DepthKind kind) {
    return new LiftSplatOptions(kind, outLayout, outDtype, returnProbabilities);
  }

  /** These options with another order of the map. */
  public LiftSplatOptions withOutLayout(Layout layout) {
    return new LiftSplatOptions(depthKind, layout, outDtype, returnProbabilities);
  }

  /** These options with another dtype of the map; null for the context's. */
  public LiftSplatOptions withOutDtype(@Nullable ScalarType dtype) {
    return new LiftSplatOptions(depthKind, outLayout, dtype, returnProbabilities);
  }

  /** These options with or without the probabilities as an output. */
  public LiftSplatOptions withReturnProbabilities(boolean wanted) {
    return new LiftSplatOptions(depthKind, outLayout, outDtype, wanted);
  }
}
