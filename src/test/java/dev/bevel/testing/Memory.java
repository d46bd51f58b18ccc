package dev.bevel.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Memory of this process. */
public final class Memory {
  private static final long PAGE_BYTES = 4096;

  private Memory() {}

  /** Resident bytes, from /proc/self/statm (Linux). */
  public static long residentBytes() {
    try {
      String statistics = Files.readString(Path.of("/proc/self/statm"));
      return Long.parseLong(statistics.split(" ", -1)[1]) * PAGE_BYTES;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
