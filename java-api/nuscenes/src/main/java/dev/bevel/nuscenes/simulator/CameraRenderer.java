package dev.bevel.nuscenes.simulator;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Takes a picture of a snapshot. The work is divided so:
 *
 * <ol>
 *   <li>{@link Rasterizer} finds for each of 2×2 samples a pixel which face is nearest: the ground
 *       plane first, then the triangles of every body that the camera may see;
 *   <li>{@link GroundShadows} projects the bodies along the sun onto the ground and darkens it
 *       where they stand; {@link SunShade} asks which bodies stand in the shadow of others;
 *   <li>each pixel gets the mean colour of its samples, where each face in it is shaded once: the
 *       ground by {@link GroundShader}, bodies by {@link FaceShader}, the sky, light and haze by
 *       {@link Atmosphere};
 *   <li>{@link Film} turns light to 8-bit sRGB with exposure, vignette and noise.
 * </ol>
 *
 * All is computed in a fixed order by one thread; scratch memory is kept for each thread.
 */
final class CameraRenderer {
  /** Bodies farther than this many times the visibility are lost in the haze. */
  private static final double REACH = 5;

  /** Samples a pixel along each axis. */
  private static final int SAMPLES = 2;

  private static final int GROUND = -1;
  private static final int SKY = -2;

  private static final ThreadLocal<@Nullable CameraRenderer> SCRATCH = new ThreadLocal<>();

  private final Rasterizer raster;
  private final GroundShadows shadows;
  private final FaceShader faces = new FaceShader();
  private final float[] colour = new float[3];
  private final float[] mean = new float[3];
  private final int[] pixelFaces = new int[SAMPLES * SAMPLES];
  private final double[] bodyToCamera = new double[12];
  private double[] cameraPoints = new double[1024];
  private double[] globalPoints = new double[1024];

  private CameraRenderer(CameraGeometry camera) {
    raster = new Rasterizer(camera);
    shadows = new GroundShadows(camera);
  }

  /**
   * Takes a picture.
   *
   * @param exposure factor on the light, about 1
   * @param noiseSeed of the sensor's noise
   * @throws IllegalArgumentException if the camera is not above the ground or the picture is empty
   */
  static Rendering render(Snapshot snapshot, CameraView view, double exposure, long noiseSeed) {
    if (!(view.cameraToGlobal().tz() > 0) || view.width() <= 0 || view.height() <= 0) {
      throw new IllegalArgumentException(
          "camera must stand above the ground and see a picture of at least 1×1, got height %s m and %d×%d pixels"
              .formatted(view.cameraToGlobal().tz(), view.width(), view.height()));
    }
    CameraGeometry camera = new CameraGeometry(view, SAMPLES);
    CameraRenderer renderer = SCRATCH.get();
    if (renderer == null) {
      renderer = new CameraRenderer(camera);
      SCRATCH.set(renderer);
    }
    return renderer.take(snapshot, view, camera, new Film(view, exposure, noiseSeed));
  }

  private Rendering take(Snapshot snapshot, CameraView view, CameraGeometry camera, Film film) {
    raster.begin(camera);
    shadows.begin(camera, SAMPLES);
    faces.begin();
    drawBodies(snapshot, camera);
    for (Placement body : snapshot.bodies()) {
      if (snapshot.lighting().sun() > 0) {
        shadows.cast(body, snapshot.lighting(), raster);
      }
      shadows.contact(body, raster);
    }
    int pixels = view.width() * view.height();
    Rendering picture =
        new Rendering(
            view.width(), view.height(), new int[pixels], new float[pixels], new int[pixels]);
    Atmosphere air = new Atmosphere(snapshot.lighting());
    GroundShader ground = new GroundShader(snapshot.ground());
    for (int row = 0; row < view.height(); row++) {
      for (int column = 0; column < view.width(); column++) {
        pixel(column, row, camera, air, ground, picture);
        picture.rgb()[row * view.width() + column] = film.expose(column, row, mean);
      }
    }
    return picture;
  }

  private void drawBodies(Snapshot snapshot, CameraGeometry camera) {
    raster.ground();
    SunShade shade = new SunShade(snapshot);
    double far = REACH * snapshot.lighting().visibility();
    for (int i = 0; i < snapshot.bodies().size(); i++) {
      Placement body = snapshot.bodies().get(i);
      camera.bodyToCamera(body.bodyToGlobal(), bodyToCamera);
      double radius = radius(body.mesh().positions());
      if (camera.maySee(
          bodyToCamera[3], bodyToCamera[7], bodyToCamera[11], radius, Rasterizer.NEAR, far)) {
        faces.body(body, shade.share(i));
        drawBody(body);
      }
    }
  }

  private void drawBody(Placement body) {
    Mesh mesh = body.mesh();
    float[] p = mesh.positions();
    if (cameraPoints.length < p.length) {
      cameraPoints = new double[2 * p.length];
      globalPoints = new double[2 * p.length];
    }
    transform(p, bodyToCamera, cameraPoints);
    transform(p, body.bodyToGlobal().matrix(), globalPoints);
    int[] t = mesh.triangles();
    for (int i = 0; i < mesh.materials().length; i++) {
      int a = 3 * t[3 * i];
      int b = 3 * t[3 * i + 1];
      int c = 3 * t[3 * i + 2];
      int face = faces.face(globalPoints, a, b, c, mesh.materials()[i]);
      raster.triangle(cameraPoints, a, b, c, face);
    }
  }

