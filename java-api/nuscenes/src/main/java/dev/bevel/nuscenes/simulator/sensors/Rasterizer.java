package dev.bevel.nuscenes.simulator.sensors;

import java.util.Arrays;

/**
 * A z-buffer for triangles of the camera frame. It keeps, for every sample, the inverse depth and
 * the number of the nearest face. Inverse depth is linear in image coordinates, so one plane
 * equation for each triangle gives exact, perspective-correct values.
 *
 * <p>A sample (column, row) lies at image coordinates (column + 0.5, row + 0.5); a triangle covers
 * a sample if it lies inside or on its left or upper edge, so neighbours neither overlap nor gap.
 */
final class Rasterizer {
  /** Does something with the samples {@code first} to {@code end - 1} of a row. */
  @FunctionalInterface
  interface Span {
    void paint(int row, int first, int end, Rasterizer raster);
  }

  /** Face of samples on which nothing was drawn. */
  static final int NONE = -1;

  /** What is nearer to the camera than this is cut away, metres. */
  static final double NEAR = 0.05;

  private final double[] clippedX = new double[4];
  private final double[] clippedY = new double[4];
  private final double[] clippedZ = new double[4];
  private final double[] u = new double[4];
  private final double[] v = new double[4];

  private CameraGeometry camera;
  float[] inverseDepth = new float[0];
  int[] face = new int[0];

  /** Inverse depth of the plane that is drawn: a + b u + c v. */
  private double planeA;

  private double planeB;
  private double planeC;

  private int firstRow;
  private int endRow;
  private double left;
  private double right;
  private int corners;

  Rasterizer(CameraGeometry camera) {
    this.camera = camera;
  }

  /** Starts an empty picture. */
  void begin(CameraGeometry newCamera) {
    camera = newCamera;
    int samples = Math.multiplyExact(camera.columns, camera.rows);
    if (face.length < samples) {
      inverseDepth = new float[samples];
      face = new int[samples];
    } else {
      Arrays.fill(inverseDepth, 0, samples, 0);
    }
    Arrays.fill(face, 0, samples, NONE);
  }

  /** Sets the inverse depth of the plane z = 0 of the global frame on all samples below the sky. */
  void ground() {
    double[] r = camera.rotation;
    // A ray (x, y, 1) t meets the ground where camera.z + t (r6 x + r7 y + r8) = 0.
    double scale = -1 / camera.z;
    planeB = r[6] / camera.fx * scale;
    planeC = (r[7] - r[6] * camera.skew / camera.fx) / camera.fy * scale;
    planeA = r[8] * scale - planeB * camera.cx - planeC * camera.cy;
    for (int row = 0; row < camera.rows; row++) {
      int at = row * camera.columns;
      double start = planeA + planeC * (row + 0.5) + planeB * 0.5;
      for (int column = 0; column < camera.columns; column++) {
        inverseDepth[at + column] = (float) Math.max(0, start + planeB * column);
      }
    }
  }

  /**
   * Draws a triangle, counter-clockwise as seen from outside, if it faces the camera.
   *
   * @param p camera-frame points, 3 numbers each
   * @param a index of a corner's first number
   * @param number what to write to {@link #face}
   */
  void triangle(double[] p, int a, int b, int c, int number) {
    if (!facesCamera(p, a, b, c) || !clip(p, a, b, c)) {
      return;
    }
    for (int row = firstRow; row < endRow; row++) {
      span(row + 0.5);
      int first = Math.max(0, (int) Math.ceil(left - 0.5));
      int end = Math.min(camera.columns, (int) Math.ceil(right - 0.5));
      int at = row * camera.columns;
      double start = planeA + planeC * (row + 0.5) + planeB * 0.5;
      for (int column = first; column < end; column++) {
        float w = (float) (start + planeB * column);
        if (w > inverseDepth[at + column]) {
          inverseDepth[at + column] = w;
          face[at + column] = number;
        }
      }
    }
  }

