package dev.bevel.nuscenes.simulator.sensors;

import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.simulator.scene.Lighting;
import dev.bevel.nuscenes.simulator.scene.Placement;
import java.util.Arrays;

/**
 * What bodies do to the light on the ground of one picture: they keep the sun away where they are
 * projected along its rays, and the sky close to where they stand.
 */
final class GroundShadows {
  /** Distance from a body's foot within which the ground gets less of the sky's light, metres. */
  private static final double REACH = 0.9;

  /** Distance at which half of the loss is left. */
  private static final double HALF = 0.22;

  private static final float LOSS = 0.65f;

  /** Vertices up to this far above a body's lowest make up its foot, metres. */
  private static final double FOOT = 0.35;

  /** Feet farther from the camera are too small to see, metres. */
  private static final double CONTACT_RANGE = 60;

  private CameraGeometry camera;
  private int scale;
  private byte[] shaded = new byte[0];
  private float[] openness = new float[0];
  private double[] globalPoints = new double[1024];
  private double[] points = new double[1024];

  /** The foot at hand: a rectangle (rear, front, right, left) of the body's frame. */
  private final double[] foot = new double[4];

  private final double[] place = new double[3];

  GroundShadows(CameraGeometry camera) {
    this.camera = camera;
  }

  /**
   * Starts a picture.
   *
   * @param samplesPerPixel along each axis
   */
  void begin(CameraGeometry newCamera, int samplesPerPixel) {
    camera = newCamera;
    scale = samplesPerPixel;
    int samples = camera.columns * camera.rows;
    if (shaded.length < samples) {
      shaded = new byte[samples];
      openness = new float[samples / (scale * scale)];
    } else {
      Arrays.fill(shaded, 0, samples, (byte) 0);
    }
    Arrays.fill(openness, 1);
  }

  /** 1 if the sun does not reach the ground at a sample, else 0. */
  int shaded(int sample) {
    return shaded[sample];
  }

  /** The share of the sky's light that reaches the ground at a pixel, 0–1. */
  float openness(int pixel) {
    return openness[pixel];
  }

  /** Projects the faces that the sun shines on along its rays onto the ground. */
  void cast(Placement body, Lighting light, Rasterizer raster) {
    Pose pose = body.bodyToGlobal();
    float[] p = body.mesh().positions();
    double slopeX = light.sunX() / light.sunZ();
    double slopeY = light.sunY() / light.sunZ();
    double radius = CameraRenderer.radius(p) / light.sunZ();
    double rise = Math.max(0, pose.tz());
    toCamera(pose.tx() - rise * slopeX, pose.ty() - rise * slopeY, 0, place, 0);
    if (!camera.maySee(place[0], place[1], place[2], radius, Rasterizer.NEAR, light.visibility())) {
      return;
    }
    reserve(p.length);
    CameraRenderer.transform(p, pose.matrix(), globalPoints);
    for (int i = 0; i < p.length; i += 3) {
      double height = Math.max(0, globalPoints[i + 2]);
      toCamera(
          globalPoints[i] - height * slopeX, globalPoints[i + 1] - height * slopeY, 0, points, i);
    }
    int[] t = body.mesh().triangles();
    for (int i = 0; i < t.length; i += 3) {
      int a = 3 * t[i];
      int b = 3 * t[i + 1];
      int c = 3 * t[i + 2];
      if (litBySun(a, b, c, light)) {
        raster.cover(points, a, b, c, this::shade);
      }
    }
  }

