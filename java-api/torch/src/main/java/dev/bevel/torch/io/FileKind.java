package dev.bevel.torch.io;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What a file is that is not what was asked for, by its first bytes: a person who gives a {@code
 * .pth} for a checkpoint is told so, not that its header is damaged.
 */
public final class FileKind {
  private static final int HEAD = 256;

  private FileKind() {}

  /**
   * The kind of a file in words, e.g. {@code "a PyTorch checkpoint (.pth or .pt, a zip archive)"}.
   *
   * @return null if its first bytes are of no kind that is known here, or cannot be read
   */
  public static @Nullable String of(Path file) {
    byte[] head;
    try (InputStream in = Files.newInputStream(file)) {
      head = in.readNBytes(HEAD);
    } catch (IOException e) {
      return null;
    }
    if (starts(head, 'P', 'K', 3, 4)) {
      return new String(head, StandardCharsets.ISO_8859_1).contains("/data.pkl")
          ? "a PyTorch checkpoint (.pth or .pt, a zip archive)"
          : "a zip archive";
    }
    if (isPickle(head)) {
      return "a Python pickle, for example a PyTorch checkpoint of old (.pth, .pt or .pkl)";
    }
    if (starts(head, 0x89, 'H', 'D', 'F')) {
      return "an HDF5 file";
    }
    if (starts(head, 0x93, 'N', 'U', 'M', 'P', 'Y')) {
      return "a NumPy array (.npy)";
    }
    if (starts(head, 'G', 'G', 'U', 'F')) {
      return "a GGUF file";
    }
    if (starts(head, 0x1f, 0x8b)) {
      return "a gzip archive";
    }
    if (isTar(head)) {
      return "a tar archive";
    }
    return isText(head) ? "a text file" : null;
  }

  /**
   * A failure to read a file, told by what the file is where that is known.
   *
   * @param wanted what the file should be, e.g. {@code "a safetensors checkpoint"}
   * @return another failure, or the one given
   */
  static IOException explained(Path file, String wanted, IOException failure) {
    String kind = of(file);
    if (kind == null) {
      return failure;
    }
    String remedy =
        kind.contains("PyTorch")
            ? "; weights of PyTorch are saved as safetensors with safetensors.torch.save_file"
            : "";
    return new IOException(file + ": is " + kind + ", must be " + wanted + remedy, failure);
  }

  /** Protocol 2 to 5; what follows the protocol is no zero byte, as in a length it would be. */
  private static boolean isPickle(byte[] head) {
    return head.length > 2
        && (head[0] & 0xff) == 0x80
        && head[1] >= 2
        && head[1] <= 5
        && head[2] != 0;
  }

  private static boolean isTar(byte[] head) {
    // The name and the mode in octal digits, NUL-terminated: "ustar" comes later than is read.
    return head.length == HEAD
        && head[0] > ' '
        && head[107] == 0
        && Arrays.equals(head, 100, 102, new byte[] {'0', '0'}, 0, 2);
  }

  private static boolean isText(byte[] head) {
    for (byte each : head) {
      if (each >= 0 && each < ' ' && each != '\n' && each != '\r' && each != '\t') {
        return false;
      }
    }
    return head.length > 0;
  }

  private static boolean starts(byte[] head, int... bytes) {
    for (int i = 0; i < bytes.length; i++) {
      if (i >= head.length || (head[i] & 0xff) != bytes[i]) {
        return false;
      }
    }
    return true;
  }
}