  /** Shows the samples that a triangle covers, row by row; its turn does not matter. */
  void cover(double[] p, int a, int b, int c, Span painter) {
    if (!clip(p, a, b, c)) {
      return;
    }
    for (int row = firstRow; row < endRow; row++) {
      span(row + 0.5);
      int first = Math.max(0, (int) Math.ceil(left - 0.5));
      int end = Math.min(camera.columns, (int) Math.ceil(right - 0.5));
      if (first < end) {
        painter.paint(row, first, end, this);
      }
    }
  }

  /**
   * The plane's inverse depth n · ray / d, from the triangle's normal; false if seen from behind.
   */
  private boolean facesCamera(double[] p, int a, int b, int c) {
    double ex = p[b] - p[a];
    double ey = p[b + 1] - p[a + 1];
    double ez = p[b + 2] - p[a + 2];
    double gx = p[c] - p[a];
    double gy = p[c + 1] - p[a + 1];
    double gz = p[c + 2] - p[a + 2];
    double nx = ey * gz - ez * gy;
    double ny = ez * gx - ex * gz;
    double nz = ex * gy - ey * gx;
    double d = nx * p[a] + ny * p[a + 1] + nz * p[a + 2];
    if (!(d < 0)) {
      return false;
    }
    planeB = nx / (camera.fx * d);
    planeC = (ny - nx * camera.skew / camera.fx) / (camera.fy * d);
    planeA = nz / d - planeB * camera.cx - planeC * camera.cy;
    return true;
  }

  /** Cuts the triangle at the near plane, projects it, and finds the rows it touches. */
  private boolean clip(double[] p, int a, int b, int c) {
    corners = 0;
    edge(p, a, b);
    edge(p, b, c);
    edge(p, c, a);
    double top = Double.POSITIVE_INFINITY;
    double bottom = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < corners; i++) {
      double y = clippedY[i] / clippedZ[i];
      v[i] = camera.fy * y + camera.cy;
      u[i] = camera.fx * (clippedX[i] / clippedZ[i]) + camera.skew * y + camera.cx;
      top = Math.min(top, v[i]);
      bottom = Math.max(bottom, v[i]);
    }
    firstRow = Math.max(0, (int) Math.ceil(top - 0.5));
    endRow = Math.min(camera.rows, (int) Math.ceil(bottom - 0.5));
    return corners >= 3;
  }

  /** Adds the start of an edge if it is beyond the near plane, and where the edge crosses it. */
  private void edge(double[] p, int from, int to) {
    boolean startsIn = p[from + 2] >= NEAR;
    if (startsIn) {
      add(p[from], p[from + 1], p[from + 2]);
    }
    if (startsIn != p[to + 2] >= NEAR) {
      // From the inside out, whichever way the edge runs, so that neighbours get the same point.
      int in = startsIn ? from : to;
      int out = startsIn ? to : from;
      double t = (p[in + 2] - NEAR) / (p[in + 2] - p[out + 2]);
      add(p[in] + t * (p[out] - p[in]), p[in + 1] + t * (p[out + 1] - p[in + 1]), NEAR);
    }
  }

  private void add(double px, double py, double pz) {
    clippedX[corners] = px;
    clippedY[corners] = py;
    clippedZ[corners++] = pz;
  }

  /** The part of a row that the convex outline covers. */
  private void span(double row) {
    left = Double.POSITIVE_INFINITY;
    right = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < corners; i++) {
      int next = i + 1 == corners ? 0 : i + 1;
      // Downwards, whichever way the edge runs, so that neighbours get the same column.
      int upper = v[i] <= v[next] ? i : next;
      int lower = upper == i ? next : i;
      if (v[upper] <= row && row < v[lower]) {
        double at = u[upper] + (row - v[upper]) * ((u[lower] - u[upper]) / (v[lower] - v[upper]));
        left = Math.min(left, at);
        right = Math.max(right, at);
      }
    }
  }
}
