package dev.bevel.nuscenes.simulator.sensors;

import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.simulator.scene.Lighting;
import dev.bevel.nuscenes.simulator.scene.Placement;
import dev.bevel.nuscenes.simulator.scene.Snapshot;
import java.util.List;

/**
 * How much of the sun reaches a body past the others, which stand for their bounding boxes, a
 * little shrunk. Five points of the body are asked; bodies as large as a house count as wholly lit.
 */
final class SunShade {
  /** Larger bodies are not taken as one. */
  private static final double LARGEST = 11;

  /** Lower bodies shade nothing that matters. */
  private static final double LOWEST_CASTER = 1.9;

  private static final double SHRINK = 0.85;
  private static final int POINTS = 5;

  private final List<Placement> bodies;
  private final Lighting light;
  private final double[] radius;
  private final double[] half;
  private final double[] point = new double[3 * POINTS];

  SunShade(Snapshot snapshot) {
    bodies = snapshot.bodies();
    light = snapshot.lighting();
    radius = new double[bodies.size()];
    half = new double[3 * bodies.size()];
    for (int i = 0; i < bodies.size(); i++) {
      float[] p = bodies.get(i).mesh().positions();
      radius[i] = CameraRenderer.radius(p);
      for (int j = 0; j < p.length; j++) {
        half[3 * i + j % 3] = Math.max(half[3 * i + j % 3], Math.abs(p[j]));
      }
    }
  }

  /** The share of a body's five points that the sun reaches, 0–1. */
  float share(int body) {
    if (radius[body] > LARGEST || light.sun() <= 0) {
      return 1;
    }
    Pose pose = bodies.get(body).bodyToGlobal();
    double[] m = pose.matrix();
    for (int i = 0; i < POINTS; i++) {
      double x = i == 1 ? 0.6 : i == 2 ? -0.6 : 0;
      double y = i == 3 ? 0.6 : i == 4 ? -0.6 : 0;
      for (int axis = 0; axis < 3; axis++) {
        point[3 * i + axis] =
            m[4 * axis] * x * half[3 * body]
                + m[4 * axis + 1] * y * half[3 * body + 1]
                + m[4 * axis + 3];
      }
    }
    int hidden = 0;
    for (int other = 0; other < bodies.size() && hidden != (1 << POINTS) - 1; other++) {
      if (other != body
          && 2 * half[3 * other + 2] >= LOWEST_CASTER
          && mayShade(other, pose, radius[body])) {
        hidden |= hiddenBy(other);
      }
    }
    return 1 - (float) Integer.bitCount(hidden) / POINTS;
  }

  /** Whether the bounding sphere of a body lies close to the line from a pose to the sun. */
  private boolean mayShade(int other, Pose from, double margin) {
    Pose pose = bodies.get(other).bodyToGlobal();
    double dx = pose.tx() - from.tx();
    double dy = pose.ty() - from.ty();
    double dz = pose.tz() - from.tz();
    double along = dx * light.sunX() + dy * light.sunY() + dz * light.sunZ();
    double reach = radius[other] + margin;
    return along > -reach && dx * dx + dy * dy + dz * dz - along * along < reach * reach;
  }

  /** The points, one bit each, whose line to the sun crosses a body's box. */
  private int hiddenBy(int other) {
    double[] m = bodies.get(other).bodyToGlobal().matrix();
    int hidden = 0;
    for (int i = 0; i < POINTS; i++) {
      double dx = point[3 * i] - m[3];
      double dy = point[3 * i + 1] - m[7];
      double dz = point[3 * i + 2] - m[11];
      double enter = 0;
      double leave = Double.POSITIVE_INFINITY;
      for (int axis = 0; axis < 3; axis++) {
        double start = m[axis] * dx + m[4 + axis] * dy + m[8 + axis] * dz;
        double slope =
            m[axis] * light.sunX() + m[4 + axis] * light.sunY() + m[8 + axis] * light.sunZ();
        double size = SHRINK * half[3 * other + axis];
        // A slope of 0 gives infinities of the right sign, or NaN on the face itself: no crossing.
        double first = (-size - start) / slope;
        double second = (size - start) / slope;
        enter = Math.max(enter, Math.min(first, second));
        leave = Math.min(leave, Math.max(first, second));
      }
      if (enter < leave) {
        hidden |= 1 << i;
      }
    }
    return hidden;
  }
}
