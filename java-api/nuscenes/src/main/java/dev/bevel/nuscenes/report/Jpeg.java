package dev.bevel.nuscenes.report;

import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Base64;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.MemoryCacheImageOutputStream;

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
        "data:image/jpeg;base64," + Base64.getEncoder().encodeToString(encode(small)),
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

  private static byte[] encode(BufferedImage image) {
    ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (var out = new MemoryCacheImageOutputStream(bytes)) {
      ImageWriteParam parameters = writer.getDefaultWriteParam();
      parameters.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
      parameters.setCompressionQuality(QUALITY);
      writer.setOutput(out);
      writer.write(null, new IIOImage(image, null, null), parameters);
    } catch (IOException e) {
      throw new UncheckedIOException(e); // nothing but memory is written to
    } finally {
      writer.dispose();
    }
    return bytes.toByteArray();
  }
}
