package dev.bevel.kernels.loading;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Who this process runs as. */
final class ThisProcess {
  private static final int UNKNOWN = -1;

  private ThisProcess() {}

  /** The effective user's number; -1 where the system does not tell. */
  static int user() {
    return Holder.USER;
  }

  /**
   * Whether a file's owner is one that does not exist in this container: in a user namespace the
   * folders of the machine's root look like that.
   */
  static boolean isOutside(int owner) {
    return owner != UNKNOWN && owner == Holder.OUTSIDE;
  }

  private static final class Holder {
    static final int USER = readUser();
    static final int OUTSIDE = readOutside();

    private static int readUser() {
      try {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
          if (line.startsWith("Uid:")) {
            return Integer.parseUnsignedInt(line.split("\\s+")[2]); // real, effective, saved, files
          }
        }
      } catch (IOException | RuntimeException e) {
        return UNKNOWN;
      }
      return UNKNOWN;
    }

    private static int readOutside() {
      try {
        List<String> map = Files.readAllLines(Path.of("/proc/self/uid_map"));
        boolean everybody =
            map.size() == 1 && map.getFirst().strip().matches("0\\s+0\\s+4294967295");
        return everybody
            ? UNKNOWN
            : Integer.parseInt(Files.readString(Path.of("/proc/sys/kernel/overflowuid")).strip());
      } catch (IOException | RuntimeException e) {
        return UNKNOWN;
      }
    }
  }
}
