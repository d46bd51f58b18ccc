package dev.bevel.torch.io;

import dev.bevel.torch.Torch;
import dev.bevel.torch.nn.Scopes;
import dev.bevel.torch.nn.Tensors;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * Reads and writes safetensors files (Hugging Face): eight bytes with the length of a header
 * (unsigned, little-endian), the header in JSON ({@code name → dtype, shape, data_offsets}, {@code
 * __metadata__}), then the tensors' bytes, row-major and little-endian.
 *
 * <p>Dtypes: F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL. Every byte of a file is checked
 * before it is used: the header's length, its JSON, dtypes, shapes, and that the tensors' bytes
 * cover the rest of the file without gap or overlap.
 */
public final class SafeTensors {
  static {
    Torch.initialize();
  }

  private static final long MAX_CHUNK = 1 << 26;

  /**
   * Contents of a file.
   *
   * @param tensors by name, in the order of their bytes; they belong to the scope that {@link
   *     #read} ran in
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
    if (!Files.isRegularFile(file)) {
      throw new IOException(file + ": no such checkpoint file");
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      SafeTensorsHeader header = readHeader(file, channel);
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      for (SafeTensorsHeader.Entry entry : header.entries()) {
        Tensor tensor =
            torch.empty(entry.shape(), new TensorOptions(entry.dtype().scalarType()), null);
        readFully(file, channel, header.dataStart() + entry.begin(), Tensors.memory(tensor));
        tensors.put(entry.name(), tensor);
      }
      return new Contents(tensors, header.metadata());
    }
  }

  private static SafeTensorsHeader readHeader(Path file, FileChannel channel) throws IOException {
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
          target.asSlice(done, Math.min(MAX_CHUNK, target.byteSize() - done)).asByteBuffer();
      int count = channel.read(buffer, position + done);
      if (count < 0) {
        throw SafeTensorsHeader.damaged(file, "it ended while being read");
      }
      done += count;
    }
  }

  /**
   * Writes a file: first under a temporary name beside it, then renamed, so that no half-written
   * file ever has this name.
   *
   * @param tensors by name, on the CPU, in any layout
   * @param metadata text by name
   */
  public static void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata)
      throws IOException {
    byte[] header = SafeTensorsHeader.format(tensors, metadata).getBytes(StandardCharsets.UTF_8);
    Path directory = file.toAbsolutePath().getParent();
    Path temporary = Files.createTempFile(directory, file.getFileName() + ".", ".tmp");
    try {
      try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
        ByteBuffer prefix =
            ByteBuffer.allocate(Long.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(0, header.length);
        writeFully(channel, MemorySegment.ofBuffer(prefix));
        writeFully(channel, MemorySegment.ofArray(header));
        for (Tensor tensor : tensors.values()) {
          writeTensor(channel, tensor);
        }
        channel.force(true);
      }
      Files.move(
          temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  private static void writeTensor(FileChannel channel, Tensor tensor) throws IOException {
    IOException[] failure = new IOException[1];
    Scopes.withoutGradient(
        () -> {
          try {
            writeFully(channel, Tensors.memory(tensor.contiguous()));
          } catch (IOException e) {
            failure[0] = e;
          }
        });
    if (failure[0] != null) {
      throw failure[0];
    }
  }

  private static void writeFully(FileChannel channel, MemorySegment source) throws IOException {
    for (long done = 0; done < source.byteSize(); ) {
      done +=
          channel.write(
              source.asSlice(done, Math.min(MAX_CHUNK, source.byteSize() - done)).asByteBuffer());
    }
  }
}
