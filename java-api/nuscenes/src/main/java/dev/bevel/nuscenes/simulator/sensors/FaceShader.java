package dev.bevel.nuscenes.simulator.sensors;

import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.simulator.scene.Material;
import dev.bevel.nuscenes.simulator.scene.Placement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The faces that a picture may show, and their colours. */
final class FaceShader {
  /** Bodies near the ground get less light from the sky, up to this height in metres. */
  private static final double CONTACT_HEIGHT = 0.6;

  private static final int PER_FACE = 3;

  private final List<Placement> bodies = new ArrayList<>();
  private final List<double[]> globalToBody = new ArrayList<>();
  private float[] sun = new float[256];
  private int[] bodyOf = new int[4096];
  private Material[] material = new Material[4096];
  private double[] normal = new double[PER_FACE * 4096];
  private int faces;
  private final double[] bodyPoint = new double[3];
  private final double[] bodyNormal = new double[3];
  private final float[] mirror = new float[3];

  void begin() {
    bodies.clear();
    globalToBody.clear();
    faces = 0;
  }

  /**
   * Starts a body; the faces that follow are its own.
   *
   * @param sunShare of the sun's light that other bodies leave it, 0–1
   */
  void body(Placement placement, float sunShare) {
    if (bodies.size() == sun.length) {
      sun = Arrays.copyOf(sun, 2 * sun.length);
    }
    sun[bodies.size()] = sunShare;
    bodies.add(placement);
    Pose toBody = placement.bodyToGlobal().inverse();
    globalToBody.add(toBody.matrix());
  }

  /**
   * Adds a face of the current body.
   *
   * @param points of the body in the global frame, 3 numbers each
   * @return its number
   */
  int face(double[] points, int a, int b, int c, Material of) {
    if (faces == material.length) {
      bodyOf = Arrays.copyOf(bodyOf, 2 * faces);
      material = Arrays.copyOf(material, 2 * faces);
      normal = Arrays.copyOf(normal, 2 * PER_FACE * faces);
    }
    double ex = points[b] - points[a];
    double ey = points[b + 1] - points[a + 1];
    double ez = points[b + 2] - points[a + 2];
    double gx = points[c] - points[a];
    double gy = points[c + 1] - points[a + 1];
    double gz = points[c + 2] - points[a + 2];
    double nx = ey * gz - ez * gy;
    double ny = ez * gx - ex * gz;
    double nz = ex * gy - ey * gx;
    double norm = Math.sqrt(nx * nx + ny * ny + nz * nz);
    int at = PER_FACE * faces;
    normal[at] = nx / norm;
    normal[at + 1] = ny / norm;
    normal[at + 2] = nz / norm;
    bodyOf[faces] = bodies.size() - 1;
    material[faces] = of;
    return faces++;
  }

  /** {@link Placement#id} of the body of a face. */
  int id(int face) {
    return bodies.get(bodyOf[face]).id();
  }

  /**
   * Light from a face towards the camera, without haze.
   *
   * @param px place in the global frame
   * @param dx unit vector from the camera to that place
   * @param footprint of a pixel there, metres
   * @param out 3 numbers
   */
  void shade(
      int face,
      double px,
      double py,
      double pz,
      double dx,
      double dy,
      double dz,
      double footprint,
      Atmosphere air,
      float[] out) {
    Material m = material[face];
    out[0] = (float) m.red();
    out[1] = (float) m.green();
    out[2] = (float) m.blue();
    int at = PER_FACE * face;
    double nx = normal[at];
    double ny = normal[at + 1];
    double nz = normal[at + 2];
    double gloss = m.gloss();
    if (m.pattern() != Material.Pattern.PLAIN) {
      toBody(face, px, py, pz);
      gloss += Patterns.draw(m.pattern(), bodyPoint, footprint, bodyNormal(face), out);
    }
    float contact = (float) (0.45 + 0.55 * Math.clamp(pz / CONTACT_HEIGHT, 0, 1));
    air.light(nx, ny, nz, sun[bodyOf[face]], contact, out);
    if (gloss > 0) {
      double facing = -(dx * nx + dy * ny + dz * nz);
      air.mirrored(dz + 2 * facing * nz, mirror);
      // Schlick's approximation of Fresnel's law, shortened to a square.
      double grazing = (1 - facing) * (1 - facing);
      float share = (float) (gloss + (1 - gloss) * 0.5 * grazing * grazing);
      for (int i = 0; i < 3; i++) {
        out[i] += share * (mirror[i] - out[i]);
      }
    }
  }

  private void toBody(int face, double px, double py, double pz) {
    double[] m = globalToBody.get(bodyOf[face]);
    for (int i = 0; i < 3; i++) {
      bodyPoint[i] = m[4 * i] * px + m[4 * i + 1] * py + m[4 * i + 2] * pz + m[4 * i + 3];
    }
  }

  private double[] bodyNormal(int face) {
    double[] m = globalToBody.get(bodyOf[face]);
    int at = PER_FACE * face;
    for (int i = 0; i < 3; i++) {
      bodyNormal[i] =
          m[4 * i] * normal[at] + m[4 * i + 1] * normal[at + 1] + m[4 * i + 2] * normal[at + 2];
    }
    return bodyNormal;
  }
}
