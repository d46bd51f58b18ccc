package dev.bevel.nuscenes.simulator.scene;

import java.util.Locale;

/**
 * A rigid body of triangles in its own frame: x forward, y left, z up, origin at the gravity centre
 * of its annotated box. What the cameras draw and the LiDAR hits is this same mesh. Not to be
 * changed after it is made.
 *
 * @param positions {@code [vertices, 3]}, metres
 * @param triangles {@code [triangles, 3]} vertex indices, counter-clockwise as seen from outside
 * @param materials one for each triangle
 */
@SuppressWarnings("ArrayRecordComponent") // never compared; copied nowhere for speed
public record Mesh(float[] positions, int[] triangles, Material[] materials) {
  public Mesh {
    if (positions.length % 3 != 0 || triangles.length != 3 * materials.length) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "mesh of %d coordinates, %d corners and %d materials does not fit together",
              positions.length,
              triangles.length,
              materials.length));
    }
  }
}
