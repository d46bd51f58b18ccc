package dev.bevel.torch.io;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * CRC-32C sums of a safetensors file, in its metadata, where other readers find text that does not
 * concern them: {@code bevel.crc32c.NAME} is the sum of tensor NAME's bytes, {@code bevel.crc32c}
 * that of the file's beginning (the header's length and the header, in which the digits of this one
 * sum count as zeros). Sums are eight lower-case hexadecimal digits.
 */
final class Checksums {
  private static final String HEADER = "bevel.crc32c";
  private static final String TENSOR = HEADER + ".";
  private static final String NONE = "00000000";

  /** Text before the digits of the header's own sum. Within a JSON text its quotes are escaped. */
  private static final byte[] MARK =
      ("\"" + HEADER + "\":\"").getBytes(StandardCharsets.ISO_8859_1);

  private static final int CHUNK = 1 << 26;

  private final Map<String, String> tensors;

  private Checksums(Map<String, String> tensors) {
    this.tensors = tensors;
  }

  /** The sum of some memory. */
  static String of(MemorySegment memory) {
    CRC32C sum = new CRC32C();
    for (long done = 0; done < memory.byteSize(); done += CHUNK) {
      sum.update(memory.asSlice(done, Math.min(CHUNK, memory.byteSize() - done)).asByteBuffer());
    }
    return HexFormat.of().toHexDigits(sum.getValue(), NONE.length());
  }

  /** Metadata with the sums of tensors, and room for the header's. */
  static Map<String, String> add(Map<String, String> metadata, Map<String, String> tensors) {
    Map<String, String> all = new LinkedHashMap<>(metadata);
    for (String key : metadata.keySet()) {
      if (isSum(key)) {
        throw new IllegalArgumentException(
            "safetensors: the metadata cannot have the key " + key + ", which is a checksum's");
      }
    }
    all.put(HEADER, NONE);
    tensors.forEach((name, sum) -> all.put(TENSOR + name, sum));
    return all;
  }

  /** Puts the header's own sum in its room. */
  static void seal(byte[] header) {
    int at = digits(header);
    byte[] sum = headerSum(header, at).getBytes(StandardCharsets.ISO_8859_1);
    System.arraycopy(sum, 0, header, at, sum.length);
  }

  /**
   * Checks a header, and takes the sums out of its metadata.
   *
   * @param header the bytes
   * @param metadata of the header; without sums afterwards
   * @return the tensors' sums; null if the file has none at all
   * @throws IOException if the header is not as it was written
   */
  static @Nullable Checksums take(Path file, byte[] header, Map<String, String> metadata)
      throws IOException {
    Map<String, String> tensors = new LinkedHashMap<>();
    metadata.forEach(
        (key, sum) -> {
          if (key.startsWith(TENSOR)) {
            tensors.put(key.substring(TENSOR.length()), sum);
          }
        });
    String own = metadata.getOrDefault(HEADER, "");
    metadata.keySet().removeIf(Checksums::isSum);
    if (own.isEmpty() && tensors.isEmpty()) {
      return null;
    }
    int at = digits(header);
    String actual = at < 0 ? "nowhere" : headerSum(header, at);
    if (!actual.equals(own)) {
      throw changed(file, "its header", own.isEmpty() ? "there" : own, actual);
    }
    return new Checksums(tensors);
  }

  /**
   * Checks a tensor's bytes.
   *
   * @throws IOException if they are not those that were written
   */
  void require(Path file, String name, MemorySegment memory) throws IOException {
    String sum = tensors.getOrDefault(name, "there");
    String actual = of(memory);
    if (!actual.equals(sum)) {
      throw changed(file, SafeTensorsHeader.quote(name), sum, actual);
    }
  }

  private static IOException changed(Path file, String what, String expected, String actual) {
    return new IOException(
        file
            + ": damaged: "
            + what
            + " is not as it was written (its checksum must be "
            + SafeTensorsHeader.shorten(expected)
            + ", is "
            + actual
            + "); use another copy or an earlier checkpoint");
  }

  private static boolean isSum(String key) {
    return key.equals(HEADER) || key.startsWith(TENSOR);
  }

  /** Where the digits of the header's own sum begin, or -1. */
  private static int digits(byte[] header) {
    for (int i = 0; i + MARK.length + NONE.length() <= header.length; i++) {
      if (Arrays.equals(header, i, i + MARK.length, MARK, 0, MARK.length)) {
        return i + MARK.length;
      }
    }
    return -1;
  }

  private static String headerSum(byte[] header, int at) {
    CRC32C sum = new CRC32C();
    sum.update(
        ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN).putLong(0, header.length));
    sum.update(header, 0, at);
    sum.update(NONE.getBytes(StandardCharsets.ISO_8859_1));
    sum.update(header, at + NONE.length(), header.length - at - NONE.length());
    return HexFormat.of().toHexDigits(sum.getValue(), NONE.length());
  }
}
