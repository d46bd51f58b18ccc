package dev.bevel.nuscenes;

import java.util.Arrays;
import java.util.List;

/**
 * Which points of a sweep lie in which of many boxes, faces included, in one pass over the points.
 * A grid in the points' ground plane names the few boxes that a point can lie in; the test itself
 * is that of {@link Box3d#countPoints}.
 */
public final class BoxPoints {
  private static final int CELLS = 32;

  private final double[][] pointsToBox;
  private final double[][] halfSizes;
  private final int[][] boxesOfCell = new int[CELLS * CELLS][0];
  private double minX = Double.POSITIVE_INFINITY;
  private double minY = Double.POSITIVE_INFINITY;
  private double maxX = Double.NEGATIVE_INFINITY;
  private double maxY = Double.NEGATIVE_INFINITY;

  /** Told of each point in a box. */
  @FunctionalInterface
  public interface Visitor {
    /**
     * Told of one point in one box.
     *
     * @param box index in the list of boxes
     * @param point index in the sweep
     */
    void inside(int box, int point);
  }

  private BoxPoints(List<Box3d> boxes, Pose pointsToBoxFrame) {
    int count = boxes.size();
    Pose back = pointsToBoxFrame.inverse();
    pointsToBox = new double[count][];
    halfSizes = new double[count][];
    double[][] circles = new double[count][];
    for (int i = 0; i < count; i++) {
      Box3d box = boxes.get(i);
      pointsToBox[i] = box.pose().inverse().compose(pointsToBoxFrame).matrix();
      halfSizes[i] = new double[] {box.length() / 2, box.width() / 2, box.height() / 2};
      circles[i] = circle(box, back.compose(box.pose()));
      minX = Math.min(minX, circles[i][0] - circles[i][2]);
      minY = Math.min(minY, circles[i][1] - circles[i][2]);
      maxX = Math.max(maxX, circles[i][0] + circles[i][2]);
      maxY = Math.max(maxY, circles[i][1] + circles[i][2]);
    }
    for (int i = 0; i < count; i++) {
      enter(i, circles[i]);
    }
  }

  /**
   * Counts.
   *
   * @param boxes in one frame
   * @param points in any frame
   * @param pointsToBoxFrame takes those points to the frame of the boxes
   * @return for each box the number of points in it
   */
  public static int[] count(List<Box3d> boxes, LidarPoints points, Pose pointsToBoxFrame) {
    int[] counts = new int[boxes.size()];
    visit(boxes, points, pointsToBoxFrame, (box, point) -> counts[box]++);
    return counts;
  }

  /** Tells of each point in a box, points in file order; a point can lie in several boxes. */
  public static void visit(
      List<Box3d> boxes, LidarPoints points, Pose pointsToBoxFrame, Visitor visitor) {
    if (!boxes.isEmpty()) {
      new BoxPoints(boxes, pointsToBoxFrame).visit(points, visitor);
    }
  }

  /** Centre and radius in the ground plane of the points' frame, with room for rounding. */
  private static double[] circle(Box3d box, Pose boxToPoints) {
    double diagonal = Math.hypot(Math.hypot(box.length(), box.width()), box.height());
    double rounding = 1e-6 + 1e-9 * Math.hypot(boxToPoints.tx(), boxToPoints.ty());
    return new double[] {boxToPoints.tx(), boxToPoints.ty(), diagonal / 2 + rounding};
  }

  private void enter(int box, double[] circle) {
    int x1 = column(circle[0] + circle[2]);
    int y1 = row(circle[1] + circle[2]);
    for (int y = row(circle[1] - circle[2]); y <= y1; y++) {
      for (int x = column(circle[0] - circle[2]); x <= x1; x++) {
        int[] others = boxesOfCell[y * CELLS + x];
        int[] all = Arrays.copyOf(others, others.length + 1);
        all[others.length] = box;
        boxesOfCell[y * CELLS + x] = all;
      }
    }
  }

  private int column(double x) {
    return Math.min(CELLS - 1, (int) ((x - minX) / (maxX - minX) * CELLS));
  }

  private int row(double y) {
    return Math.min(CELLS - 1, (int) ((y - minY) / (maxY - minY) * CELLS));
  }

  private void visit(LidarPoints points, Visitor visitor) {
    for (int i = 0; i < points.count(); i++) {
      double x = points.x(i);
      double y = points.y(i);
      if (x >= minX && x <= maxX && y >= minY && y <= maxY) {
        for (int box : boxesOfCell[row(y) * CELLS + column(x)]) {
          if (contains(box, x, y, points.z(i))) {
            visitor.inside(box, i);
          }
        }
      }
    }
  }

  private boolean contains(int box, double x, double y, double z) {
    double[] m = pointsToBox[box];
    double[] half = halfSizes[box];
    return Math.abs(m[0] * x + m[1] * y + m[2] * z + m[3]) <= half[0]
        && Math.abs(m[4] * x + m[5] * y + m[6] * z + m[7]) <= half[1]
        && Math.abs(m[8] * x + m[9] * y + m[10] * z + m[11]) <= half[2];
  }
}
