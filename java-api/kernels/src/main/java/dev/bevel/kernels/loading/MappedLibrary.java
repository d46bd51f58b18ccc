package dev.bevel.kernels.loading;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A shared library that this process has in its memory, from {@code /proc/self/maps}.
 *
 * @param path where it lies
 * @param elf what it says to the linker; null if the file is gone or cannot be read
 */
public record MappedLibrary(Path path, @Nullable ElfFile elf) {
  private static final Path TABLE = Path.of("/proc/self/maps");
  private static final String DELETED = " (deleted)";

  /** All of them; none where the system does not tell. */
  public static List<MappedLibrary> all() {
    try {
      return paths(Files.readAllLines(TABLE)).stream().map(MappedLibrary::of).toList();
    } catch (IOException unknown) {
      return List.of();
    }
  }

  private static MappedLibrary of(Path path) {
    try {
      return new MappedLibrary(path, ElfFile.read(path));
    } catch (IOException gone) {
      return new MappedLibrary(path, null);
    }
  }

  /**
   * @param lines such as {@code 7f00-7f01 r-xp 00000000 08:01 1234 /usr/lib/libm.so.6}
   */
  static Set<Path> paths(List<String> lines) {
    Set<Path> found = new LinkedHashSet<>();
    for (String line : lines) {
      String[] fields = line.split("\\s+", 6);
      if (fields.length == 6 && fields[5].startsWith("/") && fields[5].contains(".so")) {
        String name = fields[5];
        found.add(
            Path.of(
                name.endsWith(DELETED)
                    ? name.substring(0, name.length() - DELETED.length())
                    : name));
      }
    }
    return found;
  }

  /** Whether it is this very file. */
  public boolean is(Path file) {
    try {
      return Files.isSameFile(path, file);
    } catch (IOException gone) {
      return path.equals(file);
    }
  }

  /** Whether the linker takes it where a library of this name is needed. */
  public boolean answersTo(String soname) {
    return path.getFileName().toString().equals(soname)
        || (elf != null && soname.equals(elf.soname()));
  }
}
