package dev.bevel.kernels.loading;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** The file systems that this process sees, from {@code /proc/self/mountinfo}. */
final class MountedFileSystem {
  private static final Path TABLE = Path.of("/proc/self/mountinfo");

  private MountedFileSystem() {}

  /** Where the file system of a folder is mounted, if it forbids to run what lies on it. */
  static Optional<Path> withoutExecution(Path realFolder) {
    try {
      return withoutExecution(realFolder, Files.readAllLines(TABLE));
    } catch (IOException unknown) {
      return Optional.empty();
    }
  }

  /**
   * @param table lines such as {@code 36 35 98:0 /root /mount/point rw,noexec shared:1 - ext4 ...}
   */
  static Optional<Path> withoutExecution(Path realFolder, List<String> table) {
    Path mount = null;
    boolean forbidden = false;
    for (String line : table) {
      String[] fields = line.split(" ");
      if (fields.length < 6) {
        continue;
      }
      Path point = Path.of(unescape(fields[4]));
      // A later line of the same folder covers an earlier one.
      if (realFolder.startsWith(point)
          && (mount == null || point.getNameCount() >= mount.getNameCount())) {
        mount = point;
        forbidden = Arrays.asList(fields[5].split(",")).contains("noexec");
      }
    }
    return forbidden ? Optional.ofNullable(mount) : Optional.empty();
  }

  /** The kernel writes blanks, tabs, line ends and backslashes of a path as three octal digits. */
  private static String unescape(String text) {
    StringBuilder result = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) == '\\' && i + 3 < text.length()) {
        result.append((char) Integer.parseInt(text, i + 1, i + 4, 8));
        i += 3;
      } else {
        result.append(text.charAt(i));
      }
    }
    return result.toString();
  }
}
