package dev.bevel.nuscenes;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
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
    if (!Files.exists(file)) {
      throw new NuScenesException(what + " " + file + " does not exist");
    }
    if (!Files.isRegularFile(file)) {
      throw new NuScenesException(what + " " + file + " is not a regular file");
    }
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
    } catch (NoSuchFileException e) {
      throw new NuScenesException(what + " " + file + " does not exist", e);
    } catch (IOException e) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT, "%s %s cannot be read: %s", what, file, NuScenesException.reason(e)),
          e);
    }
  }
}
