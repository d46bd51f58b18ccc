package dev.bevel.nuscenes.simulator.sensors;

import dev.bevel.nuscenes.simulator.scene.CameraView;
import dev.bevel.nuscenes.simulator.scene.Placement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * How much of a body the cameras see, as nuScenes' visibility levels ask: the visible share over
 * all six pictures.
 *
 * <p>From the camera whose axis points closest to the body, the body alone is drawn on a small grid
 * around its whole outline, even where that leaves the picture. Each grid point that meets the body
 * stands for one piece of its outer surface; the piece is visible if in any of the pictures it
 * falls on or beside a pixel with the body's id.
 */
public final class VisibilityMeter {
  private static final int GRID = 28;

  private VisibilityMeter() {}

  /**
   * Measures bodies.
   *
   * @param annotated bodies with ids of their own
   * @param renderings pictures of one moment
   * @param views where they were taken, in the same order
   * @return for each body the share of its outline that is visible, 0–1
   */
  public static double[] visibleFractions(
      List<Placement> annotated, List<Rendering> renderings, List<CameraView> views) {
    if (renderings.size() != views.size() || views.isEmpty()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "visibility needs one view for each picture, got %d pictures and %d views",
              renderings.size(),
              views.size()));
    }
    List<CameraGeometry> cameras = new ArrayList<>();
    for (CameraView view : views) {
      cameras.add(new CameraGeometry(view, 1));
    }
    double[] fractions = new double[annotated.size()];
    Rasterizer raster = new Rasterizer(cameras.getFirst());
    for (int i = 0; i < fractions.length; i++) {
      fractions[i] = fraction(annotated.get(i), renderings, cameras, raster);
    }
    return fractions;
  }

  private static double fraction(
      Placement body, List<Rendering> pictures, List<CameraGeometry> cameras, Rasterizer raster) {
    CameraGeometry probe = probe(body, cameras);
    raster.begin(probe);
    double[] toProbe = new double[12];
    probe.bodyToCamera(body.bodyToGlobal(), toProbe);
    float[] positions = body.mesh().positions();
    double[] p = new double[positions.length];
    CameraRenderer.transform(positions, toProbe, p);
    int[] t = body.mesh().triangles();
    for (int i = 0; i < t.length; i += 3) {
      raster.triangle(p, 3 * t[i], 3 * t[i + 1], 3 * t[i + 2], 0);
    }
    int outline = 0;
    int visible = 0;
    double[] point = new double[3];
    for (int row = 0; row < GRID; row++) {
      for (int column = 0; column < GRID; column++) {
        int at = row * GRID + column;
        if (raster.face[at] != Rasterizer.NONE) {
          outline++;
          probe.place(column + 0.5, row + 0.5, 1 / raster.inverseDepth[at], point);
          visible += seen(body.id(), point, pictures, cameras) ? 1 : 0;
        }
      }
    }
    return outline == 0 ? 0 : (double) visible / outline;
  }

  /** A camera at the place of the one that faces the body best, turned to it and fitted to it. */
  private static CameraGeometry probe(Placement body, List<CameraGeometry> cameras) {
    CameraGeometry best = cameras.getFirst();
    double bestCosine = Double.NEGATIVE_INFINITY;
    double[] direction = new double[3];
    double[] bestDirection = new double[3];
    double bestDistance = 0;
    for (CameraGeometry camera : cameras) {
      double distance = camera.directionTo(body.bodyToGlobal(), direction);
      double cosine =
          camera.rotation[2] * direction[0]
              + camera.rotation[5] * direction[1]
              + camera.rotation[8] * direction[2];
      if (cosine > bestCosine) {
        bestCosine = cosine;
        best = camera;
        bestDistance = distance;
        bestDirection = Arrays.copyOf(direction, 3);
      }
    }
    double radius = CameraRenderer.radius(body.mesh().positions());
    double margin = Math.max(bestDistance * bestDistance - radius * radius, 0.04 * radius * radius);
    double tangent = radius / Math.sqrt(margin);
    return best.lookingAlong(bestDirection, GRID, GRID / (2 * tangent));
  }

  private static boolean seen(
      int id, double[] point, List<Rendering> pictures, List<CameraGeometry> cameras) {
    double[] image = new double[2];
    for (int i = 0; i < pictures.size(); i++) {
      Rendering picture = pictures.get(i);
      if (cameras.get(i).project(point, image)) {
        // The four pixels around the point: at an outline the nearest may show the background.
        int column = (int) Math.floor(image[0] - 0.5);
        int row = (int) Math.floor(image[1] - 0.5);
        for (int j = 0; j < 4; j++) {
          if (shows(picture, column + j % 2, row + j / 2, id)) {
            return true;
          }
        }
      }
    }
    return false;
  }

  private static boolean shows(Rendering picture, int column, int row, int id) {
    return column >= 0
        && column < picture.width()
        && row >= 0
        && row < picture.height()
        && picture.ids()[row * picture.width() + column] == id;
  }
}
