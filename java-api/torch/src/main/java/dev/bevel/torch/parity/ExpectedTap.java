package dev.bevel.torch.parity;

import dev.bevel.torch.nn.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;

/**
 * What upstream computed for one intermediate tensor.
 *
 * @param name of the tap
 * @param shape of the tensor
 * @param mean of all elements
 * @param std population standard deviation of all elements
 * @param l2 Euclidean norm of all elements
 * @param values elements j = 0, 1, ... at flat row-major index splitmix64(j) mod count
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record ExpectedTap(String name, long[] shape, double mean, double std, double l2, double[] values) {
  /** Compares a tensor with this tap; dimensions of size 1 do not count. */
  TapResult compare(Tensor tensor) {
    if (!Arrays.equals(withoutOnes(tensor.shape()), withoutOnes(shape))) {
      return new TapResult(
          name,
          true,
          "shape must be " + Arrays.toString(shape) + ", got " + Arrays.toString(tensor.shape()),
          Double.NaN);
    }
    double[] actual = Tensors.toDoubles(tensor);
    double largest = 0;
    for (int j = 0; j < values.length; j++) {
      int index = (int) Long.remainderUnsigned(SplitMix.mix(j), actual.length);
      largest = worse(largest, Math.abs(actual[index] - values[j]));
    }
    double sum = 0;
    double squares = 0;
    for (double value : actual) {
      sum += value;
      squares += value * value;
    }
    double actualMean = sum / actual.length;
    largest = worse(largest, Math.abs(actualMean - mean));
    // The norm grows with the root of the count: divided by it, it is on the scale of one element.
    largest = worse(largest, Math.abs(Math.sqrt(squares) - l2) / Math.sqrt(actual.length));
    return new TapResult(name, true, Arrays.toString(shape), largest / std);
  }

  /** The sizes but for those of 1, which do not change the order of the elements. */
  static long[] withoutOnes(long[] sizes) {
    return Arrays.stream(sizes).filter(size -> size != 1).toArray();
  }

  /** The larger one; NaN wins, so that it cannot hide. */
  private static double worse(double a, double b) {
    return Double.isNaN(a) || Double.isNaN(b) ? Double.NaN : Math.max(a, b);
  }
}
