package dev.bevel.nuscenes;

import java.awt.image.BufferedImage;
import java.awt.image.DataBufferInt;
import java.nio.file.Path;
import java.util.Locale;

/**
 * An 8-bit RGB image: {@code rgb[(y * width + x) * 3 + channel]}, row 0 at the top. The array is
 * shared, not copied, since images are large; whoever makes the image hands the array over.
 */
public final class RgbImage {
  /** The most pixels an image may have. A nuScenes image has 1.44 million. */
  public static final int MAX_PIXELS = 1 << 26;

  private final int width;
  private final int height;
  private final byte[] rgb;

  /**
   * Wraps pixels.
   *
   * @throws NuScenesException if the array does not have {@code width * height * 3} bytes or the
   *     image is empty or too large
   */
  public RgbImage(int width, int height, byte[] rgb) {
    checkSize(width, height, "image");
    if (rgb.length != width * height * 3) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "image of %d×%d needs %d bytes, got %d",
              width,
              height,
              width * height * 3,
              rgb.length));
    }
    this.width = width;
    this.height = height;
    this.rgb = rgb;
  }

  /** A black image. */
  public static RgbImage black(int width, int height) {
    checkSize(width, height, "image");
    return new RgbImage(width, height, new byte[width * height * 3]);
  }

  /** Pixels in a row. */
  public int width() {
    return width;
  }

  /** Rows. */
  public int height() {
    return height;
  }

  /** The pixels themselves, {@code [height, width, 3]}; not a copy. */
  public byte[] rgb() {
    return rgb;
  }

  static void checkSize(int width, int height, String what) {
    if (width <= 0 || height <= 0 || (long) width * height > MAX_PIXELS) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "%s must have a size from 1×1 to %d pixels in all, got %d×%d",
              what,
              MAX_PIXELS,
              width,
              height));
    }
  }

  /**
   * Decodes a JPEG file and trusts nothing: a decoder warning, a missing end marker, a size other
   * than expected, or an absurd size is an error. (Java's decoder by itself fills what is missing
   * of a truncated file with grey and goes on.)
   *
   * @param expectedWidth the width the tables promise
   * @param expectedHeight the height the tables promise
   * @throws NuScenesException naming the file and what is wrong with it
   */
  public static RgbImage readJpeg(Path file, int expectedWidth, int expectedHeight) {
    return JpegFile.read(file, expectedWidth, expectedHeight);
  }

  /** A copy for Java2D, of type {@link BufferedImage#TYPE_INT_RGB}. */
  public BufferedImage toBufferedImage() {
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    int[] packed = ((DataBufferInt) image.getRaster().getDataBuffer()).getData();
    for (int i = 0; i < packed.length; i++) {
      packed[i] =
          ((rgb[3 * i] & 0xff) << 16) | ((rgb[3 * i + 1] & 0xff) << 8) | (rgb[3 * i + 2] & 0xff);
    }
    return image;
  }
}
