package dev.bevel.torch.bevformer;

import static dev.bevel.torch.bevformer.SamplingLayers.requireShape;

import dev.bevel.kernels.ValueLevels;
import dev.bevel.torch.TensorHold;
import dev.bevel.torch.autograd.DeformAttnFunction;
import dev.bevel.torch.autograd.DeformAttnOptions;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Linear;
import dev.bevel.torch.nn.Module;
import dev.bevel.torch.nn.Scopes;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * BEVFormer's temporal self-attention: every BEV query samples the previous BEV map and the present
 * one, each with offsets and weights of its own, and takes the mean.
 *
 * <p>Parameters as upstream: {@code sampling_offsets} [M·2·L·P·2, 2C], {@code attention_weights}
 * [M·2·L·P, 2C], {@code value_proj} and {@code output_proj} [C, C].
 */
public final class TemporalSelfAttention extends Module {
  private static final String NAME = "TemporalSelfAttention";

  /** The previous map and the present one. */
  private static final long QUEUES = 2;

  private final AttentionSizes sizes;
  private final DeformAttnOptions options;
  private final boolean upstreamRows;
  private final Linear samplingOffsets;
  private final Linear attentionWeights;
  private final Linear valueProj;
  private final Linear outputProj;

  /**
   * With a deterministic backward pass and each batch element's own previous map.
   *
   * @param sizes of the attention
   * @param init makes the first weights
   */
  public TemporalSelfAttention(AttentionSizes sizes, Initializer init) {
    this(sizes, DeformAttnOptions.DEFAULT, false, init);
  }

  /**
   * With all choices.
   *
   * @param sizes of the attention
   * @param options of the kernel; {@link DeformAttnOptions#DEFAULT}, or with another determinism
   * @param upstreamRows whether offsets and weights come, as upstream, from the first B of the 2B
   *     maps, which for B &gt; 1 are not the previous maps of the B batch elements (upstream trains
   *     and tests with B = 1, where it makes no difference)
   * @param init makes the first weights
   */
  public TemporalSelfAttention(
      AttentionSizes sizes, DeformAttnOptions options, boolean upstreamRows, Initializer init) {
    this.sizes = sizes;
    this.options = options;
    this.upstreamRows = upstreamRows;
    long in = QUEUES * sizes.channels();
    long groups = QUEUES * sizes.levels();
    samplingOffsets = child("sampling_offsets", SamplingLayers.offsets(in, sizes, groups, init));
    attentionWeights = child("attention_weights", SamplingLayers.logits(in, sizes, groups, init));
    valueProj = child("value_proj", SamplingLayers.projection(sizes, init));
    outputProj = child("output_proj", SamplingLayers.projection(sizes, init));
  }

  /**
   * Where the queries look: from their own place in the present map and, with history, from the
   * place that was there before the vehicle moved.
   *
   * @param grid [B, Q, L, 2] or [1, Q, L, 2], cell centres (x, y) in [0, 1]
   * @param shift [B, 2], (x, y) in shares of the map; null without history
   * @return [B, 2, Q, L, 2] for {@link #forward}
   */
  public static Tensor references(Tensor grid, @Nullable Tensor shift) {
    TensorHold.require(NAME, "grid", grid);
    TensorHold.requireIfGiven(NAME, "shift", shift);
    requireShape(NAME, "grid", grid, -1, -1, -1, 2);
    return Scopes.tidy(
        () -> {
          if (shift == null) {
            return torch.stack(new TensorVector(grid, grid), 1);
          }
          requireShape(NAME, "shift", shift, -1, 2);
          Tensor moved = grid.add(shift.unsqueeze(1).unsqueeze(1));
          return torch.stack(new TensorVector(moved, grid.expand_as(moved)), 1);
        });
  }

  /**
   * Attends.
   *
   * @param query [B, Q, C]; also what is added to the result
   * @param queryPos [B, Q, C], added to the query for offsets and weights; or null
   * @param maps [B, 2, S, C], the previous map and the encoder's input query; null without history:
   *     twice this query
   * @param references [B, 2, Q, L, 2] in [0, 1], see {@link #references}
   * @param levels the L levels of a map of S cells
   * @return [B, Q, C]
   */
  public Tensor forward(
      Tensor query,
      @Nullable Tensor queryPos,
      @Nullable Tensor maps,
      Tensor references,
      ValueLevels levels) {
    TensorHold.require(NAME, "query", query);
    TensorHold.requireIfGiven(NAME, "queryPos", queryPos);
    TensorHold.requireIfGiven(NAME, "maps", maps);
    TensorHold.require(NAME, "references", references);
    long batch = query.size(0);
    long queries = query.size(1);
    requireShape(NAME, "query", query, batch, queries, sizes.channels());
    requireShape(NAME, "references", references, batch, QUEUES, queries, sizes.levels(), 2);
    return tidy(
        () -> {
          Tensor both = maps == null ? torch.stack(new TensorVector(query, query), 1) : maps;
          requireShape(NAME, "maps", both, batch, QUEUES, -1, sizes.channels());
          Tensor positioned = queryPos == null ? query : query.add(queryPos);
          Tensor previous =
              upstreamRows ? both.flatten(0, 1).narrow(0, 0, batch) : both.select(1, 0);
          Tensor seen = torch.cat(new TensorVector(previous, positioned), -1);
          long[] perSample = {
            batch, queries, sizes.heads(), QUEUES, sizes.levels(), sizes.points(), 2
          };
          long[] perWeight = {
            batch, queries, sizes.heads(), QUEUES, sizes.levels(), sizes.points()
          };
          Tensor value =
              valueProj
                  .forward(both)
                  .reshape(batch, QUEUES, both.size(2), sizes.heads(), sizes.headChannels());
          Tensor sampled =
              new DeformAttnFunction(levels, options)
                  .attend(
                      value,
                      references,
                      samplingOffsets.forward(seen).reshape(perSample).permute(0, 3, 1, 2, 4, 5, 6),
                      attentionWeights.forward(seen).reshape(perWeight).permute(0, 3, 1, 2, 4, 5));
          Tensor out = outputProj.forward(sampled);
          return torch.dropout(out, sizes.dropout(), isTraining()).add(query);
        });
  }
}
