package dev.bevel.nuscenes;

import java.awt.image.BufferedImage;
import java.awt.image.DataBufferByte;
import java.awt.image.PixelInterleavedSampleModel;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.Locale;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.event.IIOReadWarningListener;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;
import org.jspecify.annotations.Nullable;

/**
 * Strict JPEG reading: the file's structure is checked before Java's decoder allocates or decodes
 * anything. Pixels are those of libjpeg, and so of Pillow: embedded colour profiles are not applied
 * and the picture is not turned by its Exif orientation (OpenCV's {@code imread} turns it unless
 * told not to). What follows the end marker is passed over. Grey and CMYK pictures are refused.
 */
final class JpegFile {
  private static final long MAX_BYTES = 64L << 20;

  /**
   * Progressive files need about ten scans; each costs a pass over the image, so a hostile file
   * could hold thousands.
   */
  private static final int MAX_SCANS = 64;

  /**
   * No JPEG process read here spends less than a bit on a block of 64 pixels and its share of the
   * chroma: about 400 pixels a byte. A header that claims more lies.
   */
  private static final int MAX_PIXELS_PER_BYTE = 1024;

  private static final int SOI = 0xd8;
  private static final int EOI = 0xd9;
  private static final int SOS = 0xda;
  private static final int TEM = 0x01;

  private static final int COM = 0xfe;

  private static final byte[] JFIF_YCC = {
    -1, -32, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0
  };
  private static final byte[] ADOBE_RGB = {
    -1, -18, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0
  };

  private final Path file;
  private final byte[] bytes;

  /** Segments and scans that pixels are made of, without the file's first and last marker. */
  private final ByteArrayOutputStream plain = new ByteArrayOutputStream();

  private boolean jfif;

  /** Of Adobe's segment: 0 for RGB; −1 without one. */
  private int adobeTransform = -1;

  private boolean componentsAreNamedRgb;
  private int width;
  private int height;
  private int scans;

  private JpegFile(Path file, byte[] bytes) {
    this.file = file;
    this.bytes = bytes;
  }

  static RgbImage read(Path file, int expectedWidth, int expectedHeight) {
    JpegFile jpeg = new JpegFile(file, SensorFiles.readAll(file, "image", MAX_BYTES));
    jpeg.checkStructure();
    if (jpeg.width != expectedWidth || jpeg.height != expectedHeight) {
      throw jpeg.fault(
          String.format(
              Locale.ROOT,
              "has %d×%d pixels, expected %d×%d",
              jpeg.width,
              jpeg.height,
              expectedWidth,
              expectedHeight));
    }
    return jpeg.decode();
  }

  /**
   * Walks through a file without decoding it.
   *
   * @throws NuScenesException saying where it is cut off or damaged
   */
  static void requireStructure(Path file) {
    new JpegFile(file, SensorFiles.readAll(file, "image", MAX_BYTES)).checkStructure();
  }

  /** Walks all markers from SOI to EOI and takes the size from the frame header. */
  private void checkStructure() {
    if (bytes.length < 4 || u8(0) != 0xff || u8(1) != SOI) {
      throw fault("is no JPEG file: it does not start with the bytes ff d8");
    }
    int at = 2;
    while (true) {
      at = nextMarker(at);
      int marker = u8(at - 1);
      if (marker == EOI) {
        break;
      }
      if (marker == TEM || (marker >= 0xd0 && marker <= SOI)) {
        throw fault(
            String.format(
                Locale.ROOT,
                "is damaged: marker ff %02x at byte %d where a segment must start",
                marker,
                at - 2));
      }
      int length = at + 2 <= bytes.length ? u16(at) : 0;
      if (length < 2 || at + length > bytes.length) {
        throw fault(
            String.format(
                Locale.ROOT,
                "is cut off or damaged: the segment at byte %d reaches beyond the end of the file",
                at - 2));
      }
      if (isFrameHeader(marker)) {
        frameHeader(marker, at, length);
      }
      if (isOfApplications(marker)) {
        applicationSegment(marker, at, length);
      } else {
        plain.write(0xff);
        plain.write(marker);
        plain.write(bytes, at, length);
      }
      at += length;
      if (marker == SOS) {
        int end = skipScan(at);
        plain.write(bytes, at, end - at);
        at = end;
      }
    }
    if (width == 0 || scans == 0) {
      throw fault("is damaged: it holds no image");
    }
  }

  private static boolean isOfApplications(int marker) {
    return (marker >= 0xe0 && marker <= 0xef) || marker == COM;
  }

  /** As libjpeg, takes from JFIF's and Adobe's segments which colours there are; no more. */
  private void applicationSegment(int marker, int at, int length) {
    if (marker == 0xe0 && length >= 16 && startsWith(at + 2, "JFIF\0")) {
      jfif = true;
    } else if (marker == 0xee && length >= 14 && startsWith(at + 2, "Adobe")) {
      adobeTransform = u8(at + 13);
    }
  }

  private boolean startsWith(int at, String text) {
    byte[] wanted = text.getBytes(StandardCharsets.US_ASCII);
    return Arrays.equals(bytes, at, at + wanted.length, wanted, 0, wanted.length);
  }

