package dev.bevel.torch.nn;

import static dev.bevel.torch.TensorHold.require;
import static dev.bevel.torch.TensorHold.requireAll;

import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/** Operations without parameters. Results belong to the innermost scope of the thread. */
public final class Ops {
  private Ops() {}

  /** max(x, 0), a new tensor. */
  public static Tensor relu(Tensor x) {
    return torch.relu(require("Ops.relu", "x", x));
  }

  /**
   * Maximum over windows of 3×3 with stride 2 and padding 1: the one after the stem of a ResNet.
   * [N,C,H,W] → [N,C,⌈H/2⌉,⌈W/2⌉].
   */
  public static Tensor stemMaxPool(Tensor x) {
    require("Ops.stemMaxPool", "x", x);
    return torch.max_pool2d(x, pair(3), pair(2), pair(1), pair(1), false);
  }

  /** Resizes [N,C,h,w] to [N,C,height,width] bilinearly, corners aligned. */
  public static Tensor bilinear(Tensor x, long height, long width) {
    require("Ops.bilinear", "x", x);
    return torch.upsample_bilinear2d(x, new long[] {height, width}, true);
  }

  /** Resizes [N,C,h,w] to [N,C,height,width] by the nearest pixel. */
  public static Tensor nearest(Tensor x, long height, long width) {
    require("Ops.nearest", "x", x);
    return torch.upsample_nearest2d(
        x, new long[] {height, width}, new DoubleOptional(), new DoubleOptional());
  }

  /** Mean over H and W: [N,C,H,W] → [N,C,1,1]. */
  public static Tensor globalAverage(Tensor x) {
    require("Ops.globalAverage", "x", x);
    return torch.adaptive_avg_pool2d(x, 1, 1);
  }

  /** Concatenates along dimension 1. */
  public static Tensor concatChannels(Tensor... parts) {
    requireAll("Ops.concatChannels", "parts", parts);
    return torch.cat(new TensorVector(parts), 1);
  }

  private static long[] pair(long value) {
    return new long[] {value, value};
  }
}
