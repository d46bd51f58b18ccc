package dev.bevel.nuscenes.simulator.sensors;

import dev.bevel.nuscenes.simulator.scene.Placement;
import dev.bevel.nuscenes.simulator.scene.Snapshot;

/**
 * Colours the pixels of one picture from what its samples show. A pixel whose samples agree, as
 * most do, is shaded once; another one gets the mean over its faces, each shaded once and weighted
 * by its samples.
 */
final class PictureShader {
  /** Samples a pixel along each axis. */
  static final int SCALE = 2;

  private static final int SAMPLES = SCALE * SCALE;
  private static final int GROUND = -1;
  private static final int SKY = -2;

  private final CameraGeometry camera;
  private final Rasterizer raster;
  private final GroundShadows shadows;
  private final FaceShader faces;
  private final Atmosphere air;
  private final GroundShader ground;
  private final Rendering picture;
  private final int[] sample = new int[SAMPLES];
  private final int[] seen = new int[SAMPLES];
  private final float[] colour = new float[3];
  private final float[] mean = new float[3];

  PictureShader(
      Snapshot snapshot,
      CameraGeometry camera,
      Rasterizer raster,
      GroundShadows shadows,
      FaceShader faces,
      Rendering picture) {
    this.camera = camera;
    this.raster = raster;
    this.shadows = shadows;
    this.faces = faces;
    this.picture = picture;
    air = new Atmosphere(snapshot.lighting());
    ground = new GroundShader(snapshot.ground());
  }

  /** Fills the picture. */
  void shade(Film film) {
    for (int row = 0; row < picture.height(); row++) {
      for (int column = 0; column < picture.width(); column++) {
        float[] light = pixel(column, row);
        picture.rgb()[row * picture.width() + column] = film.expose(column, row, light);
      }
    }
  }

  /** Light of one pixel; depth and id are written to the picture. */
  private float[] pixel(int column, int row) {
    int first = SCALE * (row * camera.columns + column);
    boolean uniform = true;
    for (int i = 0; i < SAMPLES; i++) {
      sample[i] = first + i / SCALE * camera.columns + i % SCALE;
      seen[i] = surface(sample[i]);
      uniform &= seen[i] == seen[0];
    }
    if (uniform) {
      surface(seen[0], column, row);
      return colour;
    }
    mean[0] = 0;
    mean[1] = 0;
    mean[2] = 0;
    int most = 0;
    float depth = 0;
    int id = 0;
    for (int i = 0; i < SAMPLES; i++) {
      if (!seenBefore(i)) {
        int count = surface(seen[i], column, row);
        for (int k = 0; k < 3; k++) {
          mean[k] += colour[k] * count / SAMPLES;
        }
        int at = row * picture.width() + column;
        if (count > most) {
          most = count;
          depth = picture.depth()[at];
          id = picture.ids()[at];
        }
        picture.depth()[at] = depth;
        picture.ids()[at] = id;
      }
    }
    return mean;
  }

  private int surface(int at) {
    int face = raster.face[at];
    return face != Rasterizer.NONE ? face : raster.inverseDepth[at] > 0 ? GROUND : SKY;
  }

  private boolean seenBefore(int i) {
    for (int j = 0; j < i; j++) {
      if (seen[j] == seen[i]) {
        return true;
      }
    }
    return false;
  }

  /**
   * Shades a surface into {@link #colour} and writes its depth and id to the pixel.
   *
   * @return how many of the pixel's samples show it
   */
  private int surface(int face, int column, int row) {
    int count = 0;
    int shaded = 0;
    double inverse = 0;
    for (int i = 0; i < SAMPLES; i++) {
      if (seen[i] == face) {
        count++;
        shaded += shadows.shaded(sample[i]);
        inverse += raster.inverseDepth[sample[i]];
      }
    }
    double depth = count / inverse;
    int pixel = row * picture.width() + column;
    picture.depth()[pixel] = (float) depth;
    picture.ids()[pixel] = face >= 0 ? faces.id(face) : Placement.SCENERY;
    double rx = camera.rayX(SCALE * (column + 0.5), SCALE * (row + 0.5));
    double ry = camera.rayY(SCALE * (row + 0.5));
    double[] r = camera.rotation;
    double gx = r[0] * rx + r[1] * ry + r[2];
    double gy = r[3] * rx + r[4] * ry + r[5];
    double gz = r[6] * rx + r[7] * ry + r[8];
    double length = Math.sqrt(rx * rx + ry * ry + 1);
    if (face == SKY) {
      air.sky(gx / length, gy / length, gz / length, colour);
      return count;
    }
    if (face == GROUND) {
      ground(gx, gy, gz, depth, depth * length, (float) shaded / count, pixel);
    } else {
      faces.shade(
          face,
          camera.x + depth * gx,
          camera.y + depth * gy,
          camera.z + depth * gz,
          gx / length,
          gy / length,
          gz / length,
          SCALE / camera.fx * depth,
          air,
          colour);
    }
    air.haze(depth * length, colour);
    return count;
  }

  /** The ground where the ray (gx, gy, gz) of the global frame meets it. */
  private void ground(
      double gx, double gy, double gz, double depth, double distance, float shaded, int pixel) {
    // From one pixel to the next the ray r turns by d, and the point on the plane moves by
    // depth (d − r d_z / r_z).
    double[] r = camera.rotation;
    double du = SCALE / camera.fx * depth;
    double dv = SCALE / camera.fy * depth;
    double uz = r[6] / gz;
    double vz = r[7] / gz;
    ground.albedo(
        camera.x + depth * gx,
        camera.y + depth * gy,
        du * (r[0] - gx * uz),
        du * (r[3] - gy * uz),
        dv * (r[1] - gx * vz),
        dv * (r[4] - gy * vz),
        distance,
        colour);
    float open = shadows.openness(pixel);
    air.light(0, 0, 1, (1 - shaded) * open, (1 - 0.15f * shaded) * open, colour);
  }
}
