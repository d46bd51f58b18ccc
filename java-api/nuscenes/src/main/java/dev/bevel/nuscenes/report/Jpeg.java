package dev.bevel.nuscenes.report;

import dev.bevel.nuscenes.ImageEncoder;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.util.Base64;

/** Pictures inside the page, as JPEG in a {@code data:} URI. */
final class Jpeg {
  private static final float QUALITY = 0.82f;

  private Jpeg() {}

  /**
   * Writes a picture.
   *
   * @param image without transparency
   * @param width to which it is reduced if it is wider, pixels
   * @param alternative what it shows, in words
   */
  static void write(Html html, BufferedImage image, int width, String alternative) {
    BufferedImage small = reduced(image, width);
    html.single(
        "img",
        "src",
        "data:image/jpeg;base64,"
            + Base64.getEncoder().encodeToString(ImageEncoder.jpeg(small, QUALITY)),
        "width",
        Integer.toString(small.getWidth()),
        "height",
        Integer.toString(small.getHeight()),
        "alt",
        alternative);
  }

  private static BufferedImage reduced(BufferedImage image, int width) {
    if (image.getWidth() <= width) {
      return image;
    }
    int height = Math.max(1, (int) ((long) image.getHeight() * width / image.getWidth()));
    BufferedImage small = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    Graphics2D g = small.createGraphics();
    g.setRenderingHint(
        RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BILINEAR);
    g.drawImage(image, 0, 0, width, height, null);
    g.dispose();
    return small;
  }
}
