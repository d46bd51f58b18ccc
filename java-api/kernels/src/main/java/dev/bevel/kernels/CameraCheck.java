package dev.bevel.kernels;

import dev.bevel.kernels.checks.CameraMatrices;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Whether the matrices of a geometry can be those of cameras. */
final class CameraCheck {
  private CameraCheck() {}

  /**
   * Refuses matrices of no camera. Those on CUDA are not looked at; of other dtypes or strides than
   * it takes the C library tells.
   *
   * @param name in the message
   * @param matrices square ones of {@code size}, or null
   * @param inverted how many of their first rows and columns must be invertible
   */
  static void require(String name, @Nullable TensorView matrices, int size, int inverted) {
    if (matrices == null || matrices.device().isCuda() || !matrices.isCompact()) {
      return;
    }
    double[] values =
        switch (matrices.dtype()) {
          case FLOAT64 -> matrices.toDoubleArray();
          case FLOAT32 -> doubles(matrices.toFloatArray());
          default -> new double[0];
        };
    String fault = CameraMatrices.fault(values, size, inverted);
    if (fault != null) {
      throw new BevelException(Status.INVALID_ARGUMENT, "LiftSplatGeometry: " + name + fault);
    }
  }

  private static double[] doubles(float[] values) {
    return IntStream.range(0, values.length).mapToDouble(i -> values[i]).toArray();
  }
}
