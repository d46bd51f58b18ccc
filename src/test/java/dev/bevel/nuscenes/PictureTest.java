package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.nuscenes.draw.BevPicture;
import dev.bevel.nuscenes.draw.CameraPicture;
import dev.bevel.nuscenes.draw.Palette;
import dev.bevel.nuscenes.draw.Pictures;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.joml.Vector3d;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PictureTest {
  private static final int MAP = 1400;
  private static final double PIXELS_PER_METRE = MAP / 108.0;

  @TempDir Path root;

  private DetectionSample tinySample() {
    NuScenes set =
        NuScenes.load(new TinyNuScenes(root).write().writeSensorFiles(1, 30, 0, 0, 5, 5).root);
    return DetectionSample.of(set, set.sample("sample-1"));
  }

  private static Color at(BufferedImage image, double x, double y) {
    return new Color(image.getRGB((int) x, (int) y));
  }

  private static Color bevAt(BufferedImage image, double forward, double left) {
    return at(image, MAP / 2.0 - left * PIXELS_PER_METRE, MAP / 2.0 - forward * PIXELS_PER_METRE);
  }

  private static boolean isOrange(Color c) {
    return c.getRed() > 200 && c.getRed() > c.getBlue() + 60;
  }

  @Test
  void truthAndDetectionsStandWhereTheyAre() {
    DetectionSample sample = tinySample();
    Box3d car = sample.boxes().getFirst().box();
    // Off the centre, where the line of motion does not run.
    Vector3d inCar = car.pose().transform(-1.5, 0.5, 0);
    BufferedImage truth = new BevPicture(sample).draw();
    assertThat(truth.getWidth()).isGreaterThan(MAP);
    assertThat(isOrange(bevAt(truth, inCar.x, inCar.y)))
        .as("car of the ground truth at %s", inCar)
        .isTrue();
    assertThat(isOrange(bevAt(truth, inCar.x, -inCar.y - 5))).as("mirrored").isFalse();

    Box3d elsewhere = Box3d.upright(-20, -30, 1, 2, 5, 1.7, 0, 0, 0);
    BevPicture picture = new BevPicture(sample);
    BufferedImage found =
        picture
            .withDetections(List.of(new Detection(elsewhere, DetectionClass.CAR, 0.9)), 0.3)
            .draw();
    assertThat(isOrange(bevAt(found, -20, -29))).as("left outline").isTrue();
    assertThat(isOrange(bevAt(found, -21.5, -30))).as("inside").isFalse();
    BufferedImage below =
        picture
            .withDetections(List.of(new Detection(elsewhere, DetectionClass.CAR, 0.2)), 0.3)
            .draw();
    assertThat(isOrange(bevAt(below, -20, -29))).as("score below the limit").isFalse();
  }

  @Test
  void lidarPointsAreDrawnInTheEgoFrame() {
    DetectionSample sample = tinySample();
    BufferedImage without = new BevPicture(sample).draw();
    BufferedImage with = new BevPicture(sample).withLidar(sample.readLidar()).draw();
    // 30 m to the right in the LIDAR_TOP frame.
    assertThat(bevAt(with, 0.94, -30)).isNotEqualTo(bevAt(without, 0.94, -30));
    assertThat(bevAt(with, 0.94, 30)).isEqualTo(bevAt(without, 0.94, 30));
  }

  @Test
  void camerasShowBoxesInTheirImages() throws Exception {
    DetectionSample sample = tinySample();
    CameraSample front = sample.cameras().get(1);
    Vector3d inCamera = front.sensorToKeyEgo().inverse().transform(15, 0, 1);
    Box3d box = Box3d.upright(15, 0, 1, 2, 4, 2, 0.1, 0, 0);
    BufferedImage plain = new CameraPicture(sample).withDetections(List.of(), 0.3).draw();
    BufferedImage drawn =
        new CameraPicture(sample)
            .withDetections(List.of(new Detection(box, DetectionClass.CAR, 0.9)), 0.3)
            .draw();
    assertThat(drawn.getWidth()).isEqualTo(3 * 800 + 12);
    double u = 806 + 5 * front.intrinsics().u(inCamera.x, inCamera.y, inCamera.z);
    double v = 5 * front.intrinsics().v(inCamera.y, inCamera.z);
    int near = 0;
    int far = 0;
    for (int y = 0; y < 450; y++) {
      for (int x = 0; x < 2412; x++) {
        if (drawn.getRGB(x, y) != plain.getRGB(x, y)) {
          if (Math.abs(x - u) < 160 && Math.abs(y - v) < 200) {
            near++;
          } else {
            far++;
          }
        }
      }
    }
    assertThat(near).as("pixels changed near (%f, %f)", u, v).isGreaterThan(300);
    assertThat(far).as("pixels changed elsewhere").isZero();
    for (int camera = 0; camera < 6; camera++) {
      Color grey = at(plain, camera % 3 * 806 + 20, camera / 3 * 456 + 440);
      assertThat(grey.getRed())
          .as("camera %d", camera)
          .isBetween(40 * camera + 16, 40 * camera + 24);
    }
    Path file = root.resolve("out/cameras.png");
    Pictures.writePng(drawn, file);
    BufferedImage back = ImageIO.read(file.toFile());
    assertThat(back.getRGB(900, 200)).isEqualTo(drawn.getRGB(900, 200));
  }

  /** A row or a column of pixels must not make a picture of gigabytes. */
  @Test
  void picturesAreOfBoundedSizeWhateverTheImages() throws IOException {
    for (int[] size :
        new int[][] {{17, 5000}, {5000, 17}, {1, 3000}, {3000, 1}, {1, 1}, {4000, 3000}}) {
      DetectionSample sample = withImages(size[0], size[1]);
      BufferedImage drawn = new CameraPicture(sample).draw();
      String of = size[0] + " × " + size[1];
      assertThat(drawn.getWidth()).as(of).isEqualTo(3 * 800 + 12);
      assertThat(drawn.getHeight()).as(of).isBetween(2 * 54 + 56, 2 * 1606 + 56);
      // In the middle of its tile, reduced and not cut.
      double scale = Math.min(800.0 / size[0], 1600.0 / size[1]);
      int bottom = (int) Math.max(0, Math.min(size[1] * scale, 1600) - 1);
      for (int y : new int[] {0, bottom}) {
        Color red = at(drawn, 400, Math.min(y, bottom));
        assertThat(red.getRed()).as("%s, row %d", of, y).isGreaterThan(180);
      }
      if (size[0] < size[1]) {
        assertThat(at(drawn, 10, 800).getGreen()).as(of + ", beside it").isGreaterThan(150);
      }
    }
  }

  private DetectionSample withImages(int width, int height) throws IOException {
    DetectionSample sample = tinySample();
    BufferedImage red = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < width * height; i++) {
      red.setRGB(i % width, i / width, 0xff2010);
    }
    byte[] jpeg = ImageEncoder.jpeg(red, 0.9f);
    for (CameraSample camera : sample.cameras()) {
      Files.write(camera.image(), jpeg);
    }
    Path table = root.resolve("v1.0-mini/sample_data.json");
    Files.writeString(
        table,
        Files.readString(table)
            .replaceAll("\"height\": ?[1-9]\\d*", "\"height\": " + height)
            .replaceAll("\"width\": ?[1-9]\\d*", "\"width\": " + width));
    NuScenes set = NuScenes.load(root);
    return DetectionSample.of(set, set.sample("sample-1"));
  }

  @Test
  void boxesFarAwayAndOfAnySpeedAreDrawn() {
    DetectionSample sample = tinySample();
    List<Detection> far = new ArrayList<>();
    for (double d : new double[] {1e3, 1e9, 1e30, 1e150}) {
      far.add(
          new Detection(Box3d.upright(20, d, 1, 2, 5, 1.7, 0.3, 0, 0), DetectionClass.CAR, 0.9));
      far.add(
          new Detection(Box3d.upright(20, 3, 1, 2, 5, 1.7, 0.3, d, -d), DetectionClass.CAR, 0.9));
      far.add(new Detection(Box3d.upright(20, 3, 1, d, d, d, 0.3, 0, 0), DetectionClass.BUS, 0.9));
    }
    BufferedImage above = new BevPicture(sample).withDetections(far, 0).draw();
    assertThat(above.getWidth()).isEqualTo(1760);
    assertThat(new CameraPicture(sample).withDetections(far, 0).within(1e200).draw().getWidth())
        .isEqualTo(2412);
  }

  @Test
  void classesHaveTheDevkitsColours() {
    assertThat(Palette.of(DetectionClass.CAR)).isEqualTo(new Color(255, 158, 0));
    assertThat(Palette.of(DetectionClass.PEDESTRIAN)).isEqualTo(new Color(0, 0, 230));
    assertThat(Palette.of(DetectionClass.TRAFFIC_CONE)).isEqualTo(new Color(47, 79, 79));
    assertThat(Stream.of(DetectionClass.values()).map(Palette::of).distinct()).hasSize(10);
  }

  @Test
  void missingImageIsNamed() {
    NuScenes set = NuScenes.load(new TinyNuScenes(root).write().root);
    DetectionSample sample = DetectionSample.of(set, set.sample("sample-0"));
    assertThatThrownBy(() -> new CameraPicture(sample).draw())
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("CAM_FRONT_LEFT-0.jpg does not exist");
  }

  @Test
  void realSampleDrawsTheSameEachTime() {
    DetectionSample sample = DetectionSampleTest.realSample();
    BufferedImage first = new BevPicture(sample).withLidar(sample.readLidar()).draw();
    BufferedImage second = new BevPicture(sample).withLidar(sample.readLidar()).draw();
    assertThat(first.getRGB(0, 0, first.getWidth(), MAP, null, 0, first.getWidth()))
        .isEqualTo(second.getRGB(0, 0, second.getWidth(), MAP, null, 0, second.getWidth()));
    BufferedImage cameras = new CameraPicture(sample).draw();
    assertThat(cameras.getHeight()).isEqualTo(2 * 456 + 56);
  }
}
