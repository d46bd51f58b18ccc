package dev.bevel.nuscenes;

import java.awt.Rectangle;
import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.BiFunction;
import java.util.zip.CRC32;
import java.util.zip.Inflater;
import java.util.zip.InflaterInputStream;
import java.util.zip.ZipException;

/**
 * Reads a part of a greyscale PNG (ISO/IEC 15948) of up to two thousand million pixels. nuScenes'
 * map masks have 1.2 thousand million: Java's own decoder goes through all of them, and unpacks
 * whatever else a file may hold, so this one reads rows until it has the part and keeps nothing
 * else. Memory: the part and two rows.
 */
final class GreyPng {
  private static final byte[] SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  private static final int HEADER = 0x49484452; // IHDR
  private static final int DATA = 0x49444154; // IDAT
  private static final int END = 0x49454e44; // IEND
  private static final int MAX_SIDE = 1 << 16;
  private static final long MAX_PIXELS = 1L << 31;

  /** Deflate makes at most 258 bytes of two bits. A header that claims more lies. */
  private static final long MAX_BYTES_PER_BYTE = 258 * 8 / 2;

  private final Path file;
  private final DataInputStream in;
  private final CRC32 checksum = new CRC32();
  private int width;
  private int height;
  private int depth;

  /** Where the reading of chunks is: bytes of the present one that are left, and what has been. */
  private int left;

  private boolean inChunk;
  private boolean afterData;
  private boolean ended;

  private GreyPng(Path file, InputStream in) {
    this.file = file;
    this.in = new DataInputStream(in);
  }

