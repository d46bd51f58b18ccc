package dev.bevel.torch.head;

import static org.bytedeco.pytorch.global.torch.binary_cross_entropy;
import static org.bytedeco.pytorch.global.torch.zeros_like;

import dev.bevel.torch.TensorHold;
import java.util.Arrays;
import java.util.Locale;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch.Reduction;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Supervision of the depth distribution by LiDAR (BEVDepth, Li et al., AAAI 2023): binary
 * cross-entropy between the softmax over the depth bins and the one-hot true bin, summed over the
 * bins of every cell that a LiDAR point falls into, over the number of those cells.
 */
public final class DepthLoss {
  /** Marks a cell without a LiDAR point. */
  public static final int NO_DEPTH = -1;

  private final double weight;

  /**
   * @param weight factor of the loss; 3 in BEVDepth
   */
  public DepthLoss(double weight) {
    this.weight = weight;
  }

  private static ScalarOptional number(double value) {
    return new ScalarOptional(new Scalar(value));
  }

  /**
   * The term {@code depth}; 0 if no cell has a depth. Runs in the dtype of the probabilities, in
   * the caller's tensor scope.
   *
   * @param probabilities {@code [images, D, H, W]} or {@code [batch, cameras, D, H, W]}, the
   *     softmax over D
   * @param bins {@code [images, H, W]}: the true bin in 0..D−1, or {@link #NO_DEPTH}
   * @throws IllegalArgumentException if the sizes differ or a bin does not exist
   */
  public LossTerms compute(Tensor probabilities, int[] bins) {
    TensorHold.require("DepthLoss.compute", "probabilities", probabilities);
    Tensor maps = probabilities.dim() == 5 ? probabilities.flatten(0, 1) : probabilities;
    long[] shape = maps.shape();
    if (shape.length != 4 || shape[0] * shape[2] * shape[3] != bins.length) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "DepthLoss: probabilities must be [images, D, H, W] with one bin for each of the %d"
                  + " cells, got %s",
              bins.length,
              Arrays.toString(probabilities.shape())));
    }
    long[] cells = new long[bins.length];
    long[] known = new long[bins.length];
    int count = 0;
    for (int i = 0; i < bins.length; i++) {
      if (bins[i] == NO_DEPTH) {
        continue;
      }
      if (bins[i] < 0 || bins[i] >= shape[1]) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "DepthLoss: bin of cell %d must be in 0..%d or NO_DEPTH, got %d",
                i,
                shape[1] - 1,
                bins[i]));
      }
      cells[count] = i;
      known[count++] = bins[i];
    }
    Tensor rows = maps.permute(0, 2, 3, 1).reshape(bins.length, shape[1]);
    Tensor index = Tensor.create(Arrays.copyOf(cells, count)).to(rows.device(), ScalarType.Long);
    Tensor bin = Tensor.create(Arrays.copyOf(known, count)).to(rows.device(), ScalarType.Long);
    // Rounding may have gone beyond.
    Tensor p = rows.index_select(0, index).clamp(number(0), number(1));
    Tensor wanted = zeros_like(p).scatter_(1, bin.unsqueeze(1), new Scalar(1.0));
    Tensor sum = binary_cross_entropy(p, wanted, new TensorOptional(), Reduction.Sum.value);
    return new LossTerms().add("depth", sum.mul(new Scalar(weight / Math.max(1, count))));
  }
}
