package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

/** Elements of tensors as arrays, and comparisons of them. */
final class TensorValues {
  private TensorValues() {}

  /** Asserts that elements differ by at most {@code bound · (1 + |expected|)}. */
  static void assertClose(double[] actual, double[] expected, double bound) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.length; i++) {
      assertThat(actual[i])
          .as("element %d", i)
          .isCloseTo(expected[i], within(bound * (1 + Math.abs(expected[i]))));
    }
  }

  static float[] floats(double[] values) {
    float[] result = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      result[i] = (float) values[i];
    }
    return result;
  }

  /** Elements of a float32 tensor. */
  static double[] doubles(TensorView floats) {
    return doubles(floats.toFloatArray());
  }

  static double[] doubles(float[] values) {
    double[] result = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      result[i] = values[i];
    }
    return result;
  }
}
