package dev.bevel.nuscenes;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Locale;

/**
 * One LiDAR sweep in the sensor's own frame. Holds 5 floats a point as the file does: x, y, z
 * (metres), intensity (from 0; nuScenes has 0–255), ring index (from 0; nuScenes has 0–31).
 */
public final class LidarPoints {
  /** Floats per point. */
  public static final int STRIDE = 5;

  /** The most points a file may hold. A nuScenes sweep has about 34,000. */
  public static final int MAX_POINTS = 1 << 20;

  private final float[] data;

  private LidarPoints(float[] data) {
    this.data = data;
  }

  /**
   * Points from numbers already in memory.
   *
   * @param data 5 floats a point; copied
   * @throws NuScenesException if the length is no multiple of 5 or a number is not finite
   */
  public static LidarPoints of(float[] data) {
    if (data.length % STRIDE != 0) {
      throw new NuScenesException(
          "LiDAR points need 5 floats each, got " + data.length + " floats");
    }
    return checked(data.clone(), "LiDAR points");
  }

  /**
   * Reads a {@code .pcd.bin} file: little-endian float32, 5 a point. nuScenes files hold finite
   * numbers only, so a NaN or an infinity anywhere means a damaged file and is an error. So is a
   * negative intensity, or a ring that is no whole number from 0: they give away files of another
   * layout, for example with 4 floats a point.
   *
   * @throws NuScenesException if the file is missing, empty, larger than {@link #MAX_POINTS}, not a
   *     multiple of 20 bytes, or holds a number that cannot be what it stands for
   */
  public static LidarPoints read(Path file) {
    byte[] bytes =
        SensorFiles.readAll(file, "LiDAR file", (long) MAX_POINTS * STRIDE * Float.BYTES);
    requireWhole(file, bytes.length);
    float[] data = new float[bytes.length / Float.BYTES];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(data);
    LidarPoints points = checked(data, "LiDAR file " + file);
    points.requireLayout(file);
    return points;
  }

  /** Looks at a file's size without reading it. */
  static void requireWhole(Path file) {
    requireWhole(file, SensorFiles.size(file, "LiDAR file"));
  }

  private static void requireWhole(Path file, long bytes) {
    if (bytes == 0 || bytes % (STRIDE * Float.BYTES) != 0) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "LiDAR file %s must hold a whole number of 20-byte points, got %d bytes",
              file,
              bytes));
    }
  }

  private void requireLayout(Path file) {
    for (int i = 0; i < count(); i++) {
      if (intensity(i) < 0 || ring(i) < 0 || ring(i) != Math.rint(ring(i))) {
        throw new NuScenesException(
            String.format(
                Locale.ROOT,
                "LiDAR file %s: point %d has intensity %s and ring %s, expected an intensity of 0 or more and a whole ring from 0: has the file 5 floats a point?",
                file,
                i,
                intensity(i),
                ring(i)));
      }
    }
  }

  private static LidarPoints checked(float[] data, String what) {
    for (int i = 0; i < data.length; i++) {
      if (!Float.isFinite(data[i])) {
        throw new NuScenesException(
            String.format(
                Locale.ROOT,
                "%s: point %d has the value %s at position %d, expected finite numbers",
                what,
                i / STRIDE,
                data[i],
                i % STRIDE));
      }
    }
    return new LidarPoints(data);
  }

  public int count() {
    return data.length / STRIDE;
  }

  public float x(int i) {
    return data[i * STRIDE];
  }

  public float y(int i) {
    return data[i * STRIDE + 1];
  }

  public float z(int i) {
    return data[i * STRIDE + 2];
  }

  public float intensity(int i) {
    return data[i * STRIDE + 3];
  }

  public float ring(int i) {
    return data[i * STRIDE + 4];
  }

  /** A copy of all numbers, {@code [count, 5]}. */
  public float[] toArray() {
    return data.clone();
  }
}
