package dev.bevel.nuscenes.validation;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.MemoryCacheImageInputStream;
import org.jspecify.annotations.Nullable;

/**
 * Is a file a JPEG image (ITU-T T.81) that a camera BEV detector can use? Its segments follow each
 * other to the end marker, it is baseline or progressive with three components of 8 bits, and its
 * data decode without a warning. What other programs put into it (profiles, previews, comments) and
 * what follows the end marker is of no concern.
 */
final class JpegInspector {
  private static final long MAX_BYTES = 64L << 20;
  private static final long MAX_PIXELS = 1L << 26;
  private static final int MAX_SCANS = 64;

  /** Codes spend about a bit on 400 pixels at least. */
  private static final int MAX_PIXELS_A_BYTE = 1024;

  private final byte[] data;

  /** What decodes to the same samples: without the segments of applications and comments. */
  private final ByteArrayOutputStream essence = new ByteArrayOutputStream();

  private boolean jfif;

  /** Of Adobe's segment, −1 without one. */
  private int transform = -1;

  private byte[] frame = new byte[0];
  private int scans;

  private JpegInspector(byte[] data) {
    this.data = data;
  }

  /** What is wrong with a file that should be a picture of this size; null if nothing is. */
  static FileInspector.@Nullable Fault inspect(Path file, int width, int height)
      throws IOException {
    byte[] data = FileInspector.read(file, MAX_BYTES);
    if (data.length > MAX_BYTES) {
      return new FileInspector.Fault("a JPEG file of at most " + MAX_BYTES + " bytes", "more");
    }
    JpegInspector jpeg = new JpegInspector(data);
    try {
      jpeg.walk();
      jpeg.checkFrame(width, height);
      jpeg.decode(true);
      return null;
    } catch (Damage e) {
      return e.fault;
    }
  }

  /** The picture; null if {@link #inspect} finds a fault in it. */
  static @Nullable BufferedImage read(Path file, int width, int height) throws IOException {
    byte[] data = FileInspector.read(file, MAX_BYTES);
    JpegInspector jpeg = new JpegInspector(data);
    try {
      jpeg.walk();
      jpeg.checkFrame(width, height);
      return jpeg.decode(false);
    } catch (Damage e) {
      return null;
    }
  }

  private static final class Damage extends Exception {
    private static final long serialVersionUID = 1L;
    private final transient FileInspector.Fault fault;

    Damage(String expected, String actual) {
      super(actual);
      fault = new FileInspector.Fault(expected, actual);
    }
  }

  private void walk() throws Damage {
    if (data.length < 4 || u16(0) != 0xffd8) {
      throw new Damage("a JPEG file, which starts with ff d8", "something else");
    }
    essence.write(data, 0, 2);
    int at = 2;
    while (true) {
      int marker = at;
      while (marker < data.length && u8(marker) == 0xff) {
        marker++;
      }
      if (marker >= data.length) {
        throw new Damage("a JPEG file that ends with ff d9", "one that is cut off");
      }
      int code = u8(marker);
      if (marker == at || code == 0 || code == 1 || (code >= 0xd0 && code <= 0xd8)) {
        throw new Damage("a JPEG file with a segment at byte " + at, "something else there");
      }
      if (code == 0xd9) {
        essence.writeBytes(new byte[] {-1, (byte) 0xd9});
        return;
      }
      int start = marker + 1;
      int length = start + 2 <= data.length ? u16(start) : 0;
      if (length < 2 || start + length > data.length) {
        throw new Damage("a JPEG file with a whole segment at byte " + at, "one that is cut off");
      }
      segment(code, start, length);
      at = start + length;
      if (code == 0xda) {
        int end = scanEnd(at);
        essence.write(data, at, end - at);
        at = end;
      }
    }
  }

  private void segment(int code, int start, int length) throws Damage {
    if (code == 0xe0 && length >= 16 && has("JFIF\0", start + 2)) {
      jfif = true;
    } else if (code == 0xee && length >= 14 && has("Adobe", start + 2)) {
      transform = u8(start + 13);
    }
    if ((code >= 0xe0 && code <= 0xef) || code == 0xfe) {
      return;
    }
    boolean isFrame = code >= 0xc0 && code <= 0xcf && code != 0xc4 && code != 0xc8 && code != 0xcc;
    if (isFrame) {
      if (frame.length > 0) {
        throw new Damage("a JPEG file with one frame header", "two");
      }
      if (code > 0xc2) {
        throw new Damage("a baseline or progressive JPEG file", "process SOF" + (code - 0xc0));
      }
      frame = Arrays.copyOfRange(data, start, start + length);
    }
    essence.write(0xff);
    essence.write(code);
    essence.write(data, start, length);
  }

