package dev.bevel.nuscenes;

import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Locale;

/**
 * The one door between names that come from a data set (tokens, file names of tables) and paths: a
 * name is checked here before anything is opened or made under it, so that no data set can read or
 * write outside the folder it was meant for.
 *
 * <p>Names are checked as text. Symbolic links that stand in the folder are followed: they were put
 * there by the folder's owner, who may keep {@code samples/} on another disk, not by a table.
 */
public final class PathNames {
  /** What {@link #isName} asks of a name, to go on after "must be". */
  public static final String NAME =
      "a name that a file can have, at most 255 bytes without /, \\, : and control characters, not ."
          + " or ..";

  private static final int MAX_NAME_BYTES = 255;

  private PathNames() {}

  /**
   * A file or folder directly in a folder.
   *
   * @param folder to stand in
   * @param name e.g. a sample's token: one element of a path
   * @param what the name is, for the message, e.g. {@code "the token of a sample"}
   * @return {@code folder/name}
   * @throws NuScenesException if it is not {@link #NAME}, or this system cannot encode it
   */
  public static Path child(Path folder, String name, String what) {
    if (!isName(name)) {
      throw refused(what, "must be " + NAME, name);
    }
    return folder.resolve(path(folder, name, what));
  }

  /** Whether a file or folder can have this name: {@link #NAME}. */
  public static boolean isName(String name) {
    if (name.isEmpty()
        || name.equals(".")
        || name.equals("..")
        || name.length() > MAX_NAME_BYTES
        || name.getBytes(StandardCharsets.UTF_8).length > MAX_NAME_BYTES) {
      return false;
    }
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      // The backslash and the colon separate on other systems only, and nobody's names have them.
      if (c == '/' || c == '\\' || c == ':' || Character.isISOControl(c)) {
        return false;
      }
    }
    return isEncodable(name);
  }

  /** Whether UTF-8 has bytes for it: halves of surrogate pairs are no characters. */
  private static boolean isEncodable(String name) {
    return name.codePoints().noneMatch(c -> Character.getType(c) == Character.SURROGATE);
  }

  /**
   * A file below a folder.
   *
   * @param root to stay inside of
   * @param relative the file's name as the table has it, e.g. {@code samples/CAM_FRONT/x.jpg}
   * @param what the name is, for the message, e.g. {@code "table map, record 12, field filename"}
   * @return {@code root/relative} without {@code .} and {@code ..}
   * @throws NuScenesException if the name is absolute, leads out of the folder or to the folder
   *     itself, has a control character, or cannot be encoded
   */
  public static Path inside(Path root, String relative, String what) {
    requirePrintable(relative, what);
    Path name = path(root, relative, what);
    // The name alone is normalised: in the root, ".." after a link leads where the link does.
    Path clean = name.normalize();
    if (name.isAbsolute() || clean.startsWith("..") || clean.toString().isEmpty()) {
      throw refused(what, "must stay inside the data folder", relative);
    }
    return root.resolve(clean);
  }

  private static void requirePrintable(String name, String what) {
    if (name.chars().anyMatch(Character::isISOControl)) {
      throw refused(what, "must have no control characters", name);
    }
  }

  private static Path path(Path folder, String name, String what) {
    try {
      return folder.getFileSystem().getPath(name);
    } catch (InvalidPathException e) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT, "%s is no path: %s, got '%s'", what, e.getReason(), shown(name)),
          e);
    }
  }

  private static NuScenesException refused(String what, String rule, String name) {
    return new NuScenesException(
        String.format(Locale.ROOT, "%s %s, got '%s'", what, rule, shown(name)));
  }

  private static String shown(String name) {
    return Printable.of(name, 80);
  }
}
