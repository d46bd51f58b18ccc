package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.testing.Seed;
import java.math.BigInteger;
import java.util.Random;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/**
 * Records of numbers refuse those that mean nothing where they are made, and work out sizes that
 * are right or refused: no division by zero, no product that wraps around.
 */
class SettingsTest {
  private static final int MAX = Integer.MAX_VALUE;

  private static void refused(ThrowingCallable call, String message) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            BevelException.class, e -> assertThat(e.status()).isEqualTo(Status.INVALID_ARGUMENT))
        .hasMessageContaining(message);
  }

  @Test
  void everyNumberOfAConvolutionIsChecked() {
    String[] names = {
      "stride", "stride", "padding", "padding", "dilation", "dilation", "groups", "groups"
    };
    int[] least = {1, 1, 0, 0, 1, 1, 1, 1};
    for (int i = 0; i < names.length; i++) {
      for (int below : new int[] {least[i] - 1, -7, Integer.MIN_VALUE}) {
        int[] s = {1, 1, 0, 0, 1, 1, 1, 1};
        s[i] = below;
        refused(
            () -> new DeformConvSettings(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]),
            "DeformConvSettings: " + names[i]);
      }
    }
    refused(() -> DeformConvSettings.of(0, 1, 1), "stride must be at least 1 both ways, got 0");
    refused(() -> DeformConvSettings.of(1, 1, 1).withGroups(0, 1), "at least 1, got 0 and 1");
  }

  /** Against whole numbers without bounds. */
  @Test
  void sidesOfOutputsAreRightOrRefused() {
    Random random = Seed.random(SettingsTest.class);
    int exceeded = 0;
    for (int i = 0; i < 20_000; i++) {
      DeformConvSettings settings =
          DeformConvSettings.of(1 + number(random), number(random), 1 + number(random));
      long side = large(random);
      long kernel = 1 + large(random) / 2;
      BigInteger padded = big(side).add(big(settings.paddingY()).shiftLeft(1));
      BigInteger reach = big(settings.dilationY()).multiply(big(kernel - 1)).add(BigInteger.ONE);
      if (padded.bitLength() > 63 || reach.bitLength() > 63) {
        exceeded++;
        refused(() -> settings.outRows(side, kernel), "exceeds 63 bits");
        continue;
      }
      BigInteger expected =
          reach.compareTo(padded) > 0
              ? BigInteger.ZERO
              : padded.subtract(reach).divide(big(settings.strideY())).add(BigInteger.ONE);
      assertThat(settings.outRows(side, kernel))
          .as("%s, %d rows, kernel of %d", settings, side, kernel)
          .isEqualTo(expected.longValueExact())
          .isEqualTo(settings.outColumns(side, kernel));
    }
    assertThat(exceeded).isBetween(100, 19_000);
    refused(() -> DeformConvSettings.of(1, 1, 1).outRows(-1, 3), "got -1 and 3");
    refused(() -> DeformConvSettings.of(1, 1, 1).outColumns(5, 0), "got 5 and 0");
  }

  private static BigInteger big(long number) {
    return BigInteger.valueOf(number);
  }

  /** Of any magnitude. */
  private static int number(Random random) {
    return random.nextInt(MAX) >> random.nextInt(31);
  }

  private static long large(Random random) {
    return random.nextLong(Long.MAX_VALUE) >> random.nextInt(63);
  }

  @Test
  void rowsOfLevelsDoNotWrapAround() {
    assertThat(new ValueLevels.Level(MAX, MAX, 0).rows()).isEqualTo((long) MAX * MAX);
    long last = Long.MAX_VALUE - (long) MAX * MAX;
    assertThat(new ValueLevels.Level(MAX, MAX, last)).isNotNull();
    refused(() -> new ValueLevels.Level(MAX, MAX, last + 1), "must end before row 2^63");
    refused(() -> new ValueLevels.Level(1, 1, Long.MAX_VALUE), "must end before row 2^63");
    refused(() -> ValueLevels.of(MAX, MAX, MAX, MAX, MAX, MAX), "must end before row 2^63");
  }

  @Test
  void boundsAreFinite() {
    for (double bad :
        new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 5}) {
      for (int i = 0; i < 3; i++) {
        double[] b = {-1, -1, -1, 1, 1, 1};
        b[i] = bad;
        refused(
            () -> new PointRange(b[0], b[1], b[2], b[3], b[4], b[5]),
            "PointRange: bounds must be finite, lower ones below upper ones, got (");
      }
    }
    refused(() -> new PointRange(0, 0, 3, 1, 1, 3), "lower ones below upper ones");
    refused(() -> new PointRange(-1e308, 0, 0, 1e308, 1, 1), "must be finite");
    refused(() -> new BevGrid.Axis(0, 1e308, 5), "upper end of an axis must be finite");
    refused(() -> new BevGrid.Axis(Double.NaN, 1, 5), "a finite lower end");
    refused(() -> new PillarGrid(0, 1, 1, new PointRange(0, 0, 0, 1, 1, 1)), "0 × 1 × 1");
    refused(() -> new Device(Device.Type.CUDA, -1), "got -1");
    refused(
        () ->
            new PointSamplingInputs.Images(
                TensorView.ofAddress(0, DType.FLOAT32, Device.CPU, 0), MAX, -1),
        "a height and a width of at least 1, got " + MAX + " × -1");
  }
}
