package dev.bevel.nuscenes;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Writes radar files as nuScenes has them. */
public final class RadarPcd {
  public static final String SIZES = "4 4 4 1 2 4 4 4 4 4 1 1 1 1 1 1 1 1";
  public static final String TYPES = "F F F I I F F F F F I I I I I I I I";

  private RadarPcd() {}

  /** The header of a file with so many returns. */
  public static String header(int count) {
    String fields =
        Stream.of(RadarField.values()).map(RadarField::pcdName).collect(Collectors.joining(" "));
    return String.format(
        Locale.ROOT,
        """
        # .PCD v0.7 - Point Cloud Data file format
        VERSION 0.7
        FIELDS %s
        SIZE %s
        TYPE %s
        COUNT 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1
        WIDTH %d
        HEIGHT 1
        VIEWPOINT 0 0 0 1 0 0 0
        POINTS %d
        DATA binary
        """,
        fields,
        SIZES,
        TYPES,
        count,
        count);
  }

  /**
   * A whole file.
   *
   * @param points 18 numbers a return, those of integer fields whole and in range
   */
  public static byte[] file(float... points) {
    int count = points.length / 18;
    return file(header(count), points, new byte[28]);
  }

  /** A file with any header and any bytes after the points, which are stored as nuScenes does. */
  public static byte[] file(String header, float[] points, byte[] trailer) {
    byte[] text = header.getBytes(StandardCharsets.US_ASCII);
    ByteBuffer bytes =
        ByteBuffer.allocate(text.length + points.length / 18 * 43 + trailer.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .put(text);
    for (int i = 0; i < points.length; i++) {
      switch (SIZES.charAt(i % 18 * 2)) {
        case '1' -> bytes.put((byte) points[i]);
        case '2' -> bytes.putShort((short) points[i]);
        default -> bytes.putFloat(points[i]);
      }
    }
    return bytes.put(trailer).array();
  }

  /** A return that the devkit's filter keeps. */
  static float[] point(float x, float y, float z, float vx, float vy) {
    return new float[] {x, y, z, 1, 300, -2.5f, vx, vy, vx + 1, vy - 1, 1, 3, 19, 20, 0, 1, 16, 3};
  }
}
