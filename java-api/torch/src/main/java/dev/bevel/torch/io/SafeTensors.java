package dev.bevel.torch.io;

import dev.bevel.nuscenes.AtomicFile;
import dev.bevel.nuscenes.PathFaults;
import dev.bevel.torch.Torch;
import dev.bevel.torch.nn.Scopes;
import dev.bevel.torch.nn.Tensors;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads and writes safetensors files (Hugging Face): eight bytes with the length of a header
 * (unsigned, little-endian), the header in JSON ({@code name → dtype, shape, data_offsets}, {@code
 * __metadata__}), then the tensors' bytes, row-major and little-endian.
 *
 * <p>Dtypes: F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL. Every byte of a file is checked
 * before it is used: the header's length, its JSON, dtypes, shapes, that the tensors' bytes cover
 * the rest of the file without gap or overlap, and that those of BOOL are 0 or 1.
 *
 * <p>Files that Bevel writes carry CRC-32C sums of every tensor and of the header in their metadata
 * ({@code bevel.crc32c}, {@code bevel.crc32c.NAME}); they are checked whenever a tensor or the
 * metadata is read, and are not among the metadata handed out. Files of others have none: they are
 * read with a warning in the log.
 */
public final class SafeTensors {
  private static final Logger LOG = LoggerFactory.getLogger("dev.bevel.torch");
  private static final long READ_CHUNK = 1 << 26;
  private static final int WRITE_CHUNK = 1 << 20;

  /**
   * Contents of a file.
   *
   * @param tensors by name, on the CPU, in the order of their bytes; they belong to the scope that
   *     {@link #read} ran in
   * @param metadata text by name
   */
  public record Contents(Map<String, Tensor> tensors, Map<String, String> metadata) {}

  private SafeTensors() {}

  /**
   * Reads a file.
   *
   * @throws IOException if the file cannot be read or is damaged; the message names the file and
   *     what is wrong with it
   */
  public static Contents read(Path file) throws IOException {
    return read(file, name -> true);
  }

  /**
   * Reads some tensors of a file; the header is checked as a whole.
   *
   * @param wanted tells by its name whether a tensor is read
   * @throws IOException if the file cannot be read or is damaged
   */
  public static Contents read(Path file, Predicate<String> wanted) throws IOException {
    Objects.requireNonNull(wanted, "SafeTensors.read: wanted is null");
    Torch.initialize();
    try (FileChannel channel = open(file)) {
      SafeTensorsHeader header = readHeader(file, channel);
      if (header.checksums() == null) {
        LOG.warn("{} carries no checksums: were it damaged, nobody could tell", file);
      }
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      for (SafeTensorsHeader.Entry entry : header.entries()) {
        if (wanted.test(entry.name())) {
          tensors.put(entry.name(), readTensor(file, channel, header, entry));
        }
      }
      return new Contents(tensors, header.metadata());
    }
  }

  /**
   * Reads a file's metadata without its tensors.
   *
   * @throws IOException if the file cannot be read or its header is damaged
   */
  public static Map<String, String> readMetadata(Path file) throws IOException {
    try (FileChannel channel = open(file)) {
      return readHeader(file, channel).metadata();
    }
  }

  private static FileChannel open(Path file) throws IOException {
    Objects.requireNonNull(file, "SafeTensors.read: file is null");
    String fault = PathFaults.asFile(file);
    if (fault != null) {
      throw new IOException("checkpoint file " + file + " " + fault);
    }
    return FileChannel.open(file, StandardOpenOption.READ);
  }

