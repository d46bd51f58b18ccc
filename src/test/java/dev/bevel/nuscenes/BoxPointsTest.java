package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.testing.Seed;
import dev.bevel.testing.TestData;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BoxPointsTest {
  private static LidarPoints points(float... xyz) {
    float[] data = new float[xyz.length / 3 * LidarPoints.STRIDE];
    for (int i = 0; i < xyz.length / 3; i++) {
      System.arraycopy(xyz, 3 * i, data, LidarPoints.STRIDE * i, 3);
    }
    return LidarPoints.of(data);
  }

  private static Pose randomPose(Random r, double spread) {
    return new Pose(
        1 + r.nextDouble(),
        0.2 * r.nextGaussian(),
        0.2 * r.nextGaussian(),
        3 * r.nextGaussian(),
        spread * r.nextGaussian(),
        spread * r.nextGaussian(),
        r.nextGaussian());
  }

  /** Tilted boxes, overlapping, alone and far away; poses in every direction. */
  @Test
  void everyCountIsThatOfOneBoxAlone() {
    Random r = Seed.random(BoxPointsTest.class);
    for (int trial = 0; trial < 30; trial++) {
      Pose toBoxFrame = randomPose(r, 500);
      Pose fromBoxFrame = toBoxFrame.inverse();
      float[] xyz = new float[3 * 2000];
      for (int i = 0; i < xyz.length; i++) {
        xyz[i] = (float) ((i % 3 == 2 ? 1 : 20) * r.nextGaussian());
      }
      LidarPoints points = points(xyz);
      List<Box3d> boxes = new ArrayList<>();
      for (int i = 0; i < trial; i++) {
        Pose inPoints = randomPose(r, i % 7 == 0 ? 500 : 15);
        boxes.add(
            new Box3d(
                    inPoints,
                    0.1 + 4 * r.nextDouble(),
                    0.1 + 9 * r.nextDouble(),
                    0.1 + 3 * r.nextDouble(),
                    0,
                    0,
                    0)
                .transformed(fromBoxFrame.inverse()));
      }
      int[] expected = boxes.stream().mapToInt(b -> b.countPoints(points, toBoxFrame)).toArray();
      assertThat(BoxPoints.count(boxes, points, toBoxFrame))
          .as("trial %d", trial)
          .containsExactly(expected);
      if (trial > 10) {
        assertThat(Arrays.stream(expected).sum()).isPositive();
      }
    }
  }

  /** The cases of the nuScenes devkit's test of points in a box. */
  @Test
  void facesBelongToTheBox() {
    Box3d flat = new Box3d(Pose.IDENTITY, 2, 2, 1e-9, 0, 0, 0);
    Box3d turned = new Box3d(Pose.ofYaw(1, 1, 0, Math.PI / 4), 2, 2, 1e-9, 0, 0, 0);
    assertThat(BoxPoints.count(List.of(flat), points(0, 0, 0, .5f, .5f, 0), Pose.IDENTITY))
        .containsExactly(2);
    assertThat(BoxPoints.count(List.of(flat), points(.5f, -1.1f, 0), Pose.IDENTITY))
        .containsExactly(0);
    assertThat(BoxPoints.count(List.of(flat), points(-1, -1, 0, 1, 1, 0, -1, 1, 0), Pose.IDENTITY))
        .containsExactly(3);
    List<Integer> seen = new ArrayList<>();
    BoxPoints.visit(
        List.of(flat, turned),
        points(1.71f, 1.71f, 0, 1.70f, 1.70f, 0, 0.9f, 0.9f, 0),
        Pose.IDENTITY,
        (box, point) -> seen.addAll(List.of(box, point)));
    assertThat(seen).as("(box, point)").containsExactly(1, 1, 0, 2, 1, 2);
    assertThat(BoxPoints.count(List.of(), points(1, 2, 3), Pose.IDENTITY)).isEmpty();
    assertThat(BoxPoints.count(List.of(flat), LidarPoints.of(new float[0]), Pose.IDENTITY))
        .containsExactly(0);
  }

  /** All boxes of the real sample, and quickly. */
  @Test
  void pointsInAllRealBoxesEqualTheTable() {
    NuScenes set = NuScenes.load(TestData.require("nuscenes-one-sample"));
    DetectionSample sample = DetectionSample.of(set, set.samples().iterator().next());
    LidarPoints points = sample.readLidar();
    List<Box3d> boxes = sample.boxes().stream().map(GroundTruthBox::box).toList();
    int[] expected = sample.boxes().stream().mapToInt(GroundTruthBox::lidarPoints).toArray();
    assertThat(expected).hasSize(69);
    assertThat(Arrays.stream(expected).sum()).isGreaterThan(1000);
    assertThat(BoxPoints.count(boxes, points, sample.lidarToEgo())).containsExactly(expected);
    double best = Double.POSITIVE_INFINITY;
    for (int i = 0; i < 20; i++) {
      long start = System.nanoTime();
      BoxPoints.count(boxes, points, sample.lidarToEgo());
      best = Math.min(best, (System.nanoTime() - start) * 1e-6);
    }
    System.out.printf(Locale.ROOT, "34,688 points in 69 boxes: %.2f ms%n", best);
    assertThat(best).as("milliseconds").isLessThan(100);
  }
}
