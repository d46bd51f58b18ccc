package dev.bevel.nuscenes.simulator.sensors;

import dev.bevel.nuscenes.simulator.scene.CameraView;
import dev.bevel.nuscenes.simulator.scene.Mesh;
import dev.bevel.nuscenes.simulator.scene.Placement;
import dev.bevel.nuscenes.simulator.scene.Snapshot;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Takes a picture of a snapshot. The work is divided so:
 *
 * <ol>
 *   <li>{@link Rasterizer} finds for each of 2×2 samples a pixel which face is nearest: the ground
 *       plane first, then the triangles of every body that the camera may see;
 *   <li>{@link GroundShadows} projects the bodies along the sun onto the ground and darkens it
 *       where they stand; {@link SunShade} asks which bodies stand in the shadow of others;
 *   <li>{@link PictureShader} gives each pixel the mean colour of its samples: the ground by {@link
 *       GroundShader}, bodies by {@link FaceShader}, the sky, light and haze by {@link Atmosphere};
 *   <li>{@link Film} turns light to 8-bit sRGB with exposure, vignette and noise.
 * </ol>
 *
 * All is computed in a fixed order by one thread; scratch memory is kept for each thread.
 */
public final class CameraRenderer {
  /** Bodies farther than this many times the visibility are lost in the haze. */
  private static final double REACH = 5;

  private static final ThreadLocal<@Nullable CameraRenderer> SCRATCH = new ThreadLocal<>();

  private final Rasterizer raster;
  private final GroundShadows shadows;
  private final FaceShader faces = new FaceShader();
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
   * @throws IllegalArgumentException if the camera is not above the ground, the picture is empty or
   *     the exposure is not a positive number
   */
  public static Rendering render(
      Snapshot snapshot, CameraView view, double exposure, long noiseSeed) {
    if (!(view.cameraToGlobal().tz() > 0) || view.width() <= 0 || view.height() <= 0) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "camera must stand above the ground and see a picture of at least 1×1, got height %s m and %d×%d pixels",
              view.cameraToGlobal().tz(),
              view.width(),
              view.height()));
    }
    if (!(exposure > 0 && exposure < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("exposure must be a positive number, got " + exposure);
    }
    CameraGeometry camera = new CameraGeometry(view, PictureShader.SCALE);
    CameraRenderer renderer = SCRATCH.get();
    if (renderer == null) {
      renderer = new CameraRenderer(camera);
      SCRATCH.set(renderer);
    }
    return renderer.take(snapshot, view, camera, new Film(view, exposure, noiseSeed));
  }

  private Rendering take(Snapshot snapshot, CameraView view, CameraGeometry camera, Film film) {
    raster.begin(camera);
    shadows.begin(camera, PictureShader.SCALE);
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
    new PictureShader(snapshot, camera, raster, shadows, faces, picture).shade(film);
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
