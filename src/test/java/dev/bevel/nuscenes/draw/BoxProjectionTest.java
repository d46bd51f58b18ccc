package dev.bevel.nuscenes.draw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.CameraIntrinsics;
import dev.bevel.nuscenes.Pose;
import java.awt.geom.Line2D;
import java.awt.geom.Path2D;
import java.awt.geom.PathIterator;
import java.awt.geom.Point2D;
import java.awt.geom.Rectangle2D;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BoxProjectionTest {
  private static final CameraIntrinsics CAMERA = new CameraIntrinsics(1000, 0, 1000, 800, 450);

  /** A box whose heading is along the camera's z. */
  private static BoxProjection ahead(double x, double z, double length) {
    Pose boxToCamera = new Pose(0.5, 0.5, -0.5, 0.5, x, 0, z);
    return new BoxProjection(new Box3d(boxToCamera, 2, length, 1, 0, 0, 0), CAMERA);
  }

  private static List<Point2D> points(Path2D path) {
    List<Point2D> points = new ArrayList<>();
    double[] c = new double[6];
    for (PathIterator it = path.getPathIterator(null); !it.isDone(); it.next()) {
      if (it.currentSegment(c) != PathIterator.SEG_CLOSE) {
        points.add(new Point2D.Double(c[0], c[1]));
      }
    }
    return points;
  }

  @Test
  void boxInFrontHasTwelveEdgesAndItsFarFaceInFront() {
    BoxProjection box = ahead(0, 10, 4);
    assertThat(box.edges()).hasSize(12);
    Rectangle2D front = box.frontFace().orElseThrow().getBounds2D();
    // The front face is 12 m away, 2 m wide and 1 m high.
    assertThat(front.getWidth()).isCloseTo(2000 / 12.0, within(1e-9));
    assertThat(front.getHeight()).isCloseTo(1000 / 12.0, within(1e-9));
    assertThat(front.getCenterX()).isCloseTo(800, within(1e-9));
    assertThat(box.touches(1600, 900)).isTrue();
    assertThat(ahead(100, 10, 4).touches(1600, 900)).isFalse();
  }

  @Test
  void boxBehindIsNothing() {
    BoxProjection box = ahead(0, -10, 4);
    assertThat(box.edges()).isEmpty();
    assertThat(box.frontFace()).isEmpty();
    assertThat(box.touches(1600, 900)).isFalse();
  }

  @Test
  void boxAroundTheCameraIsCutAtTheNearPlane() {
    BoxProjection box = ahead(0, 1, 6);
    // Four edges of the far face and the four along the heading; the near face is behind the
    // camera.
    assertThat(box.edges()).hasSize(8);
    double widest = 0;
    for (Line2D edge : box.edges()) {
      widest =
          Math.max(widest, Math.max(Math.abs(edge.getX1() - 800), Math.abs(edge.getX2() - 800)));
    }
    assertThat(widest).isCloseTo(1000 / BoxProjection.NEAR, within(1e-6));
  }

  /**
   * Cutting the line that stands for an edge must not move it: the cut piece lies on the projection
   * of the whole line.
   */
  @Test
  void cutsLieOnTheEdgesAndNothingIsDrawnFromBehind() {
    long seed = 77;
    Random r = new Random(seed);
    for (int trial = 0; trial < 500; trial++) {
      Pose pose =
          new Pose(
              r.nextGaussian(),
              r.nextGaussian(),
              r.nextGaussian(),
              r.nextGaussian(),
              2 * r.nextGaussian(),
              r.nextGaussian(),
              2 * r.nextGaussian());
      Box3d box =
          new Box3d(pose, 1 + r.nextDouble(), 1 + 3 * r.nextDouble(), 1 + r.nextDouble(), 0, 0, 0);
      BoxProjection projection = new BoxProjection(box, CAMERA);
      for (Line2D edge : projection.edges()) {
        for (Point2D p : List.of(edge.getP1(), edge.getP2())) {
          assertThat(Double.isFinite(p.getX() + p.getY()))
              .as("seed %d, trial %d", seed, trial)
              .isTrue();
          assertThat(p.distance(800, 450))
              .as("seed %d, trial %d", seed, trial)
              .isLessThan(1000 * 20 / BoxProjection.NEAR);
        }
      }
      int corners = projection.frontFace().map(face -> points(face).size()).orElse(0);
      assertThat(corners).as("seed %d, trial %d", seed, trial).isIn(0, 3, 4, 5);
    }
  }
}
