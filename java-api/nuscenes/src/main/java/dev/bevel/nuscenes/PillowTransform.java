package dev.bevel.nuscenes;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.Locale;

/**
 * Pillow's left-right flip and nearest-neighbour rotation, bit for bit. Source of the method: the
 * Pillow project.
 */
final class PillowTransform {
  private PillowTransform() {}

  static RgbImage flipLeftRight(RgbImage image) {
    int width = image.width();
    RgbImage result = RgbImage.black(width, image.height());
    for (int y = 0; y < image.height(); y++) {
      for (int x = 0; x < width; x++) {
        copyPixel(image, (y * width + width - 1 - x) * 3, result, (y * width + x) * 3);
      }
    }
    return result;
  }

  /**
   * Rotates about the centre, counter-clockwise as seen; the result has the size of the input and
   * is black where nothing lands.
   */
  static RgbImage rotate(RgbImage image, double degrees) {
    double angle = degrees - 360 * Math.floor(degrees / 360);
    if (angle == 0) {
      return image;
    }
    double radians = -Math.toRadians(angle);
    double cos = round15(Math.cos(radians));
    double sin = round15(Math.sin(radians));
    double cx = image.width() / 2.0;
    double cy = image.height() / 2.0;
    // Output pixel → input pixel: x' = cos x + sin y + c, y' = −sin x + cos y + f.
    double minusSin = round15(-Math.sin(radians));
    double c = cos * -cx + sin * -cy + 0.0 + cx;
    double f = minusSin * -cx + cos * -cy + 0.0 + cy;
    return affineNearest(image, cos, sin, c, minusSin, cos, f);
  }

  /** 16.16 fixed point, as Pillow does for images whose coordinates fit. */
  private static RgbImage affineNearest(
      RgbImage image, double a, double b, double c, double d, double e, double f) {
    int width = image.width();
    int height = image.height();
    if (Math.max(width, height) >= 1 << 14) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "an image to rotate must be smaller than 16384 pixels, got %d×%d",
              width,
              height));
    }
    RgbImage result = RgbImage.black(width, height);
    int stepXx = fixed(a);
    int stepXy = fixed(b);
    int stepYx = fixed(d);
    int stepYy = fixed(e);
    int rowX = fixed(c + a * 0.5 + b * 0.5);
    int rowY = fixed(f + d * 0.5 + e * 0.5);
    for (int y = 0; y < height; y++, rowX += stepXy, rowY += stepYy) {
      int fromX = rowX;
      int fromY = rowY;
      for (int x = 0; x < width; x++, fromX += stepXx, fromY += stepYx) {
        int sx = fromX >> 16;
        int sy = fromY >> 16;
        if (sx >= 0 && sx < width && sy >= 0 && sy < height) {
          copyPixel(image, (sy * width + sx) * 3, result, (y * width + x) * 3);
        }
      }
    }
    return result;
  }

  private static int fixed(double value) {
    return (int) Math.floor(value * 65536.0 + 0.5);
  }

  /** Python's {@code round(value, 15)}: the nearest decimal of the exact value. */
  private static double round15(double value) {
    return new BigDecimal(value).setScale(15, RoundingMode.HALF_EVEN).doubleValue();
  }

  private static void copyPixel(RgbImage from, int source, RgbImage to, int target) {
    to.rgb()[target] = from.rgb()[source];
    to.rgb()[target + 1] = from.rgb()[source + 1];
    to.rgb()[target + 2] = from.rgb()[source + 2];
  }
}
