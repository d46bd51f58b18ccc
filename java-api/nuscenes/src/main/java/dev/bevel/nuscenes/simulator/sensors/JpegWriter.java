package dev.bevel.nuscenes.simulator.sensors;

import dev.bevel.nuscenes.NuScenesException;
import java.awt.image.BufferedImage;
import java.awt.image.DataBufferInt;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Locale;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/** Writes pictures as baseline JPEG; the bytes are the same for one build of the JDK. */
public final class JpegWriter {
  private JpegWriter() {}

  /**
   * Writes a picture. The folder must exist; the file appears in one write, under its own name:
   * whoever makes a data set owns its folder and shows it when it is whole.
   *
   * @param quality 0–1, as {@link ImageWriteParam} means it
   * @throws NuScenesException naming the file if it cannot be written
   */
  public static void write(Path file, Rendering rendering, float quality) {
    try {
      Files.write(file, encode(rendering, quality));
    } catch (IOException e) {
      throw new NuScenesException(
          String.format(Locale.ROOT, "image %s cannot be written: %s", file, e), e);
    }
  }

  private static byte[] encode(Rendering rendering, float quality) throws IOException {
    BufferedImage image =
        new BufferedImage(rendering.width(), rendering.height(), BufferedImage.TYPE_INT_RGB);
    int[] pixels = ((DataBufferInt) image.getRaster().getDataBuffer()).getData();
    System.arraycopy(rendering.rgb(), 0, pixels, 0, pixels.length);
    Iterator<ImageWriter> writers = ImageIO.getImageWritersByFormatName("jpeg");
    if (!writers.hasNext()) {
      throw new IOException("this Java runtime has no JPEG encoder (module java.desktop)");
    }
    ImageWriter writer = writers.next();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(1 << 17);
    try (MemoryCacheImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
      ImageWriteParam settings = writer.getDefaultWriteParam();
      settings.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
      settings.setCompressionQuality(quality);
      writer.setOutput(out);
      writer.write(null, new IIOImage(image, null, null), settings);
    } finally {
      writer.dispose();
    }
    return bytes.toByteArray();
  }
}
