package dev.bevel.nuscenes.validation;

import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/**
 * Is a file a map mask: a greyscale PNG (ISO/IEC 15948) of at most 8 bits without interlacing,
 * sound from its header to its end? Every chunk's checksum is compared and all rows are unpacked,
 * but nothing is kept.
 */
final class PngInspector {
  private static final long SIGNATURE = 0x89504e470d0a1a0aL;
  private static final int HEADER = 0x49484452;
  private static final int DATA = 0x49444154;
  private static final int END = 0x49454e44;
  private static final int MAX_SIDE = 1 << 16;
  private static final long MAX_PIXELS = 1L << 31;
  private static final int MAX_BYTES_A_BYTE = 258 * 8 / 2;

  private final Inflater inflater = new Inflater();
  private final byte[] packed = new byte[1 << 15];
  private final byte[] unpacked = new byte[1 << 16];
  private long rowBytes;
  private long rows;

  /** Unpacked so far. */
  private long done;

  private boolean started;
  private boolean ended;

  private PngInspector() {}

  /** What is wrong with a file; null if nothing is. */
  static FileInspector.@Nullable Fault inspect(Path file) throws IOException {
    PngInspector png = new PngInspector();
    try (DataInputStream in =
        new DataInputStream(new BufferedInputStream(FileInspector.open(file), 1 << 16))) {
      String problem = png.problem(in, Files.size(file));
      return problem == null
          ? null
          : new FileInspector.Fault("a sound greyscale PNG file without interlacing", problem);
    } catch (EOFException e) {
      return new FileInspector.Fault("a PNG file with an end", "one that is cut off");
    } catch (DataFormatException e) {
      return new FileInspector.Fault(
          "a sound greyscale PNG file without interlacing", "damaged data: " + e.getMessage());
    } finally {
      png.inflater.end();
    }
  }

  private @Nullable String problem(DataInputStream in, long fileBytes)
      throws IOException, DataFormatException {
    if (fileBytes < 8 || in.readLong() != SIGNATURE) {
      return "something else";
    }
    String problem = header(in, fileBytes);
    while (problem == null) {
      int length = in.readInt();
      if (length < 0) {
        return "a chunk without a length";
      }
      CRC32 crc = new CRC32();
      byte[] name = in.readNBytes(4);
      crc.update(name);
      int type =
          name.length < 4 ? 0 : new DataInputStream(new ByteArrayInputStream(name)).readInt();
      ended |= started && type != DATA;
      started |= type == DATA;
      problem = chunk(in, type, length, crc);
      if (problem == null && in.readInt() != (int) crc.getValue()) {
        return "a damaged one: a checksum is wrong";
      }
      if (type == END) {
        return problem == null && !inflater.finished() ? "one that lacks rows" : problem;
      }
    }
    return problem;
  }

  private @Nullable String header(DataInputStream in, long fileBytes) throws IOException {
    if (in.readInt() != 13 || in.readInt() != HEADER) {
      return "one without a header";
    }
    byte[] header = new byte[13];
    in.readFully(header);
    CRC32 crc = new CRC32();
    crc.update(new byte[] {'I', 'H', 'D', 'R'});
    crc.update(header);
    if (in.readInt() != (int) crc.getValue()) {
      return "a damaged one: a checksum is wrong";
    }
    DataInputStream fields = new DataInputStream(new ByteArrayInputStream(header));
    long width = fields.readInt();
    long height = fields.readInt();
    int bits = fields.readByte();
    if (width < 1
        || height < 1
        || width > MAX_SIDE
        || height > MAX_SIDE
        || width * height > MAX_PIXELS) {
      return String.format(Locale.ROOT, "%d×%d pixels", width, height);
    }
    if ((bits != 1 && bits != 2 && bits != 4 && bits != 8) || fields.readInt() != 0) {
      return "another kind of PNG file, of " + bits + " bits";
    }
    rowBytes = 1 + (width * bits + 7) / 8;
    rows = height;
    return rowBytes * rows > MAX_BYTES_A_BYTE * fileBytes ? "too few bytes for its pixels" : null;
  }

  private @Nullable String chunk(InputStream in, int type, int length, CRC32 crc)
      throws IOException, DataFormatException {
    for (int left = length; left > 0; ) {
      int count = in.readNBytes(packed, 0, Math.min(left, packed.length));
      if (count == 0) {
        throw new EOFException();
      }
      crc.update(packed, 0, count);
      left -= count;
      String problem = type == DATA && !ended ? unpack(count) : null;
      if (problem != null) {
        return problem;
      }
    }
    return null;
  }

  private @Nullable String unpack(int count) throws DataFormatException {
    inflater.setInput(packed, 0, count);
    while (!inflater.finished() && !inflater.needsInput()) {
      int bytes = inflater.inflate(unpacked);
      if (inflater.needsDictionary()) {
        return "damaged data: a dictionary is wanted";
      }
      // The first byte of each row names its filter.
      for (long at = (rowBytes - done % rowBytes) % rowBytes; at < bytes; at += rowBytes) {
        if (unpacked[(int) at] < 0 || unpacked[(int) at] > 4) {
          return "damaged data: there is no filter " + unpacked[(int) at];
        }
      }
      done += bytes;
      if (done > rows * rowBytes) {
        return "more rows than its header says";
      }
    }
    return inflater.finished() && done < rows * rowBytes ? "one that lacks rows" : null;
  }
}