  private int scanEnd(int from) throws Damage {
    if (++scans > MAX_SCANS) {
      throw new Damage("a JPEG file of at most " + MAX_SCANS + " scans", "more");
    }
    for (int i = from; i + 1 < data.length; i++) {
      int next = u8(i + 1);
      if (u8(i) == 0xff && next != 0 && next != 0xff && (next < 0xd0 || next > 0xd7)) {
        return i;
      }
    }
    throw new Damage("a JPEG file that ends with ff d9", "one that is cut off");
  }

  private void checkFrame(int width, int height) throws Damage {
    if (frame.length == 0 || scans == 0) {
      throw new Damage("a JPEG file with a frame header and a scan", "none");
    }
    if (frame.length < 17 || frame[2] != 8 || frame[7] != 3) {
      throw new Damage(
          "an 8-bit image of 3 components", (frame[2] & 0xff) + " bits, " + components());
    }
    int rows = (frame[3] & 0xff) << 8 | frame[4] & 0xff;
    int columns = (frame[5] & 0xff) << 8 | frame[6] & 0xff;
    if (rows != height || columns != width) {
      throw new Damage(
          String.format(Locale.ROOT, "a JPEG file of %d×%d pixels", width, height),
          columns + "×" + rows);
    }
    long pixels = (long) rows * columns;
    if (pixels == 0 || pixels > MAX_PIXELS || pixels > (long) MAX_PIXELS_A_BYTE * data.length) {
      throw new Damage(
          "a JPEG file of 1 to " + MAX_PIXELS + " pixels and bytes enough for them",
          pixels + " pixels in " + data.length + " bytes");
    }
  }

  private String components() {
    return frame.length > 7 ? (frame[7] & 0xff) + " components" : "no components";
  }

  /**
   * @param samples whether the samples as they are stored will do, which is faster
   */
  private BufferedImage decode(boolean samples) throws Damage {
    List<String> warnings = new ArrayList<>();
    ImageReader reader = ImageIO.getImageReadersByFormatName("jpeg").next();
    try (MemoryCacheImageInputStream in =
        new MemoryCacheImageInputStream(new ByteArrayInputStream(canonical()))) {
      reader.addIIOReadWarningListener((source, warning) -> warnings.add(warning));
      reader.setInput(in, true, true);
      BufferedImage picture = null;
      if (samples) {
        reader.readRaster(0, null);
      } else {
        picture = reader.read(0);
      }
      if (warnings.isEmpty()) {
        return picture == null ? new BufferedImage(1, 1, BufferedImage.TYPE_INT_RGB) : picture;
      }
    } catch (IOException | RuntimeException e) {
      // Java's decoder answers damage with exceptions of many kinds.
      warnings.add(String.valueOf(e.getMessage()));
    } finally {
      reader.dispose();
    }
    throw new Damage("a JPEG file that can be decoded", warnings.getFirst());
  }

  /** With one application segment that settles the colours, as libjpeg takes them. */
  private byte[] canonical() {
    boolean named = frame[8] == 'R' && frame[11] == 'G' && frame[14] == 'B';
    boolean rgb = !jfif && (transform >= 0 ? transform == 0 : named);
    byte[] settled =
        rgb
            ? new byte[] {-1, -18, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0}
            : new byte[] {-1, -32, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0};
    byte[] rest = essence.toByteArray();
    ByteArrayOutputStream all = new ByteArrayOutputStream(rest.length + settled.length);
    all.write(rest, 0, 2);
    all.writeBytes(settled);
    all.write(rest, 2, rest.length - 2);
    return all.toByteArray();
  }

  private boolean has(String text, int at) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    return Arrays.equals(data, at, at + bytes.length, bytes, 0, bytes.length);
  }

  private int u8(int at) {
    return data[at] & 0xff;
  }

  private int u16(int at) {
    return u8(at) << 8 | u8(at + 1);
  }
}
