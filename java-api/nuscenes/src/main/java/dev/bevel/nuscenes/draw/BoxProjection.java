package dev.bevel.nuscenes.draw;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.CameraIntrinsics;
import java.awt.geom.Line2D;
import java.awt.geom.Path2D;
import java.awt.geom.Rectangle2D;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.joml.Vector3d;

/**
 * A box of the camera frame as lines and faces of the image, cut at a plane shortly before the
 * camera.
 */
final class BoxProjection {
  /**
   * Metres before the camera at which boxes are cut; what is nearer or behind has no place in the
   * image.
   */
  static final double NEAR = 0.2;

  private static final int[][] EDGES = {
    {0, 1}, {1, 2}, {2, 3}, {3, 0}, {4, 5}, {5, 6}, {6, 7}, {7, 4}, {0, 4}, {1, 5}, {2, 6}, {3, 7}
  };

  private final Vector3d[] corners;
  private final CameraIntrinsics intrinsics;

  /**
   * Prepares a box for drawing.
   *
   * @param box in the camera frame
   */
  BoxProjection(Box3d box, CameraIntrinsics intrinsics) {
    this.corners = box.corners();
    this.intrinsics = intrinsics;
  }

  /** The visible parts of the twelve edges, in pixels of the raw image. */
  List<Line2D> edges() {
    List<Line2D> lines = new ArrayList<>(12);
    for (int[] edge : EDGES) {
      Vector3d a = corners[edge[0]];
      Vector3d b = corners[edge[1]];
      if (a.z >= NEAR || b.z >= NEAR) {
        Vector3d from = a.z >= NEAR ? a : cut(b, a);
        Vector3d to = b.z >= NEAR ? b : cut(a, b);
        lines.add(new Line2D.Double(u(from), v(from), u(to), v(to)));
      }
    }
    return lines;
  }

  /**
   * The front face (the side the object heads to), cut at the near plane; empty if nothing of it is
   * left.
   */
  Optional<Path2D> frontFace() {
    Path2D path = new Path2D.Double();
    boolean started = false;
    for (int i = 0; i < 4; i++) {
      Vector3d a = corners[i];
      Vector3d b = corners[(i + 1) % 4];
      if (a.z >= NEAR) {
        started = append(path, a, started);
      }
      if ((a.z >= NEAR) != (b.z >= NEAR)) {
        started = append(path, a.z >= NEAR ? cut(a, b) : cut(b, a), started);
      }
    }
    if (!started) {
      return Optional.empty();
    }
    path.closePath();
    return Optional.of(path);
  }

  /** Whether any edge crosses an image of this size. */
  boolean touches(int width, int height) {
    Rectangle2D image = new Rectangle2D.Double(0, 0, width, height);
    return edges().stream().anyMatch(image::intersectsLine);
  }

  private boolean append(Path2D path, Vector3d p, boolean started) {
    if (started) {
      path.lineTo(u(p), v(p));
    } else {
      path.moveTo(u(p), v(p));
    }
    return true;
  }

  /** Where the way from a visible point to one before the near plane meets the plane. */
  private static Vector3d cut(Vector3d visible, Vector3d hidden) {
    return new Vector3d(visible).lerp(hidden, (visible.z - NEAR) / (visible.z - hidden.z));
  }

  private double u(Vector3d p) {
    return intrinsics.u(p.x, p.y, p.z);
  }

  private double v(Vector3d p) {
    return intrinsics.v(p.y, p.z);
  }
}
