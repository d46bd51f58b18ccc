package dev.bevel.nuscenes.validation;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/**
 * Looks into sensor and map files, reading no more than it needs. Nothing a file states about
 * itself makes it allocate more than the file holds.
 */
final class FileInspector {
  private static final int POINT_BYTES = 20;
  private static final long MAX_LIDAR_BYTES = (1L << 20) * POINT_BYTES;
  private static final int RADAR_HEADER = 1 << 12;
  private static final int PNG_END = 0x49454e44;
  private static final long PNG_SIGNATURE = 0x89504e470d0a1a0aL;

  /** What is wrong with a file: what it should be and what it is. */
  record Fault(String expected, String actual) {}

  private FileInspector() {}

  /** A JPEG file has a frame header of the stated size before its scan and ends with EOI. */
  static @Nullable Fault jpeg(Path file, int width, int height) throws IOException {
    try (FileChannel in = FileChannel.open(file, StandardOpenOption.READ)) {
      if (in.size() < 4 || u16(in, 0) != 0xffd8) {
        return new Fault("a JPEG file, which starts with ff d8", "something else");
      }
      if (u16(in, in.size() - 2) != 0xffd9) {
        return new Fault("a JPEG file that ends with ff d9", "one that is cut off");
      }
      long at = 2;
      while (at + 4 <= in.size()) {
        int marker = u16(in, at);
        int length = u16(in, at + 2);
        if (marker >> 8 != 0xff || length < 2 || marker == 0xffda) {
          break;
        }
        boolean isFrame =
            marker >= 0xffc0
                && marker <= 0xffcf
                && marker != 0xffc4
                && marker != 0xffc8
                && marker != 0xffcc;
        if (isFrame && at + 9 <= in.size()) {
          int rows = u16(in, at + 5);
          int columns = u16(in, at + 7);
          return rows == height && columns == width
              ? null
              : new Fault(
                  String.format(Locale.ROOT, "a JPEG file of %d×%d pixels", width, height),
                  columns + "×" + rows);
        }
        at += 2 + length;
      }
      return new Fault("a JPEG file with a frame header", "none before byte " + at);
    }
  }

  /** Points of a LiDAR file, or what is wrong with it. */
  record Lidar(float[] points, @Nullable Fault fault) {}

  /**
   * A LiDAR file holds whole points (x, y, z, intensity, ring) of finite little-endian floats,
   * intensity in 0..255, ring a whole number in 0..31.
   */
  static Lidar lidar(Path file) throws IOException {
    float[] points = new float[0];
    try (FileChannel in = FileChannel.open(file, StandardOpenOption.READ)) {
      long size = in.size();
      if (size == 0 || size % POINT_BYTES != 0 || size > MAX_LIDAR_BYTES) {
        Fault fault =
            new Fault(
                String.format(
                    Locale.ROOT,
                    "a LiDAR file of 1 to %d points of 20 bytes",
                    MAX_LIDAR_BYTES / POINT_BYTES),
                size + " bytes");
        return new Lidar(points, fault);
      }
      points = new float[(int) (size / 4)];
      read(in, 0, (int) size).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(points);
    }
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
    if (intensity < 0 || intensity > 255) {
      return new Fault("intensities in 0..255", intensity + " of point " + i / 5);
    }
    if (ring < 0 || ring > 31 || ring != (int) ring) {
      return new Fault("rings in 0..31", ring + " of point " + i / 5);
    }
    return null;
  }

  /** A radar file has a PCD header and as many bytes after it as that states. */
  static @Nullable Fault radar(Path file) throws IOException {
    try (FileChannel in = FileChannel.open(file, StandardOpenOption.READ)) {
      byte[] head = new byte[(int) Math.min(in.size(), RADAR_HEADER)];
      read(in, 0, head.length).get(head);
      String text = new String(head, StandardCharsets.ISO_8859_1);
      Matcher end = Pattern.compile("\\nDATA binary\\r?\\n").matcher(text);
      if (!text.startsWith("# .PCD") || !end.find()) {
        return new Fault("a radar file with a PCD header of binary data", "something else");
      }
      String header = text.substring(0, end.start());
      long[] sizes = numbers(header, "SIZE");
      long[] counts = numbers(header, "COUNT");
      long[] points = numbers(header, "POINTS");
      if (sizes.length == 0 || sizes.length != counts.length || points.length != 1) {
        return new Fault("a PCD header with SIZE, COUNT and POINTS that agree", header);
      }
      long bytes = 0;
      for (int i = 0; i < sizes.length; i++) {
        bytes += sizes[i] * counts[i];
      }
      long left = in.size() - end.end();
      // Some writers end the file with a line feed.
      return left == bytes * points[0] || left == bytes * points[0] + 1
          ? null
          : new Fault(
              String.format(
                  Locale.ROOT, "%d points of %d bytes after the header", points[0], bytes),
              left + " bytes");
    }
  }

  private static long[] numbers(String header, String key) {
    Matcher line = Pattern.compile("(?m)^" + key + "((?: +[0-9]{1,6})+) *\\r?$").matcher(header);
    return line.find()
        ? Arrays.stream(line.group(1).strip().split(" +")).mapToLong(Long::parseLong).toArray()
        : new long[0];
  }

  /** A PNG file consists of sound chunks from its header to its end. */
  static @Nullable Fault png(Path file) throws IOException {
    try (FileChannel in = FileChannel.open(file, StandardOpenOption.READ)) {
      if (in.size() < 45 || read(in, 0, 8).getLong() != PNG_SIGNATURE) {
        return new Fault("a PNG file", "something else");
      }
      ByteBuffer header = read(in, 16, 8);
      int width = header.getInt();
      int height = header.getInt();
      if (width <= 0 || height <= 0) {
        return new Fault("a PNG file of at least one pixel", "none");
      }
      long at = 8;
      while (at + 12 <= in.size()) {
        long length = Integer.toUnsignedLong(read(in, at, 4).getInt());
        if (at + 12 + length > in.size()) {
          break;
        }
        long end = at + 8 + length;
        if (crc(in, at + 4, end) != Integer.toUnsignedLong(read(in, end, 4).getInt())) {
          return new Fault("a PNG file", "a damaged one: wrong checksum at byte " + end);
        }
        if (read(in, at + 4, 4).getInt() == PNG_END) {
          return null;
        }
        at = end + 4;
      }
      return new Fault("a PNG file with an end", "one that is cut off at byte " + in.size());
    }
  }

  private static long crc(FileChannel in, long from, long to) throws IOException {
    CRC32 crc = new CRC32();
    for (long at = from; at < to; at += 1 << 16) {
      crc.update(read(in, at, (int) Math.min(1 << 16, to - at)));
    }
    return crc.getValue();
  }

  private static int u16(FileChannel in, long at) throws IOException {
    return read(in, at, 2).getShort() & 0xffff;
  }

  private static ByteBuffer read(FileChannel in, long at, int bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(bytes);
    while (buffer.hasRemaining()) {
      if (in.read(buffer, at + buffer.position()) < 0) {
        throw new IOException("the file ends at byte " + in.size());
      }
    }
    return buffer.flip();
  }
}
