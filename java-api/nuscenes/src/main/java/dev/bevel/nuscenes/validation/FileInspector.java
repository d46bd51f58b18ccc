package dev.bevel.nuscenes.validation;

import dev.bevel.nuscenes.PathFaults;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Looks into sensor and map files: this one into LiDAR files, its neighbours into the other kinds.
 * Nothing a file states about itself makes them allocate more than the file holds.
 */
final class FileInspector {
  private static final int POINT_BYTES = 20;
  private static final long MAX_LIDAR_BYTES = (1L << 20) * POINT_BYTES;

  /** What is wrong with a file: what it should be and what it is. */
  record Fault(String expected, String actual) {}

  private FileInspector() {}

  /**
   * All bytes of a file, or one more than allowed.
   *
   * @param most bytes; a larger file is not read to its end
   */
  static byte[] read(Path file, long most) throws IOException {
    try (InputStream in = open(file)) {
      return in.readNBytes(Math.toIntExact(most + 1));
    }
  }

  /** A regular file's bytes; a pipe might never end, or never begin. */
  static InputStream open(Path file) throws IOException {
    String fault = PathFaults.asFile(file);
    if (fault != null) {
      throw new FileSystemException(file.toString(), null, fault);
    }
    return Files.newInputStream(file);
  }

  /** Points of a LiDAR file, or what is wrong with it. */
  record Lidar(float[] points, @Nullable Fault fault) {}

  /**
   * A LiDAR file holds whole points (x, y, z, intensity, ring) of finite little-endian floats,
   * intensity not negative, ring a whole number from 0: numbers of another layout are found by it.
   */
  static Lidar lidar(Path file) throws IOException {
    byte[] bytes = read(file, MAX_LIDAR_BYTES);
    if (bytes.length == 0 || bytes.length % POINT_BYTES != 0 || bytes.length > MAX_LIDAR_BYTES) {
      Fault fault =
          new Fault(
              String.format(
                  Locale.ROOT,
                  "a LiDAR file of 1 to %d points of 20 bytes",
                  MAX_LIDAR_BYTES / POINT_BYTES),
              bytes.length > MAX_LIDAR_BYTES ? "more" : bytes.length + " bytes");
      return new Lidar(new float[0], fault);
    }
    float[] points = new float[bytes.length / Float.BYTES];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(points);
    for (int i = 0; i < points.length; i += 5) {
      Fault fault = point(points, i);
      if (fault != null) {
        return new Lidar(points, fault);
      }
    }
    return new Lidar(points, null);
  }

  private static @Nullable Fault point(float[] points, int i) {
    for (int j = 0; j < 5; j++) {
      if (!Float.isFinite(points[i + j])) {
        return new Fault(
            "a LiDAR file of finite numbers",
            String.format(Locale.ROOT, "%s at position %d of point %d", points[i + j], j, i / 5));
      }
    }
    float intensity = points[i + 3];
    float ring = points[i + 4];
    if (intensity < 0) {
      return new Fault("intensities of 0 or more", intensity + " of point " + i / 5);
    }
    if (ring < 0 || ring != Math.rint(ring)) {
      return new Fault("rings that are whole numbers from 0", ring + " of point " + i / 5);
    }
    return null;
  }
}