  /**
   * The file as Java's decoder is to see it: no profile, preview or comment, and one segment that
   * settles the colours as libjpeg does. By itself Java's decoder converts by an embedded profile,
   * gives up on a broken one and guesses colours by the sampling.
   */
  private byte[] plainFile() {
    boolean rgb = !jfif && (adobeTransform >= 0 ? adobeTransform == 0 : componentsAreNamedRgb);
    byte[] rest = plain.toByteArray();
    byte[] colours = rgb ? ADOBE_RGB : JFIF_YCC;
    ByteBuffer file = ByteBuffer.allocate(rest.length + colours.length + 4);
    file.put((byte) 0xff).put((byte) SOI).put(colours).put(rest);
    return file.put((byte) 0xff).put((byte) EOI).array();
  }

  /** The position after the marker that must stand at {@code at} (fill bytes allowed). */
  private int nextMarker(int at) {
    int i = at;
    while (i < bytes.length && u8(i) == 0xff) {
      i++;
    }
    if (i >= bytes.length) {
      throw fault("is cut off: the end-of-image marker is missing");
    }
    if (i == at || u8(i) == 0) {
      throw fault(String.format(Locale.ROOT, "is damaged: expected a marker at byte %d", at));
    }
    return i + 1;
  }

  /**
   * The position of the first marker after entropy-coded data that is neither a stuffed byte nor a
   * restart marker.
   */
  private int skipScan(int start) {
    if (++scans > MAX_SCANS) {
      throw fault(String.format(Locale.ROOT, "has more than %d scans", MAX_SCANS));
    }
    for (int i = start; i + 1 < bytes.length; i++) {
      if (u8(i) == 0xff) {
        int next = u8(i + 1);
        if (next != 0 && next != 0xff && !(next >= 0xd0 && next <= 0xd7)) {
          return i;
        }
      }
    }
    throw fault("is cut off: the end-of-image marker is missing");
  }

  private static boolean isFrameHeader(int marker) {
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
  }

  private void frameHeader(int marker, int at, int length) {
    if (width != 0) {
      throw fault("is damaged: it has two frame headers");
    }
    if (marker > 0xc2) {
      throw fault(
          String.format(
              Locale.ROOT,
              "uses a JPEG process (SOF%d) that is not supported: expected baseline or progressive",
              marker - 0xc0));
    }
    if (length < 17 || u8(at + 2) != 8 || u8(at + 7) != 3) {
      throw fault("must be an 8-bit image of 3 components");
    }
    componentsAreNamedRgb = u8(at + 8) == 'R' && u8(at + 11) == 'G' && u8(at + 14) == 'B';
    height = u16(at + 3);
    width = u16(at + 5);
    RgbImage.checkSize(width, height, "image " + file);
    if ((long) width * height > (long) MAX_PIXELS_PER_BYTE * bytes.length) {
      throw fault(
          String.format(
              Locale.ROOT,
              "is damaged: %d bytes are too few for the %d×%d pixels of its header",
              bytes.length,
              width,
              height));
    }
  }

  private RgbImage decode() {
    Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName("jpeg");
    if (!readers.hasNext()) {
      throw new NuScenesException("this Java runtime has no JPEG decoder (module java.desktop)");
    }
    ImageReader reader = readers.next();
    Warnings warnings = new Warnings();
    try (ImageInputStream in =
        new MemoryCacheImageInputStream(new ByteArrayInputStream(plainFile()))) {
      reader.addIIOReadWarningListener(warnings);
      reader.setInput(in, true, true);
      BufferedImage image = reader.read(0);
      if (warnings.first != null) {
        throw fault("is damaged: " + warnings.first);
      }
      if (image.getWidth() != width || image.getHeight() != height) {
        throw fault(
            String.format(
                Locale.ROOT,
                "decodes to %d×%d pixels, its header says %d×%d",
                image.getWidth(),
                image.getHeight(),
                width,
                height));
      }
      return toRgb(image);
    } catch (NuScenesException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      // Java's decoder answers damage with exceptions of many kinds.
      throw new NuScenesException(
          String.format(Locale.ROOT, "image %s cannot be decoded: %s", file, e.getMessage()), e);
    } finally {
      reader.dispose();
    }
  }

  private static RgbImage toRgb(BufferedImage image) {
    int width = image.getWidth();
    int height = image.getHeight();
    byte[] rgb = new byte[width * height * 3];
    if (image.getType() == BufferedImage.TYPE_3BYTE_BGR
        && image.getRaster().getDataBuffer() instanceof DataBufferByte buffer
        && image.getRaster().getSampleModel() instanceof PixelInterleavedSampleModel model
        && buffer.getData().length == rgb.length
        && model.getScanlineStride() == width * 3) {
      byte[] bgr = buffer.getData();
      for (int i = 0; i < rgb.length; i += 3) {
        rgb[i] = bgr[i + 2];
        rgb[i + 1] = bgr[i + 1];
        rgb[i + 2] = bgr[i];
      }
    } else {
      int[] row = new int[width];
      for (int y = 0, at = 0; y < height; y++) {
        image.getRGB(0, y, width, 1, row, 0, width);
        for (int argb : row) {
          rgb[at++] = (byte) (argb >> 16);
          rgb[at++] = (byte) (argb >> 8);
          rgb[at++] = (byte) argb;
        }
      }
    }
    return new RgbImage(width, height, rgb);
  }

  private int u8(int i) {
    return bytes[i] & 0xff;
  }

  private int u16(int i) {
    return u8(i) << 8 | u8(i + 1);
  }

  private NuScenesException fault(String problem) {
    return new NuScenesException("image " + file + " " + problem);
  }

  private static final class Warnings implements IIOReadWarningListener {
    private @Nullable String first;

    @Override
    public void warningOccurred(ImageReader source, String warning) {
      if (first == null) {
        first = warning;
      }
    }
  }
}