  private static Tensor readTensor(
      Path file, FileChannel channel, SafeTensorsHeader header, SafeTensorsHeader.Entry entry)
      throws IOException {
    Tensor tensor = torch.empty(entry.shape(), new TensorOptions(entry.dtype().scalarType()), null);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = Tensors.memory(tensor, arena);
      readFully(file, channel, header.dataStart() + entry.begin(), memory);
      if (header.checksums() != null) {
        header.checksums().require(file, entry.name(), memory);
      }
      requireBooleans(file, entry, memory);
    }
    return tensor;
  }

  private static void requireBooleans(
      Path file, SafeTensorsHeader.Entry entry, MemorySegment memory) throws IOException {
    if (entry.dtype() != SafeTensorsHeader.DType.BOOL) {
      return;
    }
    for (long i = 0; i < memory.byteSize(); i++) {
      byte value = memory.get(ValueLayout.JAVA_BYTE, i);
      if (value != 0 && value != 1) { // undefined behaviour in C++
        throw SafeTensorsHeader.damaged(
            file,
            SafeTensorsHeader.quote(entry.name())
                + " of dtype BOOL holds the byte "
                + (value & 0xff)
                + ", expected 0 or 1");
      }
    }
  }

  private static SafeTensorsHeader readHeader(Path file, FileChannel channel) throws IOException {
    try {
      return header(file, channel);
    } catch (IOException e) {
      throw FileKind.explained(file, "a safetensors checkpoint as bevel train writes it", e);
    }
  }

  private static SafeTensorsHeader header(Path file, FileChannel channel) throws IOException {
    long size = channel.size();
    if (size < Long.BYTES) {
      throw SafeTensorsHeader.damaged(
          file, "it has " + size + " bytes, fewer than the 8 of the header's length");
    }
    ByteBuffer prefix = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    readFully(file, channel, 0, MemorySegment.ofBuffer(prefix));
    long length = prefix.getLong(0);
    if (length < 2 || length > SafeTensorsHeader.MAX_BYTES || length > size - Long.BYTES) {
      throw SafeTensorsHeader.damaged(
          file,
          "its header's length must be from 2 to "
              + Math.min(SafeTensorsHeader.MAX_BYTES, size - Long.BYTES)
              + ", got "
              + Long.toUnsignedString(length));
    }
    byte[] json = new byte[(int) length];
    readFully(file, channel, Long.BYTES, MemorySegment.ofArray(json));
    return SafeTensorsHeader.parse(file, json, size - Long.BYTES - length);
  }

  private static void readFully(Path file, FileChannel channel, long position, MemorySegment target)
      throws IOException {
    for (long done = 0; done < target.byteSize(); ) {
      ByteBuffer buffer =
          target.asSlice(done, Math.min(READ_CHUNK, target.byteSize() - done)).asByteBuffer();
      int count = channel.read(buffer, position + done);
      if (count < 0) {
        throw SafeTensorsHeader.damaged(file, "it ended while being read");
      }
      done += count;
    }
  }

  /**
   * Writes a file: first under a temporary name beside it, then renamed, so that no half-written
   * file ever has this name. Missing folders are made.
   *
   * @param tensors by name, on the CPU, in any layout
   * @param metadata text by name
   * @throws IOException naming the file if it cannot be written
   * @throws IllegalArgumentException before anything is written if {@link #read} would refuse the
   *     file: a name, a text, a dtype or a rank is none that it takes, the metadata has a key of a
   *     checksum or null, or the header is too long; also if a tensor is not on the CPU
   */
  public static void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata)
      throws IOException {
    Objects.requireNonNull(file, "SafeTensors.write: file is null");
    Objects.requireNonNull(tensors, "SafeTensors.write: tensors is null");
    Objects.requireNonNull(metadata, "SafeTensors.write: metadata is null");
    SafeTensorsHeader.checkWritable(tensors, metadata);
    byte[] header = header(file, tensors, metadata);
    byte[] length =
        ByteBuffer.allocate(Long.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(header.length)
            .array();
    try (AtomicFile target = new AtomicFile(file)) {
      OutputStream stream = target.stream();
      stream.write(length);
      stream.write(header);
      for (Tensor tensor : tensors.values()) {
        onMemory(tensor, memory -> write(stream, memory));
      }
      target.commit();
    } catch (IOException e) {
      throw new IOException(file + ": cannot be written: " + reason(e), e);
    }
  }

  /** The header with its sums, which the reader has taken. */
  private static byte[] header(Path file, Map<String, Tensor> tensors, Map<String, String> metadata)
      throws IOException {
    Map<String, String> sums = new LinkedHashMap<>();
    long bytes = 0;
    for (Map.Entry<String, Tensor> tensor : tensors.entrySet()) {
      onMemory(tensor.getValue(), memory -> sums.put(tensor.getKey(), Checksums.of(memory)));
      bytes += tensor.getValue().numel() * tensor.getValue().itemsize();
    }
    byte[] header =
        SafeTensorsHeader.format(tensors, Checksums.add(metadata, sums))
            .getBytes(StandardCharsets.UTF_8);
    Checksums.seal(header);
    SafeTensorsHeader.checkReadable(file, header, bytes);
    return header;
  }

  /** Java's own messages begin with the file's name where they have it, and with a type else. */
  private static String reason(IOException e) {
    return e instanceof FileSystemException f && f.getReason() != null
        ? f.getReason()
        : String.valueOf(e.getMessage());
  }

  /** Something that is done with a tensor's memory, row-major and contiguous. */
  private interface MemoryAction {
    void accept(MemorySegment memory) throws IOException;
  }

  private static void onMemory(Tensor tensor, MemoryAction action) throws IOException {
    IOException[] failure = new IOException[1];
    Scopes.withoutGradient(
        () -> {
          try (Arena arena = Arena.ofConfined()) {
            action.accept(Tensors.memory(tensor.contiguous(), arena));
          } catch (IOException e) {
            failure[0] = e;
          }
        });
    if (failure[0] != null) {
      throw failure[0];
    }
  }

  private static void write(OutputStream stream, MemorySegment source) throws IOException {
    byte[] chunk = new byte[(int) Math.min(WRITE_CHUNK, source.byteSize())];
    for (long done = 0; done < source.byteSize(); ) {
      int count = (int) Math.min(chunk.length, source.byteSize() - done);
      MemorySegment.copy(source, ValueLayout.JAVA_BYTE, done, chunk, 0, count);
      stream.write(chunk, 0, count);
      done += count;
    }
  }
}
