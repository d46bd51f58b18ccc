package dev.bevel.torch.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class CalibrationTest {
  private static double[] count(int from, int size) {
    return IntStream.range(from, from + size).asDoubleStream().toArray();
  }

  @Test
  void cameraVectorFollowsUpstreamsOrder() {
    // Matrices filled with their own index tell which entry went where.
    Calibration calibration =
        new Calibration(2, 1, count(0, 18), count(100, 32), count(200, 32), count(300, 32));
    double[] vectors = calibration.cameraVectors();
    assertThat(vectors).hasSize(54);
    assertThat(java.util.Arrays.copyOfRange(vectors, 27, 54))
        .containsExactly(
            9, 13, 11, 14, 216, 217, 219, 220, 221, 223, 316, 317, 320, 321, 326, 116, 117, 118,
            119, 120, 121, 122, 123, 124, 125, 126, 127);
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
        .hasMessage("Calibration: cameraToBev holds NaN");
    assertThatThrownBy(() -> new Calibration(0, 1, count(0, 0), count(0, 0), count(0, 0), null))
        .hasMessageContaining("must be 1 or more");
  }
}
