package dev.bevel.torch.model;

import org.bytedeco.pytorch.Tensor;

/**
 * The splat: pools lifted camera features into a BEV map. A detector owns its pooling.
 *
 * <p>out[cell, c] = Σ over frustum points (n, d, h, w) in cell of softmax(depth)[n, d, h, w] ·
 * context[n, c, h, w]
 */
public interface ViewPooling extends AutoCloseable {
  /**
   * What pooling returns.
   *
   * @param bev [B, C·Z, Y, X] in any memory format
   * @param probabilities [B, N, D, H, W], the softmax of the logits over D
   */
  record Pooled(Tensor bev, Tensor probabilities) {}

  /**
   * Pools.
   *
   * @param calibration B batch elements of N cameras
   * @param depthLogits [B·N, D, H, W]
   * @param context [B·N, C, H, W]
   * @return map and probabilities; gradients flow from both to depthLogits, and from the map to
   *     context
   */
  Pooled pool(Calibration calibration, Tensor depthLogits, Tensor context);

  @Override
  void close();
}
