package dev.bevel.nuscenes;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Iterator;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/**
 * Encodes pictures in memory. {@link ImageIO#write} to a stream would pass them through a file in
 * the temporary folder, which need not be there or have room.
 */
public final class ImageEncoder {
  private ImageEncoder() {}

  /** The picture as PNG, without loss. */
  public static byte[] png(BufferedImage image) {
    ImageWriter writer = writer("png");
    return encode(image, writer, writer.getDefaultWriteParam());
  }

  /**
   * The picture as baseline JPEG.
   *
   * @param image without transparency
   * @param quality 0–1, as {@link ImageWriteParam} means it
   */
  public static byte[] jpeg(BufferedImage image, float quality) {
    ImageWriter writer = writer("jpeg");
    ImageWriteParam settings = writer.getDefaultWriteParam();
    settings.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
    settings.setCompressionQuality(quality);
    return encode(image, writer, settings);
  }

  private static ImageWriter writer(String format) {
    Iterator<ImageWriter> writers = ImageIO.getImageWritersByFormatName(format);
    if (!writers.hasNext()) {
      throw new IllegalStateException(
          "this Java runtime has no encoder for " + format + " (module java.desktop)");
    }
    return writers.next();
  }

  private static byte[] encode(BufferedImage image, ImageWriter writer, ImageWriteParam settings) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(1 << 17);
    try (MemoryCacheImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
      writer.setOutput(out);
      writer.write(null, new IIOImage(image, null, null), settings);
    } catch (IOException e) {
      throw new UncheckedIOException(e); // nothing but memory is written to
    } finally {
      writer.dispose();
    }
    return bytes.toByteArray();
  }
}
