package dev.bevel.testing;

import static org.assertj.core.api.Assertions.assertThat;

import org.assertj.core.data.Offset;
import org.bytedeco.pytorch.Tensor;

/** Comparisons of tensors. */
public final class TensorAssert {
  private TensorAssert() {}

  /**
   * Asserts equal shapes, and elements that differ by at most {@code tolerance · max(1, largest
   * expected magnitude)}.
   */
  public static void assertClose(Tensor actual, Tensor expected, double tolerance) {
    assertThat(actual.shape()).isEqualTo(expected.shape());
    double[] a = GradientCheck.doubles(actual);
    double[] b = GradientCheck.doubles(expected);
    double scale = 1;
    for (double value : b) {
      scale = Math.max(scale, Math.abs(value));
    }
    assertThat(a).containsExactly(b, Offset.offset(tolerance * scale));
  }

  /** The largest difference between elements of tensors of one shape. */
  public static double largestDifference(Tensor actual, Tensor expected) {
    assertThat(actual.shape()).isEqualTo(expected.shape());
    double[] a = GradientCheck.doubles(actual);
    double[] b = GradientCheck.doubles(expected);
    double largest = 0;
    for (int i = 0; i < a.length; i++) {
      double difference = Math.abs(a[i] - b[i]);
      assertThat(difference).as("element %d: %s, expected %s", i, a[i], b[i]).isNotNaN();
      largest = Math.max(largest, difference);
    }
    return largest;
  }
}
