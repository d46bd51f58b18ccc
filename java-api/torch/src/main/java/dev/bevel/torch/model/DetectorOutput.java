package dev.bevel.torch.model;

import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/**
 * What a detector returns; the tensors belong to the scope it ran in.
 *
 * @param tasks for each task the head's raw maps by name, [B, C, Y, X], as {@link
 *     CenterHeadNetwork#forward} describes
 * @param depthLogits [B·N, D, H, W]
 * @param depthProbabilities [B, N, D, H, W], their softmax over D, for depth supervision
 * @param bev the pooled map [B, C, Y, X], before the BEV encoder
 */
public record DetectorOutput(
    List<Map<String, Tensor>> tasks, Tensor depthLogits, Tensor depthProbabilities, Tensor bev) {
  /** Copies the list. */
  public DetectorOutput {
    tasks = List.copyOf(tasks);
  }
}
