package dev.bevel.nuscenes;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** Reads whole files with a bound on their size. */
final class SensorFiles {
  private SensorFiles() {}

  /**
   * @param what names the kind of file in errors
   * @param maxBytes more than this is an error, found before anything of that size is allocated
   */
  static byte[] readAll(Path file, String what, long maxBytes) {
    require(file, what);
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(Math.toIntExact(maxBytes + 1));
      if (bytes.length > maxBytes) {
        throw new NuScenesException(
            String.format(
                Locale.ROOT,
                "%s %s is larger than the %d bytes allowed for such a file",
                what,
                file,
                maxBytes));
      }
      return bytes;
    } catch (IOException e) {
      throw unreadable(file, what, e);
    }
  }

  /**
   * @throws NuScenesException if there is no readable file of that name
   */
  static void require(Path file, String what) {
    String fault = PathFaults.asFile(file);
    if (fault != null) {
      throw new NuScenesException(what + " " + file + " " + fault);
    }
  }

  static NuScenesException unreadable(Path file, String what, IOException e) {
    return new NuScenesException(
        String.format(Locale.ROOT, "%s %s cannot be read: %s", what, file, PathFaults.reason(e)),
        e);
  }

  /**
   * @param what names the kind of file in errors
   */
  static long size(Path file, String what) {
    require(file, what);
    try {
      return Files.size(file);
    } catch (IOException e) {
      throw unreadable(file, what, e);
    }
  }

  /**
   * Reads no more of an image than the two bytes that every JPEG file begins with and the two that
   * it ends with, unless something else stands at its end: then it is walked through for what that
   * is, since bytes behind the end marker are allowed.
   */
  static void requireJpeg(Path file) {
    require(file, "image");
    ByteBuffer ends = ByteBuffer.allocate(4);
    try (FileChannel in = FileChannel.open(file)) {
      long size = in.size();
      if (size < 2) {
        throw new NuScenesException("image " + file + " is empty");
      }
      in.read(ends.limit(2), 0);
      in.read(ends.limit(4), Math.max(2, size - 2));
    } catch (IOException e) {
      throw unreadable(file, "image", e);
    }
    if (ends.getShort(0) != (short) 0xffd8) {
      throw new NuScenesException(
          "image " + file + " is no JPEG file: it does not start with the bytes ff d8");
    }
    if (ends.getShort(2) != (short) 0xffd9) {
      JpegFile.requireStructure(file);
    }
  }
}