  /** Shades one pixel into {@link #mean} and notes what it shows. */
  private void pixel(
      int column,
      int row,
      CameraGeometry camera,
      Atmosphere air,
      GroundShader ground,
      Rendering picture) {
    double u = SAMPLES * (column + 0.5);
    double v = SAMPLES * (row + 0.5);
    Arrays.fill(mean, 0);
    int samples = SAMPLES * SAMPLES;
    int first = SAMPLES * (row * camera.columns + column);
    for (int i = 0; i < samples; i++) {
      pixelFaces[i] = surface(first + i / SAMPLES * camera.columns + i % SAMPLES);
    }
    int most = 0;
    int at = row * picture.width() + column;
    for (int i = 0; i < samples; i++) {
      int face = pixelFaces[i];
      if (seenBefore(i)) {
        continue;
      }
      int count = 0;
      int shaded = 0;
      double inverse = 0;
      for (int j = i; j < samples; j++) {
        if (pixelFaces[j] == face) {
          int sample = first + j / SAMPLES * camera.columns + j % SAMPLES;
          count++;
          shaded += shadows.shaded(sample);
          inverse += raster.inverseDepth[sample];
        }
      }
      inverse /= count;
      surfaceColour(
          face, u, v, inverse, (float) shaded / count, shadows.openness(at), camera, air, ground);
      for (int k = 0; k < 3; k++) {
        mean[k] += colour[k] * count / samples;
      }
      if (count > most) {
        most = count;
        picture.depth()[at] = (float) (1 / inverse);
        picture.ids()[at] = face >= 0 ? faces.id(face) : Placement.SCENERY;
      }
    }
  }

  private int surface(int sample) {
    int face = raster.face[sample];
    return face != Rasterizer.NONE ? face : raster.inverseDepth[sample] > 0 ? GROUND : SKY;
  }

  private boolean seenBefore(int i) {
    for (int j = 0; j < i; j++) {
      if (pixelFaces[j] == pixelFaces[i]) {
        return true;
      }
    }
    return false;
  }

  /** Light from a surface at image point (u, v), haze included, into {@link #colour}. */
  private void surfaceColour(
      int face,
      double u,
      double v,
      double inverseDepth,
      float shaded,
      float openness,
      CameraGeometry camera,
      Atmosphere air,
      GroundShader ground) {
    double rx = camera.rayX(u, v);
    double ry = camera.rayY(v);
    double[] r = camera.rotation;
    double gx = r[0] * rx + r[1] * ry + r[2];
    double gy = r[3] * rx + r[4] * ry + r[5];
    double gz = r[6] * rx + r[7] * ry + r[8];
    double norm = Math.sqrt(rx * rx + ry * ry + 1);
    if (face == SKY) {
      air.sky(gx / norm, gy / norm, gz / norm, colour);
      return;
    }
    double depth = 1 / inverseDepth;
    double distance = depth * norm;
    double px = camera.x + depth * gx;
    double py = camera.y + depth * gy;
    if (face == GROUND) {
      // Moving a pixel turns the ray by dr; the point on the plane moves by depth (dr − r dr.z /
      // r.z).
      double du = SAMPLES / camera.fx * depth;
      double dv = SAMPLES / camera.fy * depth;
      double uz = r[6] / gz;
      double vz = r[7] / gz;
      ground.albedo(
          px,
          py,
          du * (r[0] - gx * uz),
          du * (r[3] - gy * uz),
          dv * (r[1] - gx * vz),
          dv * (r[4] - gy * vz),
          distance,
          colour);
      air.light(0, 0, 1, (1 - shaded) * openness, (1 - 0.15f * shaded) * openness, colour);
    } else {
      double pz = camera.z + depth * gz;
      faces.shade(
          face,
          px,
          py,
          pz,
          gx / norm,
          gy / norm,
          gz / norm,
          SAMPLES / camera.fx * depth,
          air,
          colour);
    }
    air.haze(distance, colour);
  }

  /** Distance of the farthest vertex from the origin. */
  static double radius(float[] positions) {
    double squared = 0;
    for (int i = 0; i < positions.length; i += 3) {
      double x = positions[i];
      double y = positions[i + 1];
      double z = positions[i + 2];
      squared = Math.max(squared, x * x + y * y + z * z);
    }
    return Math.sqrt(squared);
  }

  /**
   * Applies a row-major 3×4 matrix to points.
   *
   * @param out as many numbers as {@code p} has
   */
  static void transform(float[] p, double[] m, double[] out) {
    for (int i = 0; i < p.length; i += 3) {
      double x = p[i];
      double y = p[i + 1];
      double z = p[i + 2];
      out[i] = m[0] * x + m[1] * y + m[2] * z + m[3];
      out[i + 1] = m[4] * x + m[5] * y + m[6] * z + m[7];
      out[i + 2] = m[8] * x + m[9] * y + m[10] * z + m[11];
    }
  }
}
