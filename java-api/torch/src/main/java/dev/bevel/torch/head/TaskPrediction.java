package dev.bevel.torch.head;

import dev.bevel.torch.TensorHold;
import java.util.Arrays;
import java.util.Locale;
import org.bytedeco.pytorch.Tensor;

/**
 * The raw output of one task's branches, {@code [B, channels, H, W]} each.
 *
 * @param reg 2 channels: offset of the centre from its cell's corner in x and y, cells
 * @param height 1: z of the gravity centre, m
 * @param dim 3: logarithms of d0, d1, d2
 * @param rot 2: sine and cosine of yaw, not normalised
 * @param vel 2: vx, vy in m/s
 * @param heatmap one logit per class
 */
public record TaskPrediction(
    Tensor reg, Tensor height, Tensor dim, Tensor rot, Tensor vel, Tensor heatmap) {
  /**
   * @throws IllegalArgumentException if a shape does not fit
   */
  public TaskPrediction {
    requireOpen("TaskPrediction", reg, height, dim, rot, vel, heatmap);
    long[] map = heatmap.shape();
    if (map.length != 4) {
      throw new IllegalArgumentException(
          "TaskPrediction: heatmap must be [B, classes, H, W], got " + Arrays.toString(map));
    }
    check("reg", reg, 2, map);
    check("height", height, 1, map);
    check("dim", dim, 3, map);
    check("rot", rot, 2, map);
    check("vel", vel, 2, map);
  }

  /** Refuses null tensors and closed ones; the scope of the forward pass may have ended. */
  void requireOpen(String operation) {
    requireOpen(operation, reg, height, dim, rot, vel, heatmap);
  }

  private static void requireOpen(
      String operation,
      Tensor reg,
      Tensor height,
      Tensor dim,
      Tensor rot,
      Tensor vel,
      Tensor heatmap) {
    TensorHold.require(operation, "reg", reg);
    TensorHold.require(operation, "height", height);
    TensorHold.require(operation, "dim", dim);
    TensorHold.require(operation, "rot", rot);
    TensorHold.require(operation, "vel", vel);
    TensorHold.require(operation, "heatmap", heatmap);
  }

  private static void check(String name, Tensor tensor, long channels, long[] map) {
    long[] expected = {map[0], channels, map[2], map[3]};
    if (!Arrays.equals(tensor.shape(), expected)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "TaskPrediction: %s must be %s to match the heatmap, got %s",
              name,
              Arrays.toString(expected),
              Arrays.toString(tensor.shape())));
    }
  }
}
