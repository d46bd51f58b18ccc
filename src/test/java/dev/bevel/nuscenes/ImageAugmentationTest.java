package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ImageAugmentationTest {

  /** Every byte pseudo-random, by a formula any language can repeat. */
  static RgbImage noise(int width, int height) {
    byte[] rgb = new byte[width * height * 3];
    for (int i = 0; i < rgb.length; i++) {
      rgb[i] = (byte) ((i * 2654435761L) >>> 24);
    }
    return new RgbImage(width, height, rgb);
  }

  private static RgbImage smooth(int width, int height) {
    byte[] rgb = new byte[width * height * 3];
    for (int y = 0, i = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        for (int c = 0; c < 3; c++) {
          rgb[i++] = (byte) (x * (c + 1) + y * (3 - c) + x * y / 37);
        }
      }
    }
    return new RgbImage(width, height, rgb);
  }

  /**
   * The last column was made by Pillow 9.4.0: the first 16 hex digits of the SHA-256 of the
   * resulting RGB bytes.
   */
  @ParameterizedTest
  @CsvSource({
    "noise,160,90,0.44,3,-5,64,48,true,5.4,a42c95e6beb7da76",
    "noise,160,90,1.32,10,20,128,64,false,-3.7,f1edc740dee17114",
    "noise,160,90,0.5,-7,4,90,60,false,0,dc881c86045d763e",
    "noise,1600,900,0.44,0,140,704,256,false,0,3366a5da3fdcc84b",
    "noise,1600,900,0.22,0,70,352,128,false,0,08ade0dfcf11bbe1",
    "noise,1600,900,0.487123,37,182,704,256,true,-5.1234,c6de161077ca8726",
    "noise,160,90,1.0,0,0,160,90,false,180,fd46a229f0b30778",
    "noise,160,90,1.0,20,3,77,60,true,37.25,13d53a3a345d1050",
    "noise,33,7,0.31,0,0,10,2,false,90,83fa4884e0b5f6dd",
    "smooth,160,90,0.44,3,-5,64,48,true,5.4,7b87e1911b5ff0fa",
    "smooth,160,90,1.32,10,20,128,64,false,-3.7,28557d9f2f5358ee",
    "smooth,160,90,0.5,-7,4,90,60,false,0,a1897352efa811be",
    "smooth,1600,900,0.44,0,140,704,256,false,0,200b5b6e6b7c779c",
    "smooth,1600,900,0.22,0,70,352,128,false,0,9dff3c7f23383bbb",
    "smooth,1600,900,0.487123,37,182,704,256,true,-5.1234,d75370c2933150a4",
    "smooth,160,90,1.0,0,0,160,90,false,180,5a584d5c4d3ab07e",
    "smooth,160,90,1.0,20,3,77,60,true,37.25,a40f085ebb73b2d2",
    "smooth,33,7,0.31,0,0,10,2,false,90,56ee4edd79b79add"
  })
  void pixelsEqualPillow(
      String content,
      int w,
      int h,
      double resize,
      int x,
      int y,
      int outW,
      int outH,
      boolean flip,
      double rotation,
      String sha)
      throws Exception {
    RgbImage raw = content.equals("noise") ? noise(w, h) : smooth(w, h);
    RgbImage result = new ImageAugmentation(resize, x, y, outW, outH, flip, rotation).apply(raw);
    assertThat(result.width()).isEqualTo(outW);
    assertThat(result.height()).isEqualTo(outH);
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(result.rgb());
    assertThat(HexFormat.of().formatHex(digest)).startsWith(sha);
  }

  /**
   * A slow reference in double, written from the definition of the antialiased cubic, agrees to
   * rounding (±1 level a pass).
   */
  @Test
  void resizeIsTheAntialiasedCubicConvolution() {
    RgbImage raw = noise(47, 31);
    RgbImage result = PillowResize.resizeAndCrop(raw, 19, 45, 0, 0, 19, 45);
    double worst = 0;
    for (int y = 0; y < 45; y++) {
      for (int x = 0; x < 19; x++) {
        for (int c = 0; c < 3; c++) {
          double reference = Math.clamp(convolve(raw, x, y, c, 19, 45), 0.0, 255.0);
          worst =
              Math.max(worst, Math.abs(reference - (result.rgb()[(y * 19 + x) * 3 + c] & 0xff)));
        }
      }
    }
    assertThat(worst).isLessThan(1.5);
  }

  private static double convolve(RgbImage raw, int x, int y, int c, int outW, int outH) {
    double sum = 0;
    for (int j = 0; j < raw.height(); j++) {
      double row = 0;
      for (int i = 0; i < raw.width(); i++) {
        row += weight(i, x, raw.width(), outW) * (raw.rgb()[(j * raw.width() + i) * 3 + c] & 0xff);
      }
      // The 8-bit intermediate image clips overshoot.
      sum += weight(j, y, raw.height(), outH) * Math.clamp(row, 0.0, 255.0);
    }
    return sum;
  }

  private static double weight(int in, int out, int inputs, int outputs) {
    double total = 0;
    for (int i = 0; i < inputs; i++) {
      total += cubic(i, out, inputs, outputs);
    }
    return cubic(in, out, inputs, outputs) / total;
  }

  private static double cubic(int in, int out, int inputs, int outputs) {
    double scale = (double) inputs / outputs;
    double t = Math.abs((in + 0.5 - (out + 0.5) * scale) / Math.max(1, scale));
    double a = -0.5;
    return t < 1
        ? (a + 2) * t * t * t - (a + 3) * t * t + 1
        : t < 2 ? a * (t * t * t - 5 * t * t + 8 * t - 4) : 0;
  }

  @Test
  void matrixComposesResizeCropFlipRotationInThatOrder() {
    ImageAugmentation augmentation = new ImageAugmentation(0.5, 30, 40, 704, 256, true, 3);
    double[] m = augmentation.matrix();
    double u = 0.5 * 811 - 30;
    double v = 0.5 * 333 - 40;
    u = 704 - u;
    double angle = Math.toRadians(3);
    double du = u - 352;
    double dv = v - 128;
    assertThat(m[0] * 811 + m[1] * 333 + m[3])
        .isCloseTo(Math.cos(angle) * du + Math.sin(angle) * dv + 352, within());
    assertThat(m[4] * 811 + m[5] * 333 + m[7])
        .isCloseTo(-Math.sin(angle) * du + Math.cos(angle) * dv + 128, within());
    assertThat(new double[] {m[2], m[6], m[8], m[9], m[10], m[11], m[12], m[13], m[14], m[15]})
        .containsExactly(0, 0, 0, 0, 1, 0, 0, 0, 0, 1);
    assertThat(augmentation.postRotation()).containsExactly(m[0], m[1], 0, m[4], m[5], 0, 0, 0, 1);
    assertThat(augmentation.postTranslation()).containsExactly(m[3], m[7], 0);
  }

  private static org.assertj.core.data.Offset<Double> within() {
    return org.assertj.core.data.Offset.offset(1e-9);
  }

  /** Pixels and matrix must tell the same story: a bright spot ends where the matrix says. */
  @Test
  void spotMovesAsTheMatrixSays() {
    long seed = 20260107;
    Random random = new Random(seed);
    for (int trial = 0; trial < 40; trial++) {
      ImageAugmentation augmentation =
          new ImageAugmentation.Ranges(0.7, 1.3, 0.64, true, 8).draw(random, 200, 120, 128, 64);
      int spotX = 40 + random.nextInt(120);
      int spotY = 30 + random.nextInt(80);
      RgbImage raw = RgbImage.black(200, 120);
      for (int y = spotY - 2; y <= spotY + 2; y++) {
        for (int x = spotX - 2; x <= spotX + 2; x++) {
          raw.rgb()[(y * 200 + x) * 3] = (byte) 255;
        }
      }
      double[] m = augmentation.matrix();
      double u = m[0] * (spotX + 0.5) + m[1] * (spotY + 0.5) + m[3];
      double v = m[4] * (spotX + 0.5) + m[5] * (spotY + 0.5) + m[7];
      if (u < 8 || u > 120 || v < 8 || v > 56) {
        continue;
      }
      double[] centre = brightCentre(augmentation.apply(raw));
      String what = String.format(Locale.ROOT, "seed %d, trial %d, %s", seed, trial, augmentation);
      // Resized sizes are truncated and rotation takes the nearest pixel, so up to about a pixel.
      assertThat(centre[0]).as(what).isCloseTo(u, org.assertj.core.data.Offset.offset(1.2));
      assertThat(centre[1]).as(what).isCloseTo(v, org.assertj.core.data.Offset.offset(1.2));
    }
  }

  private static double[] brightCentre(RgbImage image) {
    double sum = 0;
    double sx = 0;
    double sy = 0;
    for (int y = 0; y < image.height(); y++) {
      for (int x = 0; x < image.width(); x++) {
        int value = image.rgb()[(y * image.width() + x) * 3] & 0xff;
        sum += value;
        sx += value * (x + 0.5);
        sy += value * (y + 0.5);
      }
    }
    return new double[] {sx / sum, sy / sum};
  }

  @Test
  void inferenceIsBevDepthsTestSetting() {
    assertThat(ImageAugmentation.inference(1600, 900, 704, 256))
        .isEqualTo(new ImageAugmentation(0.44, 0, 140, 704, 256, false, 0));
    assertThat(ImageAugmentation.inference(1600, 900, 352, 128))
        .isEqualTo(new ImageAugmentation(0.22, 0, 70, 352, 128, false, 0));
  }

  @Test
  void drawsStayInRangeAndRepeat() {
    ImageAugmentation.Ranges ranges = ImageAugmentation.Ranges.bevDepth(704);
    Random a = new Random(5);
    Random b = new Random(5);
    int flips = 0;
    for (int i = 0; i < 500; i++) {
      ImageAugmentation drawn = ranges.draw(a, 1600, 900, 704, 256);
      assertThat(drawn).isEqualTo(ranges.draw(b, 1600, 900, 704, 256));
      assertThat(drawn.resize()).isBetween(0.386, 0.55);
      assertThat(drawn.rotation()).isBetween(-5.4, 5.4);
      assertThat(drawn.cropX()).isBetween(0, Math.max(0, (int) (1600 * drawn.resize()) - 704));
      assertThat(drawn.cropY()).isEqualTo((int) (900 * drawn.resize()) - 256);
      flips += drawn.flip() ? 1 : 0;
    }
    assertThat(flips).isBetween(200, 300);
  }

  @Test
  void badArgumentsAreRefused() {
    assertThatThrownBy(() -> new ImageAugmentation(0, 0, 0, 4, 4, false, 0))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("resize");
    assertThatThrownBy(() -> new ImageAugmentation(1, 0, 0, 4, 4, false, Double.NaN))
        .isInstanceOf(NuScenesException.class);
    assertThatThrownBy(() -> new ImageAugmentation(1, 0, 0, 1 << 20, 1 << 20, false, 0))
        .isInstanceOf(NuScenesException.class);
    assertThatThrownBy(() -> new ImageAugmentation(1e-6, 0, 0, 4, 4, false, 0).apply(noise(9, 9)))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("resized image");
    assertThatThrownBy(() -> new ImageAugmentation(1e6, 0, 0, 4, 4, false, 0).apply(noise(9, 9)))
        .isInstanceOf(NuScenesException.class);
  }

  @Test
  void cropOutsideIsBlack() {
    RgbImage far =
        new ImageAugmentation(1, Integer.MAX_VALUE - 3, Integer.MIN_VALUE, 8, 8, false, 0)
            .apply(noise(16, 16));
    assertThat(far.rgb()).containsOnly(0);
  }
}
