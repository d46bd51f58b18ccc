package dev.bevel.torch.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class CalibrationTest {
  private static double[] count(int from, int size) {
    int side = size % 9 == 0 ? 3 : 4;
    double[] values = IntStream.range(from, from + size).asDoubleStream().toArray();
    for (int i = 0; i < size; i++) {
      int inMatrix = i % (side * side);
      values[i] += inMatrix % (side + 1) == 0 ? 1000 : 0; // so that they can be inverted
      if (inMatrix >= 12) {
        values[i] = inMatrix == 15 ? 1 : 0;
      }
    }
    return values;
  }

  @Test
  void cameraVectorFollowsUpstreamsOrder() {
    // Matrices filled with their own index tell which entry went where.
    Calibration calibration =
        new Calibration(2, 1, count(0, 18), count(100, 32), count(200, 32), count(300, 32));
    double[] vectors = calibration.cameraVectors();
    assertThat(vectors).hasSize(54);
    assertThat(Arrays.copyOfRange(vectors, 27, 54))
        .containsExactly(
            1009, 1013, 11, 14, 1216, 217, 219, 220, 1221, 223, 1316, 317, 320, 1321, 1326, 1116,
            117, 118, 119, 120, 1121, 122, 123, 124, 125, 1126, 127);
  }

  @Test
  void equalNumbersAreEqualCalibrations() {
    Calibration a = new Calibration(1, 1, count(0, 9), count(0, 16), count(0, 16), null);
    Calibration b = new Calibration(1, 1, count(0, 9), count(0, 16), count(0, 16), null);
    Calibration c = new Calibration(1, 1, count(1, 9), count(0, 16), count(0, 16), null);
    assertThat(a).isEqualTo(b).hasSameHashCodeAs(b).isNotEqualTo(c);
  }

  @Test
  void wrongSizesAndNumbersAreRefused() {
    assertThatThrownBy(() -> new Calibration(1, 2, count(0, 9), count(0, 32), count(0, 32), null))
        .hasMessage("Calibration: intrinsics must have 18 values, got 9");
    double[] nan = count(0, 16);
    nan[3] = Double.NaN;
    assertThatThrownBy(() -> new Calibration(1, 1, count(0, 9), nan, count(0, 16), null))
        .hasMessage("Calibration: cameraToBev[0] holds NaN in row 0, column 3");
    assertThatThrownBy(() -> new Calibration(0, 1, count(0, 0), count(0, 0), count(0, 0), null))
        .hasMessageContaining("must be 1 or more");
  }

  /** Of each matrix a NaN, an infinity, nothing but zeros, and two equal rows. */
  @Test
  void matricesOfNoCameraAreRefused() {
    List<String> names =
        List.of("intrinsics", "cameraToBev", "imageAugmentation", "bevAugmentation");
    for (int matrix = 0; matrix < names.size(); matrix++) {
      int size = matrix == 0 ? 3 : 4;
      double[] nan = count(0, 2 * size * size);
      nan[size * size + size] = Double.NaN;
      assertRefused(matrix, nan, names.get(matrix) + "[1] holds NaN in row 1, column 0");
      double[] infinite = count(0, 2 * size * size);
      infinite[1] = Double.NEGATIVE_INFINITY;
      assertRefused(matrix, infinite, names.get(matrix) + "[0] holds -Infinity in row 0, column 1");
      double[] zero = count(0, 2 * size * size);
      Arrays.fill(zero, size * size, 2 * size * size, 0);
      String singular = " is singular: its first " + (matrix == 2 ? 2 : 3) + " rows and columns";
      assertRefused(matrix, zero, names.get(matrix) + "[1]" + singular);
      double[] equalRows = count(0, 2 * size * size);
      System.arraycopy(equalRows, 0, equalRows, size, size);
      assertRefused(matrix, equalRows, names.get(matrix) + "[0]" + singular);
    }
  }

  @Test
  void transposedTransformsAreRefused() {
    for (int matrix = 1; matrix < 4; matrix++) {
      double[] transposed = count(0, 32);
      transposed[16 + 3] = 0;
      transposed[16 + 12] = 1.5;
      assertRefused(
          matrix,
          transposed,
          List.of("intrinsics", "cameraToBev", "imageAugmentation", "bevAugmentation").get(matrix)
              + "[1]: its last row must be 0 0 0 1, got 1.5 0.0 0.0 1.0 (is it transposed?");
    }
  }

  private static void assertRefused(int changed, double[] values, String message) {
    double[][] all = {count(0, 18), count(0, 32), count(0, 32), count(0, 32)};
    all[changed] = values;
    assertThatThrownBy(() -> new Calibration(2, 1, all[0], all[1], all[2], all[3]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("Calibration: " + message);
  }
}
