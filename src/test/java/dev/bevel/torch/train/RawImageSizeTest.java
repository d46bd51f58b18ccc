package dev.bevel.torch.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.ImageAugmentation;
import dev.bevel.nuscenes.RgbImage;
import dev.bevel.torch.model.DetectorConfig;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The shipped configurations were made for images of 1600×900 pixels. With cameras of other sizes a
 * detector must be trained, too, on objects as large as those that it is to find, and on images
 * that are no blacker.
 */
class RawImageSizeTest {
  private static final List<int[]> RAW_SIZES =
      List.of(
          new int[] {1600, 900},
          new int[] {800, 450},
          new int[] {384, 216},
          new int[] {640, 360},
          new int[] {1280, 720},
          new int[] {1920, 1080},
          new int[] {1920, 1200},
          new int[] {1600, 1200},
          new int[] {1024, 1024},
          new int[] {900, 1600},
          new int[] {1937, 1217},
          new int[] {2880, 1860},
          new int[] {3840, 2160},
          new int[] {2048, 700},
          new int[] {3000, 500});

  private static final int DRAWS = 200;

  private record Prepared(ImageAugmentation training, ImageAugmentation inference) {
    double scale() {
      return training.resize() / inference.resize();
    }
  }

  static Stream<String> configurations() {
    return DetectorConfig.NAMES.stream();
  }

  private static List<Prepared> prepared(ConfigDocument config, int[] raw) {
    ImageAugmentation inference =
        new DetectorInputs(config.detector()).inferenceAugmentation(raw[0], raw[1]);
    int width = config.detector().image().width();
    int height = config.detector().image().height();
    if (config.training().imageAugmentation() == TrainingConfig.ImageRanges.NONE) {
      return List.of(new Prepared(inference, inference));
    }
    ImageAugmentation.Ranges ranges = config.training().imageAugmentation().ranges(width);
    Random random = new Random(7);
    return Stream.generate(() -> ranges.draw(random, raw[0], raw[1], width, height))
        .limit(DRAWS)
        .map(training -> new Prepared(training, inference))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("configurations")
  void trainingSeesObjectsAsLargeAsInferenceDoes(String name) throws IOException {
    ConfigDocument config = ConfigDocument.load(name);
    List<Prepared> published = prepared(config, RAW_SIZES.getFirst());
    double[] scales = published.stream().mapToDouble(Prepared::scale).toArray();
    double black = black(published, RAW_SIZES.getFirst());
    assertThat(mean(scales)).isBetween(0.94, 1.08);
    for (int[] raw : RAW_SIZES) {
      String what = name + ", " + Arrays.toString(raw);
      List<Prepared> others = prepared(config, raw);
      assertThat(others.stream().mapToDouble(Prepared::scale).toArray())
          .as(what)
          .containsExactly(scales, within(1e-12));
      assertThat(black(others, raw))
          .as("black share, " + what)
          .isBetween(black - 0.04, black + 0.04);
    }
  }

  private static double mean(double[] values) {
    return Arrays.stream(values).average().orElseThrow();
  }

  /** Share of the training images' pixels that come from outside the raw image. */
  private static double black(List<Prepared> images, int[] raw) {
    return images.stream().mapToDouble(p -> black(p.training(), raw)).average().orElseThrow();
  }

  private static double black(ImageAugmentation image, int[] raw) {
    double[] m = image.matrix();
    double determinant = m[0] * m[5] - m[1] * m[4];
    int outside = 0;
    int all = 0;
    for (int y = 4; y < image.height(); y += 8) {
      for (int x = 4; x < image.width(); x += 8) {
        double dx = x - m[3];
        double dy = y - m[7];
        double u = (m[5] * dx - m[1] * dy) / determinant;
        double v = (m[0] * dy - m[4] * dx) / determinant;
        outside += u < 0 || v < 0 || u >= raw[0] || v >= raw[1] ? 1 : 0;
        all++;
      }
    }
    return (double) outside / all;
  }

  /** The same by the pixels, for a size that the simulator is asked for. */
  @ParameterizedTest
  @MethodSource("configurations")
  void imagesOfHalfTheSizeAreNotHalfBlack(String name) throws IOException {
    ConfigDocument config = ConfigDocument.load(name);
    int[] raw = {800, 450};
    byte[] white = new byte[3 * raw[0] * raw[1]];
    Arrays.fill(white, (byte) 255);
    double black =
        prepared(config, raw).stream()
            .limit(20)
            .map(p -> p.training().apply(new RgbImage(raw[0], raw[1], white)))
            .mapToDouble(RawImageSizeTest::blackPixels)
            .average()
            .orElseThrow();
    assertThat(black).isLessThan(0.1);
  }

  private static double blackPixels(RgbImage image) {
    int count = 0;
    for (int i = 0; i < image.rgb().length; i += 3) {
      count += (image.rgb()[i] & 0xff) < 8 ? 1 : 0;
    }
    return 3.0 * count / image.rgb().length;
  }

  /** What was published stays what it is, to the last bit. */
  @ParameterizedTest
  @MethodSource("configurations")
  void nuScenesImagesAreResizedByThePublishedFactors(String name) throws IOException {
    ConfigDocument config = ConfigDocument.load(name);
    TrainingConfig.ImageRanges kind = config.training().imageAugmentation();
    if (kind == TrainingConfig.ImageRanges.NONE) {
      return;
    }
    double least = kind == TrainingConfig.ImageRanges.BEVDET ? 0.44 - 0.06 : 0.386;
    Random random = new Random(7);
    for (Prepared image : prepared(config, RAW_SIZES.getFirst())) {
      double low = least * 704 / 704;
      double high = 0.55 * 704 / 704;
      assertThat(image.training().resize()).isEqualTo(low + (high - low) * random.nextDouble());
      random.nextDouble();
      random.nextBoolean();
      random.nextDouble();
    }
  }
}
