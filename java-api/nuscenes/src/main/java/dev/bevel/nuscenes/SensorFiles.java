package dev.bevel.nuscenes;

import java.io.IOException;
import java.io.InputStream;
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
}
