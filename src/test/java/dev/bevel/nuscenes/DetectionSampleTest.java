package dev.bevel.nuscenes;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.testing.TestData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.joml.Vector3d;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DetectionSampleTest {
  @TempDir Path root;

  static DetectionSample realSample() {
    NuScenes set = NuScenes.load(TestData.require("nuscenes-one-sample"));
    return DetectionSample.of(set, set.samples().iterator().next());
  }

  @Test
  void boxesAndCamerasMeetInTheKeyEgoFrame() {
    NuScenes set = NuScenes.load(new TinyNuScenes(root).write().root);
    DetectionSample sample = DetectionSample.of(set, set.sample("sample-1"));
    assertThat(sample.cameras())
        .extracting(CameraSample::channel)
        .isEqualTo(DetectionSample.CAMERA_ORDER);
    assertThat(sample.trainingBoxes())
        .extracting(GroundTruthBox::annotationToken)
        .containsExactly("car-1", "person-1");
    GroundTruthBox car = sample.boxes().getFirst();
    // Ego at this time: (104, 51.5), heading 0.35; the car is at (117, 57) and moves at (4, −2).
    double c = Math.cos(0.35);
    double s = Math.sin(0.35);
    assertThat(car.box().x()).isCloseTo(c * 13 + s * 5.5, within(1e-9));
    assertThat(car.box().y()).isCloseTo(-s * 13 + c * 5.5, within(1e-9));
    assertThat(car.box().z()).isCloseTo(0.9, within(1e-9));
    assertThat(car.box().yaw()).isCloseTo(0.4 - 0.35, within(1e-9));
    assertThat(car.box().vx()).isCloseTo(c * 4 - s * 2, within(1e-6));
    assertThat(car.box().vy()).isCloseTo(-s * 4 - c * 2, within(1e-6));
    for (CameraSample camera : sample.cameras()) {
      Vector3d global = camera.sensorToGlobal().transform(1, 2, 10);
      Vector3d viaKey = camera.sensorToKeyEgo().transform(1, 2, 10);
      assertThat(sample.egoToGlobal().transform(viaKey.x, viaKey.y, viaKey.z).distance(global))
          .isLessThan(1e-9);
    }
    // The front camera was 14 ms early, when the car was 11.9 cm farther back: its position in the
    // key ego frame says so.
    Pose front = sample.cameras().get(1).sensorToKeyEgo();
    assertThat(Math.hypot(front.tx() - 1.5, front.ty() - 0.1)).isBetween(0.10, 0.14);
  }

  @Test
  void missingPartsAreNamed() {
    TinyNuScenes tiny = new TinyNuScenes(root);
    tiny.record("sample_data", 6).put("is_key_frame", false);
    NuScenes set = NuScenes.load(tiny.write().root);
    assertThatThrownBy(() -> DetectionSample.of(set, set.sample("sample-0")))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("CAM_BACK_RIGHT");
    assertThatThrownBy(() -> DetectionSample.of(set, set.sample("sample-1"), List.of("LIDAR_TOP")))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("camera_intrinsic");
  }

  /**
   * The strongest check there is of calibration, poses, box geometry and LiDAR reading together.
   */
  @Test
  void pointsInEachRealBoxEqualTheTable() {
    DetectionSample sample = realSample();
    LidarPoints points = sample.readLidar();
    assertThat(points.count()).isEqualTo(34_688);
    int equal = 0;
    for (GroundTruthBox box : sample.boxes()) {
      equal += box.box().countPoints(points, sample.lidarToEgo()) == box.lidarPoints() ? 1 : 0;
    }
    assertThat(equal).isEqualTo(sample.boxes().size()).isEqualTo(69);
  }

  /** Boxes in the LiDAR frame agree with those mmdetection3d computed. */
  @Test
  void realBoxesInTheLidarFrameAgreeWithUpstream() throws Exception {
    DetectionSample sample = realSample();
    Map<String, double[]> expected =
        upstreamBoxes(TestData.require("nuscenes-one-sample/facts.json"));
    assertThat(expected).hasSize(69);
    Pose egoToLidar = sample.lidarToEgo().inverse();
    for (GroundTruthBox box : sample.boxes()) {
      double[] e = requireNonNull(expected.get(box.annotationToken()));
      double[] actual = BoxConvention.MMDET3D_1.encode(box.box().transformed(egoToLidar));
      for (int i = 0; i < 6; i++) {
        assertThat(actual[i]).as("%s[%d]", box.annotationToken(), i).isCloseTo(e[i], within(1e-6));
      }
      // Upstream takes pyquaternion's first Euler angle; the heading of a slightly tilted box
      // differs a little from it.
      Pose p = box.box().transformed(egoToLidar).pose();
      double euler =
          Math.atan2(
              2 * (p.qw() * p.qz() - p.qx() * p.qy()), 1 - 2 * (p.qy() * p.qy() + p.qz() * p.qz()));
      assertThat(Math.IEEEremainder(euler - e[6], 2 * Math.PI))
          .as(box.annotationToken())
          .isCloseTo(0, within(1e-6));
      assertThat(Math.IEEEremainder(actual[6] - e[6], 2 * Math.PI))
          .as(box.annotationToken())
          .isCloseTo(0, within(2e-3));
    }
  }

  private static Map<String, double[]> upstreamBoxes(Path file) throws IOException {
    Map<String, double[]> boxes = new HashMap<>();
    for (Object annotation : JsonFile.list(JsonFile.read(file).get("annotations"))) {
      Map<?, ?> fields = JsonFile.object(annotation);
      boxes.put(
          (String) requireNonNull(fields.get("annotation_token")),
          JsonFile.numbers(fields.get("box_lidar_xyz_lwh_yaw")));
    }
    return boxes;
  }

  @Test
  void realImagesBecomeATensorQuickly() {
    DetectionSample sample = realSample();
    float[] out = new float[6 * 3 * 256 * 704];
    List<ImageAugmentation> augmentations = ImagePipeline.inference(sample, 704, 256);
    ImagePipeline.load(sample, augmentations, PixelNormalization.TORCHVISION_RGB, out);
    long start = System.nanoTime();
    ImagePipeline.load(sample, augmentations, PixelNormalization.TORCHVISION_RGB, out);
    double seconds = (System.nanoTime() - start) * 1e-9;
    System.out.printf(
        Locale.ROOT, "six 1600×900 JPEGs to [6, 3, 256, 704]: %.0f ms%n", seconds * 1e3);
    assertThat(seconds).as("seconds for six images").isLessThan(10);
    for (int camera = 0; camera < 6; camera++) {
      double sum = 0;
      double squares = 0;
      for (int i = camera * 540_672; i < (camera + 1) * 540_672; i++) {
        sum += out[i];
        squares += (double) out[i] * out[i];
      }
      double mean = sum / 540_672;
      assertThat(mean).as("camera %d", camera).isBetween(-1.5, 1.5);
      assertThat(squares / 540_672 - mean * mean).as("camera %d", camera).isBetween(0.2, 3.0);
    }
  }

  @Test
  void pipelineOrderIsTheSamplesAndArgumentsAreChecked() {
    NuScenes set =
        NuScenes.load(new TinyNuScenes(root).write().writeSensorFiles(0, 1, 2, 3, 4, 5).root);
    DetectionSample sample = DetectionSample.of(set, set.sample("sample-0"));
    List<ImageAugmentation> augmentations = ImagePipeline.inference(sample, 32, 16);
    float[] out = new float[6 * 3 * 32 * 16];
    ImagePipeline.load(sample, augmentations, PixelNormalization.CAFFE_BGR, out);
    for (int camera = 0; camera < 6; camera++) {
      assertThat(out[camera * 1536] + 103.53)
          .as("camera %d", camera)
          .isCloseTo(40.0 * camera + 20, within(1.5));
    }
    assertThatThrownBy(
            () ->
                ImagePipeline.load(
                    sample, augmentations.subList(0, 5), PixelNormalization.CAFFE_BGR, out))
        .hasMessageContaining("5 for 6 cameras");
    assertThatThrownBy(
            () ->
                ImagePipeline.load(
                    sample, augmentations, PixelNormalization.CAFFE_BGR, new float[9]))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("must hold 6×3×16×32 floats, got room for 9");
  }

  /** One damaged file of six leaves the tensor as it was. */
  @Test
  void nothingIsWrittenWhenAnImageIsDamaged() throws Exception {
    NuScenes set =
        NuScenes.load(new TinyNuScenes(root).write().writeSensorFiles(0, 1, 2, 3, 4, 5).root);
    DetectionSample sample = DetectionSample.of(set, set.sample("sample-0"));
    Files.write(sample.cameras().getLast().image(), new byte[] {(byte) 0xff, (byte) 0xd8, 0, 0});
    float[] out = new float[6 * 3 * 32 * 16];
    List<ImageAugmentation> augmentations = ImagePipeline.inference(sample, 32, 16);
    assertThatThrownBy(
            () -> ImagePipeline.load(sample, augmentations, PixelNormalization.CAFFE_BGR, out))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("damaged");
    assertThat(out).containsOnly(0);
  }

  @Test
  void camerasWithoutASizeAndManyPointsAreHandled() {
    TinyNuScenes tiny = new TinyNuScenes(root);
    tiny.record("sample_data", 3).put("width", 0);
    tiny.record("sample_annotation", 0).put("num_lidar_pts", Integer.MAX_VALUE);
    tiny.record("sample_annotation", 0).put("num_radar_pts", Integer.MAX_VALUE);
    NuScenes set = NuScenes.load(tiny.write().root);
    assertThatThrownBy(() -> DetectionSample.of(set, set.sample("sample-0")))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("table sample_data")
        .hasMessageContaining("width and height must be an image's, got 0×90");
    var annotation = set.tables().annotations().values().iterator().next();
    GroundTruthBox box =
        new GroundTruthBox(
            annotation.box(),
            "vehicle.car",
            set.detectionClass(annotation),
            List.of(),
            annotation.lidarPoints(),
            annotation.radarPoints(),
            annotation.token(),
            annotation.instanceToken());
    assertThat(box.isObserved()).isTrue();
  }
}
