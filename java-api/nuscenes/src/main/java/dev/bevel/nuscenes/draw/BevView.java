package dev.bevel.nuscenes.draw;

import dev.bevel.nuscenes.Box3d;
import java.awt.geom.Path2D;
import org.joml.Vector3d;

/** Where things of the key ego frame stand in a picture from above: forward is up. */
final class BevView {
  /** Pixels of the map's sides. */
  static final int SIZE = 1400;

  /** Metres from the ego to the map's edges: the usual BEV grid's 51.2 m and a margin. */
  static final double RANGE = 54;

  static final double PIXELS_PER_METRE = SIZE / (2 * RANGE);

  private BevView() {}

  /** Pixel column of a point of the ego frame: left is left. */
  static double px(double y) {
    return SIZE / 2.0 - y * PIXELS_PER_METRE;
  }

  /** Pixel row of a point of the ego frame: forward is up. */
  static double py(double x) {
    return SIZE / 2.0 - x * PIXELS_PER_METRE;
  }

  /** The box seen from above. */
  static Path2D footprint(Box3d box) {
    Vector3d[] c = box.corners();
    Path2D path = new Path2D.Double();
    path.moveTo(px(c[0].y), py(c[0].x));
    path.lineTo(px(c[1].y), py(c[1].x));
    path.lineTo(px(c[5].y), py(c[5].x));
    path.lineTo(px(c[4].y), py(c[4].x));
    path.closePath();
    return path;
  }

  static Path2D headingMark(Box3d box) {
    Vector3d nose = box.pose().transform(box.length() / 2, 0, 0);
    Vector3d left = box.pose().transform(box.length() * 0.15, box.width() / 2, 0);
    Vector3d right = box.pose().transform(box.length() * 0.15, -box.width() / 2, 0);
    Path2D path = new Path2D.Double();
    path.moveTo(px(left.y), py(left.x));
    path.lineTo(px(nose.y), py(nose.x));
    path.lineTo(px(right.y), py(right.x));
    return path;
  }
}
