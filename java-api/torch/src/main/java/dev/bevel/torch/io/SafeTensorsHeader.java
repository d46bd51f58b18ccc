package dev.bevel.torch.io;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bevel.nuscenes.JsonFaults;
import dev.bevel.nuscenes.Printable;
import dev.bevel.torch.TensorHold;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * A checked header.
 *
 * @param entries in the order of their bytes, which they cover without gap
 * @param metadata text by name, without checksums
 * @param checksums of the tensors, or null if the file carries none
 * @param dataStart position in the file of the first tensor's first byte
 */
record SafeTensorsHeader(
    List<Entry> entries,
    Map<String, String> metadata,
    @Nullable Checksums checksums,
    long dataStart) {
  /** Longest header accepted: names and shapes of some hundred thousand tensors. */
  static final long MAX_BYTES = 1 << 26;

  private static final String METADATA = "__metadata__";
  private static final int MAX_RANK = 16;

  /** Characters of a file's text that a message shows. */
  private static final int SHOWN = 80;

  private static final ObjectMapper MAPPER =
      new ObjectMapper(
              JsonFactory.builder()
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(8).build())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  /** Element types by their name in a file. */
  enum DType {
    F64(ScalarType.Double, 8),
    F32(ScalarType.Float, 4),
    F16(ScalarType.Half, 2),
    BF16(ScalarType.BFloat16, 2),
    I64(ScalarType.Long, 8),
    I32(ScalarType.Int, 4),
    I16(ScalarType.Short, 2),
    I8(ScalarType.Char, 1),
    U8(ScalarType.Byte, 1),
    BOOL(ScalarType.Bool, 1);

    private final ScalarType scalarType;
    private final long bytes;

    DType(ScalarType scalarType, long bytes) {
      this.scalarType = scalarType;
      this.bytes = bytes;
    }

    ScalarType scalarType() {
      return scalarType;
    }

    static DType of(String name, ScalarType wanted) {
      for (DType dtype : values()) {
        if (dtype.scalarType == wanted) {
          return dtype;
        }
      }
      throw new IllegalArgumentException(
          "safetensors: tensor " + name + " has dtype " + wanted + ", which the format lacks");
    }
  }

  /**
   * One tensor.
   *
   * @param name of the tensor
   * @param dtype of its elements
   * @param shape of the tensor
   * @param begin offset of its first byte from {@code dataStart}
   * @param end offset after its last byte
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Entry(String name, DType dtype, long[] shape, long begin, long end) {}

  static IOException damaged(Path file, String what) {
    return new IOException(file + ": not a safetensors file: " + what);
  }

  /** A tensor's name as messages show it. */
  static String quote(String name) {
    return "tensor '" + shorten(name) + "'";
  }

  static String shorten(Object text) {
    return Printable.of(text.toString(), SHOWN);
  }

  /**
   * Parses and checks a header.
   *
   * @param file for messages
   * @param json the header's bytes
   * @param dataBytes bytes of the file after the header
   */
  static SafeTensorsHeader parse(Path file, byte[] json, long dataBytes) throws IOException {
    JsonNode root;
    try {
      root = MAPPER.readTree(utf8(json));
    } catch (JsonProcessingException e) {
      throw damaged(file, "its header is not valid JSON: " + shorten(JsonFaults.words(e)));
    } catch (CharacterCodingException e) {
      throw damaged(file, "its header must be JSON in UTF-8, its bytes are none");
    }
    if (!(root instanceof ObjectNode object)) {
      throw damaged(file, "its header must be a JSON object");
    }
    List<Entry> entries = new ArrayList<>();
    Map<String, String> metadata = new LinkedHashMap<>();
    for (Map.Entry<String, JsonNode> field : object.properties()) {
      if (field.getKey().equals(METADATA)) {
        readMetadata(file, field.getValue(), metadata);
      } else {
        entries.add(readEntry(file, field.getKey(), field.getValue()));
      }
    }
    entries.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
    checkCoverage(file, entries, dataBytes);
    Checksums checksums = Checksums.take(file, json, metadata);
    return new SafeTensorsHeader(
        List.copyOf(entries), metadata, checksums, Long.BYTES + json.length);
  }

  /** The format's only encoding: a parser of bytes would guess UTF-16 and UTF-32 too. */
  private static String utf8(byte[] json) throws CharacterCodingException {
    return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(json)).toString();
  }

  private static void readMetadata(Path file, JsonNode node, Map<String, String> metadata)
      throws IOException {
    if (!node.isObject()) {
      throw damaged(file, METADATA + " must be an object of texts");
    }
    for (Map.Entry<String, JsonNode> field : node.properties()) {
      if (!field.getValue().isTextual()) {
        throw damaged(file, METADATA + " '" + shorten(field.getKey()) + "' must be a text");
      }
      metadata.put(field.getKey(), field.getValue().textValue());
    }
  }

  private static Entry readEntry(Path file, String name, JsonNode node) throws IOException {
    if (!node.isObject() || node.size() != 3) {
      throw damaged(file, quote(name) + " must have dtype, shape and data_offsets");
    }
    DType dtype = readDtype(file, name, node.path("dtype").asText());
    long[] shape = readShape(file, name, node.path("shape"));
    JsonNode offsets = node.path("data_offsets");
    long begin = wholeNumber(offsets.path(0));
    long end = wholeNumber(offsets.path(1));
    if (offsets.size() != 2 || begin < 0 || end < begin) {
      throw damaged(
          file, quote(name) + " must have data_offsets [begin, end], got " + shorten(offsets));
    }
    long bytes = bytes(file, name, dtype, shape);
    if (bytes != end - begin) {
      throw damaged(
          file,
          quote(name)
              + " of shape "
              + shorten(node.path("shape"))
              + " and dtype "
              + dtype
              + " must have "
              + bytes
              + " bytes, got "
              + (end - begin));
    }
    return new Entry(name, dtype, shape, begin, end);
  }

  private static long bytes(Path file, String name, DType dtype, long[] shape) throws IOException {
    long bytes = dtype.bytes;
    boolean empty = false;
    try {
      for (long size : shape) {
        empty |= size == 0;
        // Sizes beside a 0 must not overflow LibTorch's strides either.
        bytes = Math.multiplyExact(bytes, Math.max(1, size));
      }
    } catch (ArithmeticException e) {
      throw damaged(
          file, quote(name) + " has an impossible shape " + shorten(Arrays.toString(shape)));
    }
    return empty ? 0 : bytes;
  }

  private static DType readDtype(Path file, String name, String text) throws IOException {
    for (DType dtype : DType.values()) {
      if (dtype.name().equals(text)) {
        return dtype;
      }
    }
    throw damaged(file, quote(name) + " has the unknown dtype '" + shorten(text) + "'");
  }

  private static long[] readShape(Path file, String name, JsonNode node) throws IOException {
    boolean valid = node.isArray() && node.size() <= MAX_RANK;
    long[] shape = new long[valid ? node.size() : 0];
    for (int i = 0; i < shape.length; i++) {
      shape[i] = wholeNumber(node.path(i));
      valid &= shape[i] >= 0;
    }
    if (!valid) {
      throw damaged(
          file,
          quote(name)
              + " must have a shape of at most "
              + MAX_RANK
              + " sizes, got "
              + shorten(node));
    }
    return shape;
  }

  private static long wholeNumber(JsonNode node) {
    return node.isIntegralNumber() && node.canConvertToLong() ? node.longValue() : -1;
  }

  private static void checkCoverage(Path file, List<Entry> entries, long dataBytes)
      throws IOException {
    long covered = 0;
    for (Entry entry : entries) {
      if (entry.begin != covered) {
        throw damaged(
            file,
            quote(entry.name)
                + " must begin at byte "
                + covered
                + ", where the one before it ends, got "
                + entry.begin);
      }
      covered = entry.end;
    }
    if (covered != dataBytes) {
      throw damaged(file, "its tensors have " + covered + " bytes, the file holds " + dataBytes);
    }
  }

  /**
   * Checks what is to be written, as far as a message about the file would not say what is wrong.
   *
   * @throws NullPointerException if a name or a tensor is null
   * @throws IllegalArgumentException if the reader would refuse it
   */
  static void checkWritable(Map<String, Tensor> tensors, Map<String, String> metadata) {
    tensors.forEach(
        (name, tensor) -> {
          Objects.requireNonNull(name, "SafeTensors.write: the name of a tensor is null");
          checkText("the name of " + quote(name), name);
          TensorHold.require("SafeTensors.write", quote(name), tensor);
          if (tensor.dim() > MAX_RANK) {
            throw unwritable(
                quote(name) + " must have at most " + MAX_RANK + " sizes, got " + tensor.dim());
          }
        });
    metadata.forEach(
        (key, text) -> {
          Objects.requireNonNull(key, "SafeTensors.write: a key of the metadata is null");
          checkText("the metadata's key '" + shorten(key) + "'", key);
          if (text == null) {
            throw unwritable("the metadata's '" + shorten(key) + "' must be a text, got null");
          }
          checkText("the metadata's text of '" + shorten(key) + "'", text);
        });
  }

  private static void checkText(String what, String text) {
    if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
      throw unwritable(
          what + " must be text, but holds half of a surrogate pair, which UTF-8 cannot encode");
    }
  }

  /** Checks a header that is to be written: the reader must take it. */
  static void checkReadable(Path file, byte[] header, long dataBytes) {
    if (header.length > MAX_BYTES) {
      throw unwritable(
          String.format(
              Locale.ROOT,
              "the header (names, shapes and metadata) must have at most %d bytes, would have %d",
              MAX_BYTES,
              header.length));
    }
    try {
      parse(file, header, dataBytes);
    } catch (IOException e) {
      throw new IllegalArgumentException(
          "SafeTensors.write: it could not be read again: " + e.getMessage(), e);
    }
  }

  private static IllegalArgumentException unwritable(String what) {
    return new IllegalArgumentException("SafeTensors.write: " + what);
  }

  /**
   * The header of a file with these tensors one after the other, padded with spaces to a multiple
   * of 8 bytes.
   */
  static String format(Map<String, Tensor> tensors, Map<String, String> metadata) {
    ObjectNode root = MAPPER.createObjectNode();
    if (!metadata.isEmpty()) {
      ObjectNode texts = root.putObject(METADATA);
      metadata.forEach(texts::put);
    }
    long offset = 0;
    for (Map.Entry<String, Tensor> field : tensors.entrySet()) {
      Tensor tensor = field.getValue();
      if (field.getKey().equals(METADATA)) {
        throw new IllegalArgumentException("safetensors: a tensor cannot be named " + METADATA);
      }
      ObjectNode entry = root.putObject(field.getKey());
      entry.put("dtype", DType.of(field.getKey(), tensor.scalar_type().intern()).name());
      ArrayNode shape = entry.putArray("shape");
      for (long size : tensor.shape()) {
        shape.add(size);
      }
      long end = offset + tensor.numel() * tensor.itemsize();
      entry.putArray("data_offsets").add(offset).add(end);
      offset = end;
    }
    String json = root.toString();
    int bytes = json.getBytes(StandardCharsets.UTF_8).length;
    return json + " ".repeat((8 - bytes % 8) % 8);
  }
}
