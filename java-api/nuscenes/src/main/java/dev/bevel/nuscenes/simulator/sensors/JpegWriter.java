package dev.bevel.nuscenes.simulator.sensors;

import dev.bevel.nuscenes.FileOutput;
import dev.bevel.nuscenes.ImageEncoder;
import java.awt.image.BufferedImage;
import java.awt.image.DataBufferInt;
import java.io.IOException;
import java.nio.file.Path;

/** Writes pictures as baseline JPEG; the bytes are the same for one build of the JDK. */
public final class JpegWriter {
  private JpegWriter() {}

  /**
   * Writes a picture. The folder must exist; the file appears in one write, under its own name:
   * whoever makes a data set owns its folder and shows it when it is whole.
   *
   * @param quality 0–1, as {@link javax.imageio.ImageWriteParam} means it
   * @throws IOException naming the file if it cannot be written
   */
  public static void write(Path file, Rendering rendering, float quality) throws IOException {
    BufferedImage image =
        new BufferedImage(rendering.width(), rendering.height(), BufferedImage.TYPE_INT_RGB);
    int[] pixels = ((DataBufferInt) image.getRaster().getDataBuffer()).getData();
    System.arraycopy(rendering.rgb(), 0, pixels, 0, pixels.length);
    byte[] bytes = ImageEncoder.jpeg(image, quality);
    FileOutput.write(file, out -> out.write(bytes));
  }
}
