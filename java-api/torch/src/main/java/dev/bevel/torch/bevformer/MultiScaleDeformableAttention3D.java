package dev.bevel.torch.bevformer;

import static dev.bevel.torch.bevformer.SamplingLayers.requireShape;

import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.MapCombination;
import dev.bevel.kernels.ReferenceKind;
import dev.bevel.kernels.ValueLevels;
import dev.bevel.torch.TensorHold;
import dev.bevel.torch.autograd.DeformAttnFunction;
import dev.bevel.torch.autograd.DeformAttnOptions;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Linear;
import dev.bevel.torch.nn.Module;
import java.util.Locale;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * The deformable attention inside BEVFormer's spatial cross-attention: queries are pillars whose
 * anchors are projected into cameras, and point p starts from anchor p mod Z of Z. Unlike upstream
 * it takes all cameras at once, makes offsets and weights once a query and not once a camera, and
 * returns the mean over the cameras that a query sees.
 *
 * <p>Parameters as upstream: {@code sampling_offsets} [M·L·P·2, C], {@code attention_weights}
 * [M·L·P, C], {@code value_proj} [C, C]; the output is projected by {@link SpatialCrossAttention}.
 */
public final class MultiScaleDeformableAttention3D extends Module {
  private static final String NAME = "MultiScaleDeformableAttention3D";

  private final AttentionSizes sizes;
  private final DeformAttnOptions options;
  private final Linear samplingOffsets;
  private final Linear attentionWeights;
  private final Linear valueProj;

  /**
   * @param sizes of the attention; its dropout is not used
   * @param determinism of the gradient of the image features
   * @param init makes the first weights
   */
  public MultiScaleDeformableAttention3D(
      AttentionSizes sizes, Determinism determinism, Initializer init) {
    this.sizes = sizes;
    options = new DeformAttnOptions(ReferenceKind.OF_POINT, MapCombination.MEAN, determinism);
    samplingOffsets =
        child(
            "sampling_offsets",
            SamplingLayers.offsets(sizes.channels(), sizes, sizes.levels(), init));
    attentionWeights =
        child(
            "attention_weights",
            SamplingLayers.logits(sizes.channels(), sizes, sizes.levels(), init));
    valueProj = child("value_proj", SamplingLayers.projection(sizes, init));
  }

  /**
   * Attends.
   *
   * @param query [B, Q, C]
   * @param features of N cameras, [B, N, S, C], any strides
   * @param references anchors in the cameras' images, [B, N, Q, Z, 2], (x, y) in [0, 1] where
   *     inside
   * @param visible [B, N, Q], Bool or Byte: whether the query looks into the camera; null: into all
   * @param levels the L levels of a camera's S pixels
   * @return the mean over the cameras seen, zero where none is: [B, Q, C]
   */
  public Tensor forward(
      Tensor query,
      Tensor features,
      Tensor references,
      @Nullable Tensor visible,
      ValueLevels levels) {
    TensorHold.require(NAME, "query", query);
    TensorHold.require(NAME, "features", features);
    TensorHold.require(NAME, "references", references);
    TensorHold.requireIfGiven(NAME, "visible", visible);
    long batch = query.size(0);
    long queries = query.size(1);
    requireShape(NAME, "query", query, batch, queries, sizes.channels());
    requireShape(NAME, "features", features, batch, -1, -1, sizes.channels());
    long cameras = features.size(1);
    requireShape(NAME, "references", references, batch, cameras, queries, -1, 2);
    if (sizes.points() % references.size(3) != 0) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: the %d points must be a multiple of the anchors, got %d",
              NAME,
              sizes.points(),
              references.size(3)));
    }
    return tidy(
        () ->
            new DeformAttnFunction(levels, options)
                .attend(
                    valueProj
                        .forward(features)
                        .reshape(
                            batch, cameras, features.size(2), sizes.heads(), sizes.headChannels()),
                    references,
                    samplingOffsets
                        .forward(query)
                        .reshape(
                            batch, 1, queries, sizes.heads(), sizes.levels(), sizes.points(), 2),
                    attentionWeights
                        .forward(query)
                        .reshape(batch, 1, queries, sizes.heads(), sizes.levels(), sizes.points()),
                    visible));
  }
}
