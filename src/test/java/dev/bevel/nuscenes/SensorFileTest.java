package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.MemoryCacheImageOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SensorFileTest {
  private static final int WIDTH = 72;
  private static final int HEIGHT = 40;

  @TempDir Path folder;

  private static byte[] jpeg(boolean progressive, int type) throws IOException {
    BufferedImage image = new BufferedImage(WIDTH, HEIGHT, type);
    for (int y = 0; y < HEIGHT; y++) {
      for (int x = 0; x < WIDTH; x++) {
        image.setRGB(x, y, (3 * x) << 16 | (5 * y) << 8 | (x * y) % 200);
      }
    }
    return encode(image, progressive);
  }

  static byte[] encode(BufferedImage image, boolean progressive) throws IOException {
    ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (var out = new MemoryCacheImageOutputStream(bytes)) {
      ImageWriteParam param = writer.getDefaultWriteParam();
      if (progressive) {
        param.setProgressiveMode(ImageWriteParam.MODE_DEFAULT);
      }
      writer.setOutput(out);
      writer.write(null, new IIOImage(image, null, null), param);
    } finally {
      writer.dispose();
    }
    return bytes.toByteArray();
  }

  private static byte[] jpeg() throws IOException {
    return jpeg(false, BufferedImage.TYPE_3BYTE_BGR);
  }

  private RgbImage read(byte[] bytes) throws IOException {
    Path file = folder.resolve("image.jpg");
    Files.write(file, bytes);
    return RgbImage.readJpeg(file, WIDTH, HEIGHT);
  }

  private void assertRefused(byte[] bytes, String problem) {
    assertThatThrownBy(() -> read(bytes))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("image.jpg")
        .hasMessageContaining(problem);
  }

  private static int indexOf(byte[] bytes, int marker) {
    for (int i = 2; i + 1 < bytes.length; i++) {
      if ((bytes[i] & 0xff) == 0xff && (bytes[i + 1] & 0xff) == marker) {
        return i;
      }
    }
    throw new AssertionError("no such marker");
  }

  @Test
  void goodImagesDecodeInRgbOrder() throws IOException {
    for (boolean progressive : new boolean[] {false, true}) {
      RgbImage image = read(jpeg(progressive, BufferedImage.TYPE_3BYTE_BGR));
      assertThat(image.width()).isEqualTo(WIDTH);
      assertThat(image.height()).isEqualTo(HEIGHT);
      int at = (20 * WIDTH + 60) * 3;
      assertThat(image.rgb()[at] & 0xff).as("red").isBetween(170, 190);
      assertThat(image.rgb()[at + 1] & 0xff).as("green").isBetween(90, 110);
      assertThat(image.toBufferedImage().getRGB(60, 20) >> 16 & 0xff)
          .isEqualTo(image.rgb()[at] & 0xff);
    }
  }

  @Test
  void everyTruncationIsAnError() throws IOException {
    for (boolean progressive : new boolean[] {false, true}) {
      byte[] good = jpeg(progressive, BufferedImage.TYPE_3BYTE_BGR);
      for (int length = 0; length < good.length; length++) {
        byte[] cut = Arrays.copyOf(good, length);
        assertThatThrownBy(() -> read(cut))
            .as("%d of %d bytes", length, good.length)
            .isInstanceOf(NuScenesException.class);
      }
    }
  }

  /** Java's decoder alone would return half an image here, grey below, and only warn. */
  @Test
  void halfAnImageWithAnEndMarkerIsAnError() throws IOException {
    byte[] good = jpeg();
    byte[] half = Arrays.copyOf(good, good.length * 3 / 4);
    half[half.length - 2] = (byte) 0xff;
    half[half.length - 1] = (byte) 0xd9;
    assertRefused(half, "damaged");
  }

  @Test
  void sizeMustBeTheTables() throws IOException {
    Path file = folder.resolve("image.jpg");
    Files.write(file, jpeg());
    assertThatThrownBy(() -> RgbImage.readJpeg(file, 1600, 900))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("has 72×40 pixels, expected 1600×900");
    byte[] taller = jpeg();
    taller[indexOf(taller, 0xc0) + 6] = HEIGHT + 24;
    assertRefused(taller, "has 72×64 pixels");
    Files.write(file, taller);
    assertThatThrownBy(() -> RgbImage.readJpeg(file, WIDTH, HEIGHT + 24))
        .isInstanceOf(NuScenesException.class);
  }

  @Test
  void absurdSizesAreRefusedBeforeAllocation() throws IOException {
    byte[] huge = jpeg();
    int frame = indexOf(huge, 0xc0);
    for (int i = 5; i <= 8; i++) {
      huge[frame + i] = (byte) 0xff;
    }
    assertRefused(huge, "65535×65535");
  }

  /** A small file may not make the decoder allocate a large image, whatever the tables say. */
  @Test
  void headersThatClaimMorePixelsThanTheirBytesCanHoldAreRefused() throws IOException {
    byte[] liar = jpeg();
    int frame = indexOf(liar, 0xc0);
    liar[frame + 5] = 0x1f; // 7,999 rows and columns, within the limit on pixels
    liar[frame + 6] = 0x3f;
    liar[frame + 7] = 0x1f;
    liar[frame + 8] = 0x3f;
    Path file = folder.resolve("liar.jpg");
    Files.write(file, liar);
    assertThatThrownBy(() -> RgbImage.readJpeg(file, 7999, 7999))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("liar.jpg")
        .hasMessageContaining("too few for the 7999×7999 pixels");
  }

  /** The densest honest file, one colour, is far from the limit. */
  @Test
  void flatImagesAreNotTakenForLiars() throws IOException {
    for (boolean progressive : new boolean[] {false, true}) {
      BufferedImage flat = new BufferedImage(2048, 2048, BufferedImage.TYPE_3BYTE_BGR);
      byte[] bytes = encode(flat, progressive);
      Path file = folder.resolve("flat.jpg");
      Files.write(file, bytes);
      assertThat(RgbImage.readJpeg(file, 2048, 2048).rgb()).containsOnly(0);
    }
  }

  @Test
  void otherFormatsAreRefused() throws IOException {
    assertRefused(new byte[0], "no JPEG file");
    assertRefused(
        "GIF89a, not a JPEG".getBytes(java.nio.charset.StandardCharsets.US_ASCII), "no JPEG file");
    assertRefused(jpeg(false, BufferedImage.TYPE_BYTE_GRAY), "3 components");
    byte[] arithmetic = jpeg();
    arithmetic[indexOf(arithmetic, 0xc0) + 1] = (byte) 0xc9;
    assertRefused(arithmetic, "SOF9");
    byte[] twelveBit = jpeg();
    twelveBit[indexOf(twelveBit, 0xc0) + 4] = 12;
    assertRefused(twelveBit, "8-bit");
    assertThatThrownBy(() -> RgbImage.readJpeg(folder.resolve("absent.jpg"), 1, 1))
        .hasMessageContaining("does not exist");
    assertThatThrownBy(() -> RgbImage.readJpeg(folder, 1, 1))
        .hasMessageContaining("is a folder, must be a file");
  }

  /** Thousands of scans, a pass over the image each, would keep a decoder busy for hours. */
  @Test
  void scanBombIsRefused() throws IOException {
    byte[] good = jpeg(true, BufferedImage.TYPE_3BYTE_BGR);
    int scan = indexOf(good, 0xda);
    ByteArrayOutputStream bomb = new ByteArrayOutputStream();
    bomb.write(good, 0, scan);
    byte[] empty = {(byte) 0xff, (byte) 0xda, 0, 8, 1, 1, 0, 0, 0, 0};
    for (int i = 0; i < 100_000; i++) {
      bomb.write(empty);
    }
    bomb.write(new byte[] {(byte) 0xff, (byte) 0xd9});
    assertTimeoutPreemptively(
        Duration.ofSeconds(20), () -> assertRefused(bomb.toByteArray(), "scans"));
  }

  @Test
  void randomDamageEndsInAnImageOrAClearError() throws IOException {
    long seed = 31337;
    Random random = new Random(seed);
    byte[][] sources = {
      jpeg(false, BufferedImage.TYPE_3BYTE_BGR), jpeg(true, BufferedImage.TYPE_3BYTE_BGR)
    };
    int refused = 0;
    for (int trial = 0; trial < 1500; trial++) {
      byte[] bad = sources[trial % 2].clone();
      int header = indexOf(bad, 0xda) + 14;
      for (int i = 0; i <= trial % 4; i++) {
        bad[random.nextInt(trial % 3 == 0 ? bad.length : header)] = (byte) random.nextInt(256);
      }
      String what = String.format(Locale.ROOT, "seed %d, trial %d", seed, trial);
      try {
        RgbImage image = assertTimeoutPreemptively(Duration.ofSeconds(10), () -> read(bad), what);
        assertThat(image.rgb()).as(what).hasSize(WIDTH * HEIGHT * 3);
      } catch (NuScenesException e) {
        refused++;
        assertThat(e.getMessage()).as(what).contains("image.jpg").doesNotContain("\n");
      }
    }
    assertThat(refused).isGreaterThan(500);
  }

  /**
   * The decoded pixels of the real sample equal those of Pillow 9.4.0: first 16 hex digits of the
   * SHA-256 of the RGB bytes, cameras in the order of {@link DetectionSample#CAMERA_ORDER}.
   */
  @Test
  void realImagesDecodeAsInPillow() throws Exception {
    List<String> pillow =
        List.of(
            "45621866ff13ee4d",
            "00f475d93b86eb51",
            "36d9b670da8396c9",
            "7f9dba9f67c325da",
            "369bd99693f08ce5",
            "ba17429be8af1d0b");
    DetectionSample sample = DetectionSampleTest.realSample();
    for (int i = 0; i < 6; i++) {
      RgbImage image = sample.cameras().get(i).readImage();
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(image.rgb());
      assertThat(HexFormat.of().formatHex(digest)).as("camera %d", i).startsWith(pillow.get(i));
    }
  }

  @Test
  void damagedRealImageIsRefused() throws IOException {
    byte[] good = Files.readAllBytes(DetectionSampleTest.realSample().cameras().getFirst().image());
    Path file = folder.resolve("real.jpg");
    for (double part : new double[] {0.01, 0.3, 0.5, 0.99}) {
      Files.write(file, Arrays.copyOf(good, (int) (good.length * part)));
      assertThatThrownBy(() -> RgbImage.readJpeg(file, 1600, 900))
          .isInstanceOf(NuScenesException.class)
          .hasMessageContaining("real.jpg")
          .hasMessageContaining("cut off");
    }
  }

  @Test
  void lidarFilesAreChecked() throws IOException {
    Path file = folder.resolve("sweep.pcd.bin");
    ByteBuffer points = ByteBuffer.allocate(60).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < 15; i++) {
      points.putFloat(i % 5 == 4 ? i : i + 0.5f);
    }
    Files.write(file, points.array());
    LidarPoints read = LidarPoints.read(file);
    assertThat(read.count()).isEqualTo(3);
    assertThat(new float[] {read.x(1), read.y(1), read.z(1), read.intensity(1), read.ring(1)})
        .containsExactly(5.5f, 6.5f, 7.5f, 8.5f, 9);
    for (int length = 0; length < 60; length++) {
      Files.write(file, Arrays.copyOf(points.array(), length));
      if (length == 0 || length % 20 != 0) {
        assertThatThrownBy(() -> LidarPoints.read(file))
            .isInstanceOf(NuScenesException.class)
            .hasMessageContaining("20-byte points");
      } else {
        assertThat(LidarPoints.read(file).count()).isEqualTo(length / 20);
      }
    }
    points.putFloat(24, Float.NaN);
    Files.write(file, points.array());
    assertThatThrownBy(() -> LidarPoints.read(file))
        .hasMessageContaining("sweep.pcd.bin")
        .hasMessageContaining("point 1")
        .hasMessageContaining("NaN");
    Files.write(file, new byte[LidarPoints.MAX_POINTS * 20 + 20]);
    assertThatThrownBy(() -> LidarPoints.read(file)).hasMessageContaining("larger than");
    assertThatThrownBy(() -> LidarPoints.read(folder.resolve("none.bin")))
        .hasMessageContaining("none.bin does not exist");
    assertThatThrownBy(() -> LidarPoints.of(new float[7])).hasMessageContaining("5 floats");
  }

  @Test
  void realSweepReads() {
    LidarPoints points = LidarPoints.read(DetectionSampleTest.realSample().lidar());
    assertThat(points.count()).isEqualTo(34_688);
    assertThat(points.ring(points.count() - 1)).isBetween(0f, 31f);
  }
}
