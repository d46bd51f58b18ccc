package dev.bevel.nuscenes;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import org.jspecify.annotations.Nullable;

/**
 * What is wrong with a path, in words for a person: the one place that tells a missing file from a
 * folder, a link that leads nowhere or a place that may not be entered. Each answer goes on after
 * the path: {@code path + " " + answer}.
 */
public final class PathFaults {
  private PathFaults() {}

  /**
   * Why a path cannot be read as a file.
   *
   * @return null if it is a regular file, or a link to one, that this process may read
   */
  public static @Nullable String asFile(Path path) {
    try {
      BasicFileAttributes found = Files.readAttributes(path, BasicFileAttributes.class);
      if (found.isDirectory()) {
        return "is a folder, must be a file";
      }
      if (!found.isRegularFile()) {
        return "is not a regular file";
      }
      return Files.isReadable(path) ? null : "cannot be read: permission denied";
    } catch (IOException e) {
      return absence(path, e);
    }
  }

  /**
   * Why a file cannot be made or replaced where a path leads. A pipe, which would wait for a reader
   * for ever, is no place for a file.
   *
   * @return null if it is a regular file, or nothing is in the way of one
   */
  public static @Nullable String asNewFile(Path path) {
    if (Files.isDirectory(path)) {
      return "is a folder, must be a file";
    }
    if (Files.exists(path)) {
      return Files.isRegularFile(path) ? null : "is a pipe, socket or device, must be a file";
    }
    Path folder = path.toAbsolutePath().getParent();
    String fault = folder == null ? null : asNewFolder(folder);
    return fault == null ? null : "cannot be made: " + folder + " " + fault;
  }

  /**
   * Why a path cannot be used as a folder that is there.
   *
   * @return null if it is a folder, or a link to one, that this process may enter
   */
  public static @Nullable String asFolder(Path path) {
    try {
      if (!Files.readAttributes(path, BasicFileAttributes.class).isDirectory()) {
        return "is a file, must be a folder";
      }
      return Files.isReadable(path) && Files.isExecutable(path)
          ? null
          : "cannot be read: permission denied";
    } catch (IOException e) {
      return absence(path, e);
    }
  }

  /**
   * Why a path cannot be used as the folder of a data set, which has folders of tables in it.
   *
   * @return null if it is a folder, as {@link #asFolder}, and not one of tables itself
   */
  public static @Nullable String asDataFolder(Path path) {
    String fault = asFolder(path);
    return fault == null
            && Files.isRegularFile(path.resolve("scene.json"))
            && Files.isRegularFile(path.resolve("sample_data.json"))
        ? "is a folder of tables itself; give the one above it"
        : fault;
  }

  /**
   * Why a folder cannot be made where a path leads.
   *
   * @return null if it is one already, or nothing is in the way
   */
  public static @Nullable String asNewFolder(Path path) {
    for (Path at = path.toAbsolutePath(); at != null; at = at.getParent()) {
      if (Files.isDirectory(at)) {
        String fault = "cannot be written to: permission denied, or its file system is read-only";
        return Files.isWritable(at)
            ? null
            : at.equals(path.toAbsolutePath()) ? fault : "cannot be made: " + at + " " + fault;
      }
      if (Files.isSymbolicLink(at) && !Files.exists(at)) {
        return at.equals(path.toAbsolutePath()) ? dangling(at) : at + " " + dangling(at);
      }
      if (Files.exists(at)) {
        return at.equals(path.toAbsolutePath())
            ? "is a file, must be a folder"
            : "cannot be made: " + at + " is a file";
      }
    }
    return null;
  }

  private static String absence(Path path, IOException e) {
    if (Files.isSymbolicLink(path) && e instanceof NoSuchFileException) {
      return dangling(path);
    }
    for (Path at = path.toAbsolutePath().getParent(); at != null; at = at.getParent()) {
      if (Files.exists(at)) {
        if (!Files.isDirectory(at)) {
          return "does not exist: " + at + " is a file";
        }
        break;
      }
    }
    return e instanceof NoSuchFileException ? "does not exist" : "cannot be read: " + reason(e);
  }

  private static String dangling(Path link) {
    try {
      return "is a link to " + Files.readSymbolicLink(link) + ", which does not exist";
    } catch (IOException e) {
      return "is a link that cannot be read: " + reason(e);
    }
  }

  /**
   * Why an access failed, without names of Java's types and without the file's name where the
   * message would be nothing else.
   */
  public static String reason(Throwable e) {
    if (e instanceof AccessDeniedException) {
      return "permission denied";
    }
    if (e instanceof NoSuchFileException) {
      return "no such file";
    }
    if (e instanceof NotDirectoryException) {
      return "it is a file, must be a folder";
    }
    if (e instanceof FileAlreadyExistsException there) {
      return there.getFile() + " is in the way";
    }
    if (e instanceof DirectoryNotEmptyException) {
      return "the folder is not empty";
    }
    if (e instanceof CharacterCodingException) {
      return "its bytes are no text in the character set they should have";
    }
    return e instanceof FileSystemException f && f.getReason() != null
        ? f.getReason()
        : String.valueOf(e.getMessage());
  }
}
