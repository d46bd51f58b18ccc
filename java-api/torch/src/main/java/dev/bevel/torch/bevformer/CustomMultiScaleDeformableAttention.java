package dev.bevel.torch.bevformer;

import static dev.bevel.torch.bevformer.SamplingLayers.requireShape;

import dev.bevel.kernels.ValueLevels;
import dev.bevel.torch.TensorHold;
import dev.bevel.torch.autograd.DeformAttnFunction;
import dev.bevel.torch.autograd.DeformAttnOptions;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Linear;
import dev.bevel.torch.nn.Module;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * The deformable attention of BEVFormer's decoder, which is Deformable DETR's: object queries
 * sample the BEV map around their reference points.
 *
 * <p>Parameters as upstream: {@code sampling_offsets} [M·L·P·2, C], {@code attention_weights}
 * [M·L·P, C], {@code value_proj} and {@code output_proj} [C, C].
 */
public final class CustomMultiScaleDeformableAttention extends Module {
  private static final String NAME = "CustomMultiScaleDeformableAttention";

  private final AttentionSizes sizes;
  private final DeformAttnOptions options;
  private final boolean batchFirst;
  private final Linear samplingOffsets;
  private final Linear attentionWeights;
  private final Linear valueProj;
  private final Linear outputProj;

  /**
   * @param sizes of the attention
   * @param options of the kernel; {@link DeformAttnOptions#DEFAULT}, or with another determinism
   * @param batchFirst whether queries and values are [B, Q, C] and not, as BEVFormer's decoder has
   *     them, [Q, B, C]
   * @param init makes the first weights
   */
  public CustomMultiScaleDeformableAttention(
      AttentionSizes sizes, DeformAttnOptions options, boolean batchFirst, Initializer init) {
    this.sizes = sizes;
    this.options = options;
    this.batchFirst = batchFirst;
    samplingOffsets =
        child(
            "sampling_offsets",
            SamplingLayers.offsets(sizes.channels(), sizes, sizes.levels(), init));
    attentionWeights =
        child(
            "attention_weights",
            SamplingLayers.logits(sizes.channels(), sizes, sizes.levels(), init));
    valueProj = child("value_proj", SamplingLayers.projection(sizes, init));
    outputProj = child("output_proj", SamplingLayers.projection(sizes, init));
  }

  /**
   * Attends.
   *
   * @param query [Q, B, C], or [B, Q, C] with batchFirst
   * @param queryPos like query, added to it for offsets and weights; or null
   * @param value [S, B, C] or [B, S, C]; null: the query itself
   * @param identity like query: what is added to the result; null: the query
   * @param keyPaddingMask Bool [B, S], true where value counts as zero; or null
   * @param references [B, Q, L, 2] points or [B, Q, L, 4] boxes (x, y, width, height), in [0, 1]
   * @param levels the L levels of value's S rows
   * @return like query
   */
  public Tensor forward(
      Tensor query,
      @Nullable Tensor queryPos,
      @Nullable Tensor value,
      @Nullable Tensor identity,
      @Nullable Tensor keyPaddingMask,
      Tensor references,
      ValueLevels levels) {
    TensorHold.require(NAME, "query", query);
    TensorHold.requireIfGiven(NAME, "queryPos", queryPos);
    TensorHold.requireIfGiven(NAME, "value", value);
    TensorHold.requireIfGiven(NAME, "identity", identity);
    TensorHold.requireIfGiven(NAME, "keyPaddingMask", keyPaddingMask);
    TensorHold.require(NAME, "references", references);
    requireShape(NAME, "query", query, -1, -1, sizes.channels());
    return tidy(
        () -> {
          Tensor positioned = queryPos == null ? query : query.add(queryPos);
          Tensor sampled =
              attend(
                  order(positioned),
                  order(value == null ? query : value),
                  keyPaddingMask,
                  references,
                  levels);
          Tensor out = order(outputProj.forward(sampled));
          return torch
              .dropout(out, sizes.dropout(), isTraining())
              .add(identity == null ? query : identity);
        });
  }

  private Tensor attend(
      Tensor query,
      Tensor value,
      @Nullable Tensor keyPaddingMask,
      Tensor references,
      ValueLevels levels) {
    long batch = query.size(0);
    long queries = query.size(1);
    requireShape(NAME, "value as [B, S, C]", value, batch, -1, sizes.channels());
    requireShape(NAME, "references", references, batch, queries, sizes.levels(), -1);
    Tensor projected = valueProj.forward(value);
    if (keyPaddingMask != null) {
      requireShape(NAME, "keyPaddingMask", keyPaddingMask, batch, value.size(1));
      projected = projected.masked_fill(keyPaddingMask.unsqueeze(-1), new Scalar(0.0));
    }
    return new DeformAttnFunction(levels, options)
        .attend(
            projected.reshape(batch, 1, value.size(1), sizes.heads(), sizes.headChannels()),
            references.unsqueeze(1),
            samplingOffsets
                .forward(query)
                .reshape(batch, 1, queries, sizes.heads(), sizes.levels(), sizes.points(), 2),
            attentionWeights
                .forward(query)
                .reshape(batch, 1, queries, sizes.heads(), sizes.levels(), sizes.points()));
  }

  /** Between the caller's order of dimensions and [B, Q, C]. */
  private Tensor order(Tensor tensor) {
    return batchFirst ? tensor : tensor.transpose(0, 1);
  }
}
