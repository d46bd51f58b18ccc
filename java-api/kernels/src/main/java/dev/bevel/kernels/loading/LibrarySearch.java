package dev.bevel.kernels.loading;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Where the dynamic linker looks for a library that is needed by name: {@code LD_PRELOAD}, {@code
 * LD_LIBRARY_PATH}, the cache that {@code ldconfig} writes, and the system's folders.
 */
public final class LibrarySearch {
  private static final Path CACHE = Path.of("/etc/ld.so.cache");
  private static final List<String> SYSTEM = List.of("/lib64", "/usr/lib64", "/lib", "/usr/lib");

  private LibrarySearch() {}

  /**
   * A file that the linker would find.
   *
   * @param path the file
   * @param place what leads to it, e.g. {@code LD_LIBRARY_PATH}
   */
  public record Hit(Path path, String place) {
    /** What to do so that it is not found any more. */
    public String remedy() {
      return place.startsWith("LD_")
          ? String.format(
              Locale.ROOT,
              "remove %s from %s, or unset it",
              place.equals("LD_PRELOAD") ? path : path.getParent(),
              place)
          : "remove it, or its folder from the linker's configuration";
    }

    /** Whether it is this very file. */
    public boolean is(Path file) {
      return isSameFile(path, file);
    }

    @Override
    public String toString() {
      return path + " (" + place + ")";
    }
  }

  /** Every file of a name, in the order in which the linker looks. */
  public static List<Hit> find(String name) {
    return find(
        name, System.getenv("LD_PRELOAD"), System.getenv("LD_LIBRARY_PATH"), readCache(name));
  }

  static List<Hit> find(
      String name, @Nullable String preload, @Nullable String path, List<Path> cached) {
    List<Hit> hits = new ArrayList<>();
    for (String file : split(preload, "[ :]")) {
      if (Path.of(file).endsWith(name)) {
        hits.add(new Hit(Path.of(file).toAbsolutePath(), "LD_PRELOAD"));
      }
    }
    for (String folder : split(path, "[:;]")) {
      add(hits, Path.of(folder).toAbsolutePath().resolve(name), "LD_LIBRARY_PATH");
    }
    for (Path file : cached) {
      add(hits, file, "the linker's cache");
    }
    for (String folder : SYSTEM) {
      add(hits, Path.of(folder, name), "the system's folder");
    }
    return hits;
  }

  private static void add(List<Hit> hits, Path file, String place) {
    if (Files.isRegularFile(file) && hits.stream().noneMatch(hit -> isSameFile(hit.path(), file))) {
      hits.add(new Hit(file, place));
    }
  }

  private static boolean isSameFile(Path a, Path b) {
    try {
      return Files.isSameFile(a, b);
    } catch (IOException gone) {
      return false;
    }
  }

  /** An empty part of LD_LIBRARY_PATH is the current folder. */
  private static List<String> split(@Nullable String text, String separators) {
    List<String> parts = new ArrayList<>();
    if (text != null && !text.isEmpty()) {
      for (String part : text.split(separators, -1)) {
        try {
          parts.add(Path.of(part).toString());
        } catch (InvalidPathException notAPath) {
          continue;
        }
      }
    }
    return parts;
  }

  private static List<Path> readCache(String name) {
    try {
      return parseCache(Files.readAllBytes(CACHE), name);
    } catch (IOException | IndexOutOfBoundsException | IllegalArgumentException unreadable) {
      return List.of();
    }
  }

  /** glibc's format since 2.2: a header, entries of 24 bytes, and the names that they point to. */
  static List<Path> parseCache(byte[] content, String name) {
    byte[] magic = "glibc-ld.so.cache1.1".getBytes(StandardCharsets.US_ASCII);
    int start = indexOf(content, magic);
    List<Path> found = new ArrayList<>();
    if (start < 0) {
      return found;
    }
    ByteBuffer cache =
        ByteBuffer.wrap(content, start, content.length - start)
            .slice()
            .order(ByteOrder.LITTLE_ENDIAN);
    int count = cache.getInt(20);
    for (int i = 0; i < count; i++) {
      int entry = 48 + 24 * i;
      if (text(cache, cache.getInt(entry + 4)).equals(name)) {
        found.add(Path.of(text(cache, cache.getInt(entry + 8))));
      }
    }
    return found;
  }

  private static int indexOf(byte[] content, byte[] wanted) {
    for (int i = 0; i + wanted.length <= content.length; i += 8) { // aligned
      if (Arrays.equals(content, i, i + wanted.length, wanted, 0, wanted.length)) {
        return i;
      }
    }
    return -1;
  }

  private static String text(ByteBuffer buffer, int start) {
    int end = start;
    while (buffer.get(end) != 0) {
      end++;
    }
    return StandardCharsets.UTF_8.decode(buffer.slice(start, end - start)).toString();
  }
}
