package dev.bevel.torch.bevformer;

import static dev.bevel.torch.bevformer.SamplingLayers.requireShape;

import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.ValueLevels;
import dev.bevel.torch.TensorHold;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Linear;
import dev.bevel.torch.nn.Module;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * BEVFormer's spatial cross-attention: every BEV query samples the image features of the cameras
 * that one of its anchors is projected into, and takes the mean over these cameras. Nothing is
 * gathered by camera, padded or scattered back.
 *
 * <p>Parameters as upstream: {@code deformable_attention}, a {@link
 * MultiScaleDeformableAttention3D}, and {@code output_proj} [C, C].
 */
public final class SpatialCrossAttention extends Module {
  private static final String NAME = "SpatialCrossAttention";

  private final AttentionSizes sizes;
  private final boolean camerasOfFirstElement;
  private final MultiScaleDeformableAttention3D deformableAttention;
  private final Linear outputProj;

  /**
   * With a deterministic backward pass and each batch element's own cameras.
   *
   * @param sizes of the attention
   * @param init makes the first weights
   */
  public SpatialCrossAttention(AttentionSizes sizes, Initializer init) {
    this(sizes, Determinism.STRICT, false, init);
  }

  /**
   * With all choices.
   *
   * @param sizes of the attention
   * @param determinism of the gradient of the image features
   * @param camerasOfFirstElement whether, as upstream, every batch element's queries look into the
   *     cameras that the first element's do, while the sum is divided by the number of cameras that
   *     their own anchors are seen by
   * @param init makes the first weights
   */
  public SpatialCrossAttention(
      AttentionSizes sizes,
      Determinism determinism,
      boolean camerasOfFirstElement,
      Initializer init) {
    this.sizes = sizes;
    this.camerasOfFirstElement = camerasOfFirstElement;
    deformableAttention =
        child(
            "deformable_attention", new MultiScaleDeformableAttention3D(sizes, determinism, init));
    outputProj = child("output_proj", SamplingLayers.projection(sizes, init));
  }

  /**
   * Attends.
   *
   * @param query [B, Q, C]; also what is added to the result
   * @param queryPos [B, Q, C], added to the query for offsets and weights; or null, as BEVFormer's
   *     encoder has it
   * @param features of N cameras [N, S, B, C]
   * @param referencePointsCam anchors in the images, [N, B, Q, Z, 2], (x, y), in [0, 1] where
   *     inside
   * @param bevMask [N, B, Q, Z], Bool: whether the anchor is seen by the camera
   * @param levels the L levels of a camera's S pixels
   * @return [B, Q, C]
   */
  public Tensor forward(
      Tensor query,
      @Nullable Tensor queryPos,
      Tensor features,
      Tensor referencePointsCam,
      Tensor bevMask,
      ValueLevels levels) {
    TensorHold.require(NAME, "query", query);
    TensorHold.requireIfGiven(NAME, "queryPos", queryPos);
    TensorHold.require(NAME, "features", features);
    TensorHold.require(NAME, "referencePointsCam", referencePointsCam);
    TensorHold.require(NAME, "bevMask", bevMask);
    long batch = query.size(0);
    long queries = query.size(1);
    long cameras = features.size(0);
    requireShape(NAME, "query", query, batch, queries, sizes.channels());
    requireShape(NAME, "features", features, cameras, -1, batch, sizes.channels());
    requireShape(NAME, "referencePointsCam", referencePointsCam, cameras, batch, queries, -1, 2);
    requireShape(NAME, "bevMask", bevMask, cameras, batch, queries, referencePointsCam.size(3));
    return tidy(
        () -> {
          Tensor own = bevMask.any(-1).transpose(0, 1);
          Tensor looked = camerasOfFirstElement ? own.narrow(0, 0, 1).expand_as(own) : own;
          Tensor mean =
              deformableAttention.forward(
                  queryPos == null ? query : query.add(queryPos),
                  features.permute(2, 0, 1, 3),
                  referencePointsCam.transpose(0, 1),
                  looked,
                  levels);
          if (camerasOfFirstElement) {
            mean = mean.mul(count(looked).div(count(own)).to(mean.scalar_type()));
          }
          Tensor out = outputProj.forward(mean);
          return torch.dropout(out, sizes.dropout(), isTraining()).add(query);
        });
  }

  /** Cameras of each query, at least 1: [B, Q, 1]. */
  private static Tensor count(Tensor visible) {
    return visible
        .sum(new long[] {1}, false, new ScalarTypeOptional())
        .clamp_min(new Scalar(1))
        .unsqueeze(-1);
  }
}