  /** Darkens the ground around the foot of a body that stands on it. */
  void contact(Placement body, Rasterizer raster) {
    Pose pose = body.bodyToGlobal();
    double bottom = foot(body.mesh().positions());
    double dx = pose.tx() - camera.x;
    double dy = pose.ty() - camera.y;
    double range = CONTACT_RANGE + foot[1] - foot[0];
    if (Math.abs(pose.tz() + bottom) > FOOT || dx * dx + dy * dy > range * range) {
      return;
    }
    double[] m = pose.matrix();
    for (int corner = 0; corner < 4; corner++) {
      double x = corner == 0 || corner == 3 ? foot[0] - REACH : foot[1] + REACH;
      double y = corner < 2 ? foot[2] - REACH : foot[3] + REACH;
      toCamera(m[0] * x + m[1] * y + m[3], m[4] * x + m[5] * y + m[7], 0, points, 3 * corner);
    }
    Rasterizer.Span darken = (row, first, end, r) -> darken(row, first, end, r, m);
    raster.cover(points, 0, 3, 6, darken);
    raster.cover(points, 0, 6, 9, darken);
  }

  private void shade(int row, int first, int end, Rasterizer raster) {
    int at = row * camera.columns;
    Arrays.fill(shaded, at + first, at + end, (byte) 1);
  }

  /** One value for each pixel, taken at its first sample. */
  private void darken(int row, int first, int end, Rasterizer raster, double[] bodyToGlobal) {
    if (row % scale != 0) {
      return;
    }
    double[] m = bodyToGlobal;
    for (int column = (first + scale - 1) / scale * scale; column < end; column += scale) {
      int sample = row * camera.columns + column;
      if (raster.face[sample] == Rasterizer.NONE) {
        camera.place(column + 0.5, row + 0.5, 1 / raster.inverseDepth[sample], place);
        double dx = place[0] - m[3];
        double dy = place[1] - m[7];
        double x = m[0] * dx + m[4] * dy;
        double y = m[1] * dx + m[5] * dy;
        double outX = Math.max(0, Math.max(foot[0] - x, x - foot[1]));
        double outY = Math.max(0, Math.max(foot[2] - y, y - foot[3]));
        double squared = (outX * outX + outY * outY) / (HALF * HALF);
        int pixel = row / scale * (camera.columns / scale) + column / scale;
        openness[pixel] = Math.min(openness[pixel], 1 - LOSS / (1 + (float) squared));
      }
    }
  }

  /** Finds the rectangle around the lowest vertices; returns the lowest z. */
  private double foot(float[] p) {
    double bottom = Double.POSITIVE_INFINITY;
    for (int i = 2; i < p.length; i += 3) {
      bottom = Math.min(bottom, p[i]);
    }
    foot[0] = Double.POSITIVE_INFINITY;
    foot[1] = Double.NEGATIVE_INFINITY;
    foot[2] = Double.POSITIVE_INFINITY;
    foot[3] = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < p.length; i += 3) {
      if (p[i + 2] < bottom + FOOT) {
        foot[0] = Math.min(foot[0], p[i]);
        foot[1] = Math.max(foot[1], p[i]);
        foot[2] = Math.min(foot[2], p[i + 1]);
        foot[3] = Math.max(foot[3], p[i + 1]);
      }
    }
    return bottom;
  }

  private void toCamera(double x, double y, double z, double[] out, int at) {
    double[] r = camera.rotation;
    double dx = x - camera.x;
    double dy = y - camera.y;
    double dz = z - camera.z;
    out[at] = r[0] * dx + r[3] * dy + r[6] * dz;
    out[at + 1] = r[1] * dx + r[4] * dy + r[7] * dz;
    out[at + 2] = r[2] * dx + r[5] * dy + r[8] * dz;
  }

  private boolean litBySun(int a, int b, int c, Lighting light) {
    double[] p = globalPoints;
    double ex = p[b] - p[a];
    double ey = p[b + 1] - p[a + 1];
    double ez = p[b + 2] - p[a + 2];
    double gx = p[c] - p[a];
    double gy = p[c + 1] - p[a + 1];
    double gz = p[c + 2] - p[a + 2];
    return (ey * gz - ez * gy) * light.sunX()
            + (ez * gx - ex * gz) * light.sunY()
            + (ex * gy - ey * gx) * light.sunZ()
        > 0;
  }

  private void reserve(int coordinates) {
    if (points.length < coordinates) {
      points = new double[2 * coordinates];
      globalPoints = new double[2 * coordinates];
    }
  }
}
