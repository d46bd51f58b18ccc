package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.nuscenes.DepthTarget.Rule;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.joml.Vector3d;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DepthTargetTest {
  private static final DepthBins BEVDEPTH_BINS = new DepthBins(2, 58, 0.5);
  private static final DepthBins BEVDET_BINS = new DepthBins(1, 60, 1);
  private static final double FOCAL = 100;
  private static final int WIDTH = 64;
  private static final int HEIGHT = 32;

  /**
   * One camera of 64×32 pixels that looks along LiDAR y, both at the origin; the vehicle stands
   * still.
   */
  private static DetectionSample oneCamera() {
    // Camera x is LiDAR x, camera y is LiDAR −z, camera z is LiDAR y.
    Pose cameraToEgo = new Pose(Math.sqrt(0.5), -Math.sqrt(0.5), 0, 0, 0, 0, 0);
    CameraSample camera =
        new CameraSample(
            "CAM",
            Path.of("none.jpg"),
            WIDTH,
            HEIGHT,
            0,
            new CameraIntrinsics(FOCAL, 0, FOCAL, WIDTH / 2.0, HEIGHT / 2.0),
            cameraToEgo,
            Pose.IDENTITY,
            cameraToEgo);
    return new DetectionSample(
        "t", "s", 0, List.of(camera), Path.of("none.bin"), Pose.IDENTITY, Pose.IDENTITY, List.of());
  }

  private static final List<ImageAugmentation> UNCHANGED =
      List.of(new ImageAugmentation(1, 0, 0, WIDTH, HEIGHT, false, 0));

  /** Points given as (u, v, depth) of the raw image. */
  private static LidarPoints points(double... uvd) {
    float[] data = new float[uvd.length / 3 * 5];
    for (int i = 0; i < uvd.length / 3; i++) {
      double d = uvd[3 * i + 2];
      data[5 * i] = (float) ((uvd[3 * i] - WIDTH / 2.0) * d / FOCAL);
      data[5 * i + 1] = (float) d;
      data[5 * i + 2] = (float) (-(uvd[3 * i + 1] - HEIGHT / 2.0) * d / FOCAL);
    }
    return LidarPoints.of(data);
  }

  private static DepthTarget target(Rule rule, DepthBins bins, double... uvd) {
    return DepthTarget.of(oneCamera(), points(uvd), UNCHANGED, bins, 16, rule);
  }

  @Test
  void bevDepthByHand() {
    DepthTarget t =
        target(
            Rule.BEVDEPTH,
            BEVDEPTH_BINS,
            // Cell (0, 0): two pixels, the nearer counts.
            8.5,
            8.5,
            20.3,
            9.5,
            8.5,
            10.3,
            // Cell (0, 1): one pixel twice, the last written stays although it is farther.
            20.2,
            5.2,
            7.1,
            20.7,
            5.7,
            30.1,
            // Cell (0, 2): nearer than the first bin; the cell has a depth but no bin, though a
            // point in range is there too.
            40.5,
            3.5,
            1.9,
            44.5,
            3.5,
            12.2,
            // Cell (0, 3): beyond the last bin.
            60.5,
            3.5,
            58.1,
            // Cell (1, 0): the last bin.
            5.5,
            20.5,
            57.9,
            // Cell (1, 1): the first bin.
            20.5,
            20.5,
            2.1,
            // Outside the one-pixel margin, outside the image, behind the camera: nothing.
            0.9,
            20.5,
            9,
            63.2,
            20.5,
            9,
            40.5,
            0.5,
            9,
            40.5,
            31.5,
            9,
            70,
            20,
            9,
            40.5,
            20.5,
            -9);
    assertThat(new int[] {t.cameras(), t.height(), t.width()}).containsExactly(1, 2, 4);
    assertThat(t.bins())
        .containsExactly(
            16, 56, DepthTarget.NONE, DepthTarget.NONE, 111, 0, DepthTarget.NONE, DepthTarget.NONE);
    assertThat(t.depth()).containsExactly(10.3f, 30.1f, 1.9f, 58.1f, 57.9f, 2.1f, 0f, 0f);
    assertThat(t.supervisedCells()).isEqualTo(4);
    assertThat(BEVDEPTH_BINS.count()).isEqualTo(112);
  }

  @Test
  void bevDetDev2ByHand() {
    DepthTarget t =
        target(
            Rule.BEVDET_DEV2,
            new DepthBins(1, 60, 0.5),
            // Rounded, 15.6 belongs to the next cell; the nearer of two points on one pixel stays,
            // whatever the order.
            15.6,
            8,
            9.2,
            15.7,
            8.1,
            30,
            // Out of range points do not hide those behind them.
            40,
            8,
            0.9,
            42,
            8,
            12.2,
            // Rounds to column 64, outside.
            63.6,
            8,
            5,
            // The last bin.
            63.4,
            8,
            59.99);
    assertThat(t.bins()).containsExactly(DepthTarget.NONE, 16, 22, 117, -1, -1, -1, -1);
    assertThat(t.depth()).containsExactly(0f, 9.2f, 12.2f, 59.99f, 0f, 0f, 0f, 0f);
  }

  @Test
  void bevDetV1ByHand() {
    DepthTarget t =
        target(
            Rule.BEVDET_V1,
            BEVDET_BINS,
            // Cells are centred on multiples of 16: 23.9 / 16 rounds to 1, 24.1 / 16 to 2; 7 / 16
            // to 0.
            23.9,
            7,
            5.5,
            24.1,
            7,
            6.5,
            // The nearest point of a cell stays.
            33,
            7,
            3.2,
            34,
            7,
            9,
            // 56.1 / 16 rounds to 4, outside; 25 / 16 to row 2, outside.
            56.1,
            7,
            5,
            8,
            25,
            5,
            // 7.9 / 16 rounds to 0.
            7.9,
            7.9,
            59.5);
    assertThat(t.bins()).containsExactly(58, 4, 2, -1, -1, -1, -1, -1);
    assertThat(t.depth()).containsExactly(59.5f, 5.5f, 3.2f, 0f, 0f, 0f, 0f, 0f);
  }

  @ParameterizedTest
  @EnumSource
  void augmentationMovesTheTarget(Rule rule) {
    DetectionSample sample = oneCamera();
    LidarPoints point = points(10.3, 9.4, 20);
    List<ImageAugmentation> flipped =
        List.of(new ImageAugmentation(1, 0, 0, WIDTH, HEIGHT, true, 0));
    DepthTarget plain = DepthTarget.of(sample, point, UNCHANGED, BEVDET_BINS, 16, rule);
    DepthTarget mirrored = DepthTarget.of(sample, point, flipped, BEVDET_BINS, 16, rule);
    assertThat(indexOfBin(plain)).isEqualTo(rule == Rule.BEVDET_V1 ? 5 : 0);
    assertThat(indexOfBin(mirrored)).isEqualTo(rule == Rule.BEVDET_V1 ? 7 : 3);
  }

  private static int indexOfBin(DepthTarget target) {
    assertThat(target.supervisedCells()).isEqualTo(1);
    for (int i = 0; i < target.bins().length; i++) {
      if (target.bins()[i] != DepthTarget.NONE) {
        return i;
      }
    }
    throw new AssertionError();
  }

  /**
   * On real data: an independent projection, point by point with other arithmetic, finds the same
   * cells and nearest depths.
   */
  @ParameterizedTest
  @EnumSource
  void realSampleAgreesWithAnIndependentProjection(Rule rule) {
    DetectionSample sample = DetectionSampleTest.realSample();
    LidarPoints points = sample.readLidar();
    List<ImageAugmentation> augmentations = ImagePipeline.inference(sample, 704, 256);
    DepthBins bins = rule == Rule.BEVDEPTH ? BEVDEPTH_BINS : BEVDET_BINS;
    DepthTarget target = DepthTarget.of(sample, points, augmentations, bins, 16, rule);
    assertThat(target.bins()).hasSize(6 * 16 * 44);
    assertThat(Arrays.stream(target.bins()))
        .allMatch(b -> b >= DepthTarget.NONE && b < bins.count());
    for (int camera = 0; camera < 6; camera++) {
      int[] bins1 = Arrays.copyOfRange(target.bins(), camera * 704, (camera + 1) * 704);
      long supervised = Arrays.stream(bins1).filter(b -> b != DepthTarget.NONE).count();
      assertThat(supervised).as("cells of camera %d with a depth", camera).isBetween(300L, 704L);
    }
    for (int i = 0; i < target.bins().length; i++) {
      if (target.bins()[i] != DepthTarget.NONE) {
        float d = target.depth()[i];
        double low = bins.start() + target.bins()[i] * bins.step();
        assertThat((double) d).as("cell %d", i).isBetween(low - 1e-6, low + bins.step() + 1e-6);
      }
    }
    float[] nearest = independentNearest(sample, points, rule, bins);
    int different = 0;
    for (int i = 0; i < nearest.length; i++) {
      different += Math.abs(nearest[i] - target.depth()[i]) > 1e-3 ? 1 : 0;
    }
    // BEVDepth keeps the last point of a pixel, not the nearest: some cells differ for that reason
    // alone.
    assertThat(different).isLessThanOrEqualTo(rule == Rule.BEVDEPTH ? 60 : 0);
    assertThatThrownBy(() -> DepthTarget.of(sample, points, augmentations, bins, 15, rule))
        .hasMessageContaining("stride");
    assertThatThrownBy(
            () -> DepthTarget.of(sample, points, augmentations.subList(1, 3), bins, 16, rule))
        .hasMessageContaining("2 for 6 cameras");
  }

  private static float[] independentNearest(
      DetectionSample sample, LidarPoints points, Rule rule, DepthBins bins) {
    float[] nearest = new float[6 * 704];
    for (int c = 0; c < 6; c++) {
      CameraSample camera = sample.cameras().get(c);
      for (int i = 0; i < points.count(); i++) {
        Vector3d ego = sample.lidarToEgo().transform(points.x(i), points.y(i), points.z(i));
        Vector3d global = sample.egoToGlobal().transform(ego.x, ego.y, ego.z);
        Vector3d cameraEgo = camera.egoToGlobal().inverse().transform(global.x, global.y, global.z);
        Vector3d p =
            camera.sensorToEgo().inverse().transform(cameraEgo.x, cameraEgo.y, cameraEgo.z);
        double u = camera.intrinsics().fx() * p.x / p.z + camera.intrinsics().cx();
        double v = camera.intrinsics().fy() * p.y / p.z + camera.intrinsics().cy();
        boolean inRange = rule == Rule.BEVDEPTH ? p.z > 0 : p.z >= bins.start() && p.z < bins.end();
        boolean inImage = rule != Rule.BEVDEPTH || (u > 1 && u < 1599 && v > 1 && v < 899);
        if (inRange && inImage) {
          double x = 0.44 * u;
          double y = 0.44 * v - 140;
          double column =
              switch (rule) {
                case BEVDEPTH -> Math.floor(Math.max(0, x) / 16);
                case BEVDET_DEV2 -> Math.floor(Math.rint(x) / 16);
                case BEVDET_V1 -> Math.rint(x / 16);
              };
          double row =
              switch (rule) {
                case BEVDEPTH -> Math.floor((y > -1 ? Math.max(0, y) : y) / 16);
                case BEVDET_DEV2 -> Math.floor(Math.rint(y) / 16);
                case BEVDET_V1 -> Math.rint(y / 16);
              };
          if (column >= 0 && column < 44 && row >= 0 && row < 16) {
            int at = c * 704 + (int) (row * 44 + column);
            nearest[at] = nearest[at] == 0 ? (float) p.z : Math.min(nearest[at], (float) p.z);
          }
        }
      }
    }
    return nearest;
  }

  @Test
  void badBinsAreRefused() {
    assertThatThrownBy(() -> new DepthBins(2, 1, 0.5)).isInstanceOf(NuScenesException.class);
    assertThatThrownBy(() -> new DepthBins(0, 1, 0.5)).isInstanceOf(NuScenesException.class);
    assertThatThrownBy(() -> new DepthBins(1, 60, 0)).isInstanceOf(NuScenesException.class);
    assertThatThrownBy(() -> new DepthBins(1, 60, 1e-9)).isInstanceOf(NuScenesException.class);
    assertThat(BEVDET_BINS.count()).isEqualTo(59);
    assertThat(new DepthBins(1, 60, 0.5).count()).isEqualTo(118);
  }
}