  /**
   * The pixels of a part, 0 (black) to 255 (white), row by row.
   *
   * @param part settles the part, which must lie in the image, by the image's width and height
   * @throws NuScenesException if the file cannot be read, is damaged before the part's last row, or
   *     is not a greyscale PNG of at most 8 bits without interlacing
   */
  static byte[] read(Path file, BiFunction<Integer, Integer, Rectangle> part) {
    SensorFiles.require(file, "image");
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
      GreyPng png = new GreyPng(file, in);
      png.readHeader();
      png.checkClaim(Files.size(file));
      byte[] pixels = png.readRows(part.apply(png.width, png.height));
      png.checkRest();
      return pixels;
    } catch (EOFException e) {
      throw new NuScenesException("image " + file + " is cut off", e);
    } catch (ZipException e) {
      throw new NuScenesException("image " + file + " is damaged: " + e.getMessage(), e);
    } catch (IOException e) {
      throw SensorFiles.unreadable(file, "image", e);
    }
  }

  private void readHeader() throws IOException {
    if (!Arrays.equals(in.readNBytes(SIGNATURE.length), SIGNATURE)) {
      throw fault("is no PNG file");
    }
    if (in.readInt() != 13 || in.readInt() != HEADER) {
      throw fault("is damaged: it does not start with a header");
    }
    byte[] header = new byte[13];
    in.readFully(header);
    begin(HEADER);
    checksum.update(header);
    checkSum();
    DataInputStream fields = new DataInputStream(new ByteArrayInputStream(header));
    width = fields.readInt();
    height = fields.readInt();
    depth = fields.readByte();
    int colour = fields.readByte();
    int methods = fields.readShort(); // of compression and filtering: one is known of each
    int interlace = fields.readByte();
    if (width <= 0
        || height <= 0
        || width > MAX_SIDE
        || height > MAX_SIDE
        || (long) width * height > MAX_PIXELS) {
      throw fault(
          String.format(
              Locale.ROOT,
              "must have sides from 1 to %d and at most %d pixels, got %d×%d",
              MAX_SIDE,
              MAX_PIXELS,
              width,
              height));
    }
    boolean known = depth == 1 || depth == 2 || depth == 4 || depth == 8;
    if (colour != 0 || !known || methods != 0 || interlace != 0) {
      throw fault(
          String.format(
              Locale.ROOT,
              "must be greyscale with at most 8 bits and no interlacing, got colour type %d, %d bits, interlacing %d",
              colour,
              depth,
              interlace));
    }
  }

  /** A small file may not make anyone allocate, or wait for, a large image. */
  private void checkClaim(long fileBytes) {
    long claimed = height * (1 + (width * (long) depth + 7) / 8);
    if (claimed > MAX_BYTES_PER_BYTE * fileBytes) {
      throw fault(
          String.format(
              Locale.ROOT,
              "is damaged: %d bytes are too few for the %d×%d pixels of its header",
              fileBytes,
              width,
              height));
    }
  }

  private byte[] readRows(Rectangle part) throws IOException {
    byte[] pixels = new byte[part.width * part.height];
    byte[] row = new byte[(width * depth + 7) / 8];
    byte[] above = new byte[row.length];
    Inflater inflater = new Inflater();
    try {
      InputStream rows = new InflaterInputStream(new ImageData(), inflater, 1 << 16);
      for (int y = 0; y < part.y + part.height; y++) {
        int filter = rows.read();
        if (filter < 0 || rows.readNBytes(row, 0, row.length) < row.length) {
          throw new EOFException();
        }
        unfilter(filter, row, above);
        if (y >= part.y) {
          for (int x = 0; x < part.width; x++) {
            pixels[(y - part.y) * part.width + x] = pixel(row, part.x + x);
          }
        }
        byte[] swap = above;
        above = row;
        row = swap;
      }
      if (part.y + part.height == height && rows.read() >= 0) {
        throw fault("is damaged: it has more rows than its header says");
      }
      return pixels;
    } finally {
      inflater.end();
    }
  }

  private byte pixel(byte[] row, int x) {
    if (depth == 8) {
      return row[x];
    }
    int bit = x * depth;
    int most = (1 << depth) - 1;
    int value = (row[bit >> 3] & 0xff) >> (8 - depth - (bit & 7)) & most;
    return (byte) (value * 255 / most);
  }

  /** Takes back what the standard's filters 0 to 4 have done to a row of one byte a pixel. */
  private void unfilter(int filter, byte[] row, byte[] above) {
    int left = 0;
    int corner = 0;
    switch (filter) {
      case 0 -> {}
      case 1 -> {
        for (int i = 0; i < row.length; i++) {
          row[i] += (byte) left;
          left = row[i];
        }
      }
      case 2 -> {
        for (int i = 0; i < row.length; i++) {
          row[i] += above[i];
        }
      }
      case 3 -> {
        for (int i = 0; i < row.length; i++) {
          row[i] += (byte) ((left + (above[i] & 0xff)) >> 1);
          left = row[i] & 0xff;
        }
      }
      case 4 -> {
        for (int i = 0; i < row.length; i++) {
          int up = above[i] & 0xff;
          row[i] += (byte) nearestOf(left, up, corner);
          left = row[i] & 0xff;
          corner = up;
        }
      }
      default -> throw fault("is damaged: there is no filter " + filter);
    }
  }

  /** Paeth's predictor. */
  private static int nearestOf(int left, int up, int corner) {
    int toLeft = Math.abs(up - corner);
    int toUp = Math.abs(left - corner);
    int toCorner = Math.abs(left + up - 2 * corner);
    if (toLeft <= toUp && toLeft <= toCorner) {
      return left;
    }
    return toUp <= toCorner ? up : corner;
  }

  private void begin(int type) {
    checksum.reset();
    for (int shift = 24; shift >= 0; shift -= 8) {
      checksum.update(type >>> shift);
    }
  }

  private void checkSum() throws IOException {
    if (in.readInt() != (int) checksum.getValue()) {
      throw fault("is damaged: a checksum is wrong");
    }
  }

  /** That all further chunks are whole: checksums only, without unpacking what is not wanted. */
  private void checkRest() throws IOException {
    byte[] buffer = new byte[1 << 15];
    if (inChunk) {
      passOver(left, buffer);
      checkSum();
    }
    while (!ended) {
      int length = nextLength();
      int type = in.readInt();
      begin(type);
      passOver(length, buffer);
      checkSum();
      ended = type == END;
    }
  }

  private int nextLength() throws IOException {
    int length = in.readInt();
    if (length < 0) {
      throw fault("is damaged: a chunk has no length");
    }
    return length;
  }

  private void passOver(int bytes, byte[] buffer) throws IOException {
    for (int at = bytes; at > 0; ) {
      int count = in.read(buffer, 0, Math.min(at, buffer.length));
      if (count < 0) {
        throw new EOFException();
      }
      checksum.update(buffer, 0, count);
      at -= count;
    }
  }

  /** The contents of the image's data chunks, one after the other. */
  private final class ImageData extends InputStream {
    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      while (left == 0) {
        if (!nextChunk()) {
          return -1;
        }
      }
      int count = in.read(bytes, offset, Math.min(length, left));
      if (count < 0) {
        throw new EOFException();
      }
      checksum.update(bytes, offset, count);
      left -= count;
      return count;
    }

    private boolean nextChunk() throws IOException {
      boolean started = inChunk;
      if (inChunk) {
        checkSum();
        inChunk = false;
      }
      while (!ended && !afterData) {
        int length = nextLength();
        int type = in.readInt();
        begin(type);
        if (type == DATA) {
          inChunk = true;
          left = length;
          return true;
        }
        passOver(length, new byte[1 << 12]);
        checkSum();
        afterData = started;
        ended = type == END;
      }
      return false;
    }
  }

  private NuScenesException fault(String problem) {
    return new NuScenesException("image " + file + " " + problem);
  }
}
