package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.testing.Fuzz;
import dev.bevel.testing.Seed;
import dev.bevel.testing.TestData;
import java.awt.Rectangle;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MapRegionTest {

  @TempDir Path root;

  /** Smooth on the left, noise on the right: the encoder takes all kinds of filters. */
  private static BufferedImage image(int width, int height, int type, Random random) {
    BufferedImage image = new BufferedImage(width, height, type);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int grey = x < width / 2 ? (2 * x + 3 * y + (y * y) / 9) & 0xff : random.nextInt(256);
        image
            .getRaster()
            .setSample(x, y, 0, type == BufferedImage.TYPE_BYTE_GRAY ? grey : grey & 1);
      }
    }
    return image;
  }

  private static byte[] png(BufferedImage image) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    assertThat(ImageIO.write(image, "png", bytes)).isTrue();
    return bytes.toByteArray();
  }

  private Path file(byte[] bytes) throws IOException {
    return Files.write(root.resolve("mask.png"), bytes);
  }

  @Test
  void partsAreThoseOfTheImage() throws IOException {
    Random random = Seed.random(MapRegionTest.class);
    for (int type : new int[] {BufferedImage.TYPE_BYTE_GRAY, BufferedImage.TYPE_BYTE_BINARY}) {
      for (int trial = 0; trial < 30; trial++) {
        int width = 1 + random.nextInt(90);
        int height = 1 + random.nextInt(90);
        BufferedImage image = image(width, height, type, random);
        byte[] bytes = png(image);
        BufferedImage back = ImageIO.read(new ByteArrayInputStream(bytes));
        int x = random.nextInt(width);
        int y = random.nextInt(height);
        Rectangle part =
            new Rectangle(x, y, 1 + random.nextInt(width - x), 1 + random.nextInt(height - y));
        byte[] pixels =
            GreyPng.read(
                file(bytes),
                (w, h) -> {
                  assertThat(w).isEqualTo(width);
                  assertThat(h).isEqualTo(height);
                  return part;
                });
        int most = type == BufferedImage.TYPE_BYTE_GRAY ? 255 : 1;
        for (int i = 0; i < pixels.length; i++) {
          int expected =
              back.getRaster().getSample(x + i % part.width, y + i / part.width, 0) * 255 / most;
          assertThat(pixels[i] & 0xff).as("trial %d", trial).isEqualTo(expected);
        }
      }
    }
  }

  @Test
  void theOriginIsBottomLeftAtTenthsOfAMetre() throws IOException {
    BufferedImage image = new BufferedImage(300, 200, BufferedImage.TYPE_BYTE_GRAY);
    image.getRaster().setSample(120, 150, 0, 255); // x 12.0–12.1 m, y 4.9–5.0 m
    MapRegion region = MapRegion.read(file(png(image)), 12, 5, 3).orElseThrow();
    assertThat(region.isForeground(12.05, 4.95)).isTrue();
    assertThat(region.isForeground(12.15, 4.95)).isFalse();
    assertThat(region.isForeground(11.95, 4.95)).isFalse();
    assertThat(region.isForeground(12.05, 5.05)).isFalse();
    assertThat(region.isForeground(12.05, 4.85)).isFalse();
    assertThat(region.isForeground(1e300, Double.NaN)).isFalse();
    assertThat(MapRegion.read(root.resolve("mask.png"), 1e300, -1e300, 50)).isEmpty();
    assertThat(MapRegion.read(root.resolve("mask.png"), 40, 5, 5)).isEmpty();
    assertThat(MapRegion.read(root.resolve("mask.png"), 0, 0, 200)).isPresent();
    assertThatThrownBy(() -> MapRegion.read(root.resolve("mask.png"), 0, 0, 201))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void fuzzedFilesGiveAPictureOrASentence() throws IOException {
    Random random = Seed.random(MapRegionTest.class);
    byte[] good = png(image(64, 48, BufferedImage.TYPE_BYTE_GRAY, random));
    int refused = 0;
    for (int trial = 0; trial < 300; trial++) {
      byte[] bytes = good.clone();
      switch (trial % 3) {
        case 0 -> bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
        case 1 -> bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
        default -> {
          // A damage whose checksums are right reaches the decoder.
          bytes[8 + 8 + random.nextInt(13)] = (byte) random.nextInt(256);
          int data = 8 + 25 + 8;
          bytes[data + random.nextInt(bytes.length - data - 16)] = (byte) random.nextInt();
          repairChecksums(bytes);
        }
      }
      Path file = file(bytes);
      try {
        Rectangle part = new Rectangle();
        byte[] pixels =
            GreyPng.read(
                file,
                (w, h) -> {
                  part.setSize(Math.min(w, 9), (h + 1) / 2); // what is damaged below is not seen
                  return part;
                });
        assertThat(pixels).hasSize(part.width * part.height);
      } catch (NuScenesException e) {
        refused++;
        assertThat(e).hasMessageContaining("mask.png").hasMessageNotContaining("null");
      }
    }
    assertThat(refused).isBetween(200, 299);
  }

  /** Two rows of pixels, the part and the buffers of the file and its decompression. */
  @Test
  void fuzzedFilesTakeNoMoreMemoryThanTheyDeserve() throws IOException {
    Random random = Seed.random(MapRegionTest.class);
    Path file = root.resolve("mask.png");
    List<byte[]> sources =
        List.of(
            png(image(64, 48, BufferedImage.TYPE_BYTE_GRAY, random)),
            png(image(900, 20, BufferedImage.TYPE_BYTE_BINARY, random)));
    Fuzz.Report report =
        new Fuzz("map mask", file, sources, random.nextLong(), NuScenesException.class)
            .run(500, new Fuzz.Budget(600_000, 16), mask -> MapRegion.read(mask, 3, 3, 5));
    assertThat(report.refused()).isBetween(report.variants() / 10, report.variants() - 1);
  }

  private static void repairChecksums(byte[] bytes) {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    for (int at = 8; at < bytes.length; at += 12 + buffer.getInt(at)) {
      CRC32 checksum = new CRC32();
      checksum.update(bytes, at + 4, buffer.getInt(at) + 4);
      buffer.putInt(at + 8 + buffer.getInt(at), (int) checksum.getValue());
    }
  }

  @Test
  void whatIsNoMaskIsRefused() throws IOException {
    assertThatThrownBy(
            () ->
                MapRegion.read(
                    file(png(new BufferedImage(9, 9, BufferedImage.TYPE_INT_RGB))), 0, 0, 9))
        .hasMessageContaining("must be greyscale");
    // The header of a picture of four thousand million pixels, and one that promises more than it
    // has.
    byte[] bytes = png(new BufferedImage(9, 9, BufferedImage.TYPE_BYTE_GRAY));
    ByteBuffer.wrap(bytes).putInt(16, 65_536).putInt(20, 65_536);
    repairChecksums(bytes);
    assertThatThrownBy(() -> MapRegion.read(file(bytes), 0, 0, 9))
        .hasMessageContaining("65536×65536");
    ByteBuffer.wrap(bytes).putInt(20, 32_000);
    repairChecksums(bytes);
    assertThatThrownBy(() -> MapRegion.read(file(bytes), 0, 0, 9))
        .hasMessageEndingWith("too few for the 65536×32000 pixels of its header");
    ByteBuffer.wrap(bytes).putInt(16, 9).putInt(20, 10);
    repairChecksums(bytes);
    assertThatThrownBy(() -> MapRegion.read(file(bytes), 0, 0, 9)).hasMessageEndingWith("cut off");
    assertThatThrownBy(() -> MapRegion.read(root.resolve("nowhere.png"), 0, 0, 9))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("nowhere.png");
  }

  @Test
  void mapsOutsideTheDataFolderAreRefused() throws IOException {
    TinyNuScenes tiny = new TinyNuScenes(root.resolve("set"));
    Files.write(root.resolve("mask.png"), png(new BufferedImage(9, 9, 10)));
    tiny.record("map", 0).put("filename", "../mask.png");
    NuScenes set = NuScenes.load(tiny.write().root);
    assertThatThrownBy(() -> MapRegion.around(set, set.sample("sample-0"), 50))
        .hasMessageContaining("must stay inside the data folder");
  }

  /** Ego poses and masks are measured against each other, so the car drives on drivable ground. */
  @Test
  void realDrivesAreOnDrivableGround() {
    NuScenes set = NuScenes.load(TestData.require("nuscenes-mini-val"));
    for (var scene : set.scenes()) {
      var sample = set.sample(scene.firstSampleToken());
      MapRegion region = MapRegion.around(set, sample, MapRegion.MAX_RADIUS).orElseThrow();
      int on = 0;
      int off = 0;
      for (var each : set.samples()) {
        if (each.sceneToken().equals(scene.token())) {
          Pose ego = set.egoPose(set.keyFrame(each, "LIDAR_TOP")).egoToGlobal();
          on += region.isForeground(ego.tx(), ego.ty()) ? 1 : 0;
          off += region.isForeground(ego.ty(), ego.tx()) ? 1 : 0;
        }
      }
      assertThat(on).as(scene.name()).isGreaterThanOrEqualTo(38);
      assertThat(off).isZero();
    }
  }
}
