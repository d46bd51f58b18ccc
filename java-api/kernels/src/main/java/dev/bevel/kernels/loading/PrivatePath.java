package dev.bevel.kernels.loading;

import java.io.IOException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;

/**
 * Whether other users of this machine could exchange what a path leads to.
 *
 * <p>They can where they own a folder of the path or a link in it, or may write to a folder of the
 * path; a sticky folder such as {@code /tmp} is no harm, for in it only the owner renames his
 * files. The owner of each part must be this process's user or root.
 */
public final class PrivatePath {
  private static final int MOST_LINKS = 40;
  private static final Set<PosixFilePermission> WRITE_BY_OTHERS =
      Set.of(PosixFilePermission.GROUP_WRITE, PosixFilePermission.OTHERS_WRITE);

  private PrivatePath() {}

  /**
   * The folder without links in its path.
   *
   * @param folder that exists
   * @throws UnsafePathException if another user could change what lies in it, with what to do
   */
  public static Path folder(Path folder) throws IOException {
    Path real = walk(folder);
    Attributes attributes = Attributes.of(real);
    if (!attributes.isFolder()) {
      throw new IOException(real + " is a file, must be a folder");
    }
    if (attributes.writableByOthers()) {
      throw attributes.unsafe(
          real,
          "other users can write to it; delete it, or, if nobody else has, run: chmod go-w "
              + real);
    }
    return real;
  }

  /**
   * Whether a file is a regular one that no other user could have changed.
   *
   * @throws UnsafePathException if another user could change its folder
   */
  static boolean isOwnFile(Path file) throws IOException {
    folder(Objects.requireNonNull(file.toAbsolutePath().getParent()));
    Attributes attributes = Attributes.of(file);
    return attributes.isFile() && attributes.ownedByUs() && !attributes.writableByOthers();
  }

  /**
   * Takes the right to write from others for a file and its folders below a folder that others may
   * not enter, so that none of them could have used it: a process's umask may give it to its group.
   */
  public static void close(Path folder, Path file) throws IOException {
    if (!Attributes.of(folder).closedToOthers()) {
      return;
    }
    for (Path part = file; part != null && !part.equals(folder); part = part.getParent()) {
      Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(part);
      if (Attributes.of(part).writableByOthers() && permissions.removeAll(WRITE_BY_OTHERS)) {
        Files.setPosixFilePermissions(part, permissions);
      }
    }
  }

  /** Follows links as the system does, and checks every folder and link on the way. */
  private static Path walk(Path path) throws IOException {
    Path absolute = path.toAbsolutePath();
    Deque<Path> names = new ArrayDeque<>();
    absolute.forEach(names::add);
    Path resolved = absolute.getRoot();
    checkParent(resolved);
    int links = 0;
    while (!names.isEmpty()) {
      Path next = resolved.resolve(names.pop()).normalize();
      Attributes attributes = Attributes.of(next);
      attributes.checkOwner(next);
      if (!attributes.isLink()) {
        resolved = next;
        if (!names.isEmpty()) {
          checkParent(next);
        }
        continue;
      }
      if (++links > MOST_LINKS) {
        throw new FileSystemLoopException(path.toString());
      }
      Path target = Files.readSymbolicLink(next);
      for (int i = target.getNameCount() - 1; i >= 0; i--) {
        names.push(target.getName(i));
      }
      if (target.isAbsolute()) {
        resolved = target.getRoot();
      }
    }
    return resolved;
  }

  private static void checkParent(Path folder) throws IOException {
    Attributes attributes = Attributes.of(folder);
    attributes.checkOwner(folder);
    if (attributes.isFolder() && attributes.writableByOthers() && !attributes.isSticky()) {
      throw attributes.unsafe(
          folder, "other users can exchange what lies in it; run: chmod go-w " + folder);
    }
  }

  /** Of a path itself, not of what it points to. */
  private record Attributes(int owner, int mode) {
    private static final int ROOT = 0;
    private static final int TYPE = 0170000;

    static Attributes of(Path path) throws IOException {
      return new Attributes(number(path, "unix:uid"), number(path, "unix:mode"));
    }

    private static int number(Path path, String attribute) throws IOException {
      return (Integer)
          Objects.requireNonNull(
              Files.getAttribute(path, attribute, LinkOption.NOFOLLOW_LINKS), attribute);
    }

    boolean isFolder() {
      return (mode & TYPE) == 0040000;
    }

    boolean isFile() {
      return (mode & TYPE) == 0100000;
    }

    boolean isLink() {
      return (mode & TYPE) == 0120000;
    }

    boolean isSticky() {
      return (mode & 01000) != 0;
    }

    boolean writableByOthers() {
      return (mode & 0022) != 0;
    }

    boolean closedToOthers() {
      return (mode & 0011) == 0;
    }

    boolean ownedByUs() {
      return owner == ROOT || owner == ThisProcess.user() || ThisProcess.isOutside(owner);
    }

    void checkOwner(Path path) throws UnsafePathException {
      if (!ownedByUs()) {
        throw unsafe(
            path,
            "it must belong to root or to the user of this process, whose number is "
                + ThisProcess.user());
      }
    }

    UnsafePathException unsafe(Path path, String why) {
      return new UnsafePathException(
          String.format(
              Locale.ROOT, "%s (owner %d, mode %04o): %s", path, owner, mode & 07777, why));
    }
  }
}
