package dev.bevel.nuscenes.simulator.town;

import dev.bevel.nuscenes.FileOutput;
import dev.bevel.nuscenes.ImageEncoder;
import java.awt.image.BufferedImage;
import java.awt.image.DataBufferByte;
import java.io.IOException;
import java.nio.file.Path;

/**
 * The raster map of a town: grey PNG, 0.1 m a pixel, 255 where vehicles may drive and 0 elsewhere.
 * The global frame's origin is the picture's lower left corner.
 */
public final class MapMask {
  /** Metres a pixel. */
  public static final double RESOLUTION = 0.1;

  private MapMask() {}

  public static void write(Town town, Path file) throws IOException {
    int width = (int) Math.ceil(town.sizeX() / RESOLUTION);
    int height = (int) Math.ceil(town.sizeY() / RESOLUTION);
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_BYTE_GRAY);
    byte[] pixels = ((DataBufferByte) image.getRaster().getDataBuffer()).getData();
    for (int row = 0; row < height; row++) {
      double y = (height - row - 0.5) * RESOLUTION;
      for (int column = 0; column < width; column++) {
        if (town.at((column + 0.5) * RESOLUTION, y).isDrivable()) {
          pixels[row * width + column] = (byte) 0xff;
        }
      }
    }
    byte[] bytes = ImageEncoder.png(image);
    FileOutput.write(file, out -> out.write(bytes));
  }
}
