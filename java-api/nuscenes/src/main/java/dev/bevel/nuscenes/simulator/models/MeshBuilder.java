package dev.bevel.nuscenes.simulator.models;

import dev.bevel.nuscenes.simulator.scene.Hash;
import dev.bevel.nuscenes.simulator.scene.Material;
import dev.bevel.nuscenes.simulator.scene.Mesh;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Puts a {@link Mesh} together from closed solids: x forward, y left, z up, metres. */
public final class MeshBuilder {
  private static final double GOLDEN_RATIO = 1.618033988749895;
  private static final double[][] ICOSAHEDRON = {
    {-1, GOLDEN_RATIO, 0}, {1, GOLDEN_RATIO, 0}, {-1, -GOLDEN_RATIO, 0}, {1, -GOLDEN_RATIO, 0},
    {0, -1, GOLDEN_RATIO}, {0, 1, GOLDEN_RATIO}, {0, -1, -GOLDEN_RATIO}, {0, 1, -GOLDEN_RATIO},
    {GOLDEN_RATIO, 0, -1}, {GOLDEN_RATIO, 0, 1}, {-GOLDEN_RATIO, 0, -1}, {-GOLDEN_RATIO, 0, 1}
  };
  private static final int[][] ICOSAHEDRON_FACES = icosahedronFaces();

  /** The materials of a solid with six sides. */
  public record Faces(
      Material front, Material rear, Material left, Material right, Material top, Material bottom) {
    public static Faces of(Material all) {
      return new Faces(all, all, all, all, all, all);
    }

    /** One material all around, another on top; the bottom is like the sides. */
    public static Faces of(Material sides, Material top) {
      return new Faces(sides, sides, sides, sides, top, sides);
    }
  }

  /** A horizontal rectangle. */
  record Slice(double rear, double front, double right, double left, double z) {
    /** A rectangle that is the same to both sides of the x axis. */
    static Slice of(double rear, double front, double halfWidth, double z) {
      return new Slice(rear, front, -halfWidth, halfWidth, z);
    }
  }

  private final List<double[]> vertices = new ArrayList<>();
  private final List<int[]> triangles = new ArrayList<>();
  private final List<Material> materials = new ArrayList<>();

  /** A box between two corners. */
  public MeshBuilder box(
      double x0, double y0, double z0, double x1, double y1, double z1, Faces faces) {
    return frustum(new Slice(x0, x1, y0, y1, z0), new Slice(x0, x1, y0, y1, z1), faces);
  }

  /** The solid between two horizontal rectangles, which may differ in size and place. */
  MeshBuilder frustum(Slice low, Slice high, Faces faces) {
    int base = vertices.size();
    for (Slice slice : List.of(low, high)) {
      vertices.add(new double[] {slice.rear, slice.right, slice.z});
      vertices.add(new double[] {slice.front, slice.right, slice.z});
      vertices.add(new double[] {slice.front, slice.left, slice.z});
      vertices.add(new double[] {slice.rear, slice.left, slice.z});
    }
    hexahedron(base, faces);
    return this;
  }

  /** A square beam from {@code a} to {@code b}. */
  MeshBuilder beam(double[] a, double[] b, double thickness, Material material) {
    double[] along = unit(b[0] - a[0], b[1] - a[1], b[2] - a[2]);
    double[] side =
        Math.abs(along[1]) < 0.9 ? unit(-along[2], 0, along[0]) : unit(along[1], -along[0], 0);
    double[] other = {
      along[1] * side[2] - along[2] * side[1],
      along[2] * side[0] - along[0] * side[2],
      along[0] * side[1] - along[1] * side[0]
    };
    int base = vertices.size();
    double h = thickness / 2;
    for (double[] end : List.of(a, b)) {
      for (int corner = 0; corner < 4; corner++) {
        double s = corner == 0 || corner == 3 ? -h : h;
        double t = corner < 2 ? -h : h;
        vertices.add(
            new double[] {
              end[0] + s * side[0] + t * other[0],
              end[1] + s * side[1] + t * other[1],
              end[2] + s * side[2] + t * other[2]
            });
      }
    }
    hexahedron(base, Faces.of(material));
    return this;
  }

  /**
   * A convex outline in the xz plane, drawn out along y.
   *
   * @param outline (x, z) pairs, counter-clockwise as seen from the right (x to the right, z up)
   * @param edges material of each edge of the outline
   */
  MeshBuilder extrusion(
      double[][] outline, double right, double left, Material sides, Material... edges) {
    int n = outline.length;
    int base = vertices.size();
    for (double y : new double[] {right, left}) {
      for (double[] point : outline) {
        vertices.add(new double[] {point[0], y, point[1]});
      }
    }
    for (int i = 0; i < n; i++) {
      int next = (i + 1) % n;
      quad(base + i, base + n + i, base + n + next, base + next, edges[i % edges.length]);
    }
    for (int i = 1; i + 1 < n; i++) {
      triangle(base, base + i, base + i + 1, sides);
      triangle(base + n, base + n + i + 1, base + n + i, sides);
    }
    return this;
  }

  /** A wheel: a disc in the xz plane, drawn out along y. */
  MeshBuilder wheel(
      double x,
      double z,
      double radius,
      double right,
      double left,
      int sides,
      Material tyre,
      Material disc) {
    double[][] outline = new double[sides][];
    for (int i = 0; i < sides; i++) {
      double angle = 2 * Math.PI * (i + 0.5) / sides;
      // The flat side stands on the ground: the outline's apothem is the radius.
      double reach = radius / StrictMath.cos(Math.PI / sides);
      outline[i] =
          new double[] {x + reach * StrictMath.cos(angle), z + reach * StrictMath.sin(angle)};
    }
    return extrusion(outline, right, left, disc, tyre);
  }

  /** A wheel with spokes too thin to see: a ring in the xz plane, drawn out along y. */
  MeshBuilder ring(
      double x, double z, double radius, double hole, double half, int sides, Material material) {
    int base = vertices.size();
    double reach = radius / StrictMath.cos(Math.PI / sides);
    for (int i = 0; i < sides; i++) {
      double angle = 2 * Math.PI * (i + 0.5) / sides;
      for (int corner = 0; corner < 4; corner++) {
        double r = corner == 0 || corner == 3 ? reach : hole;
        double y = corner < 2 ? -half : half;
        vertices.add(
            new double[] {x + r * StrictMath.cos(angle), y, z + r * StrictMath.sin(angle)});
      }
    }
    for (int i = 0; i < sides; i++) {
      int here = base + 4 * i;
      int next = base + 4 * ((i + 1) % sides);
      for (int corner = 0; corner < 4; corner++) {
        int other = (corner + 1) % 4;
        quad(here + corner, next + corner, next + other, here + other, material);
      }
    }
    return this;
  }

  /** An upright round column whose radius changes from the bottom to the top. */
  MeshBuilder column(
      double x,
      double y,
      double z0,
      double z1,
      double radius0,
      double radius1,
      int sides,
      Material side,
      Material ends) {
    int base = vertices.size();
    for (int ring = 0; ring < 2; ring++) {
      double radius = ring == 0 ? radius0 : radius1;
      for (int i = 0; i < sides; i++) {
        double angle = 2 * Math.PI * i / sides;
        vertices.add(
            new double[] {
              x + radius * StrictMath.cos(angle),
              y + radius * StrictMath.sin(angle),
              ring == 0 ? z0 : z1
            });
      }
    }
    for (int i = 0; i < sides; i++) {
      int next = (i + 1) % sides;
      quad(base + i, base + next, base + sides + next, base + sides + i, side);
    }
    for (int i = 1; i + 1 < sides; i++) {
      triangle(base, base + i + 1, base + i, ends);
      triangle(base + sides, base + sides + i, base + sides + i + 1, ends);
    }
    return this;
  }

  /** A faceted ellipsoid of 20 triangles. */
  MeshBuilder ellipsoid(
      double x, double y, double z, double rx, double ry, double rz, Material material) {
    return blob(x, y, z, rx, ry, rz, 0, 0, material);
  }

  /**
   * An ellipsoid of 20 triangles whose corners stand in or out a little.
   *
   * @param unevenness largest change of a corner's distance from the centre, 0–1
   */
  MeshBuilder blob(
      double x,
      double y,
      double z,
      double rx,
      double ry,
      double rz,
      double unevenness,
      long seed,
      Material material) {
    int base = vertices.size();
    double norm = Math.sqrt(1 + GOLDEN_RATIO * GOLDEN_RATIO);
    for (int i = 0; i < ICOSAHEDRON.length; i++) {
      double[] p = ICOSAHEDRON[i];
      double reach = (1 + unevenness * Hash.between(seed, i, -1, 1)) / norm;
      vertices.add(
          new double[] {x + rx * reach * p[0], y + ry * reach * p[1], z + rz * reach * p[2]});
    }
    for (int[] face : ICOSAHEDRON_FACES) {
      triangle(base + face[0], base + face[1], base + face[2], material);
    }
    return this;
  }

  /** The mesh, stretched along each axis so that its bounding box is the given one, centred. */
  public Mesh fit(double width, double length, double height) {
    double[] size = {length, width, height};
    double[] low = vertices.getFirst().clone();
    double[] high = low.clone();
    for (double[] vertex : vertices) {
      for (int axis = 0; axis < 3; axis++) {
        low[axis] = Math.min(low[axis], vertex[axis]);
        high[axis] = Math.max(high[axis], vertex[axis]);
      }
    }
    float[] positions = new float[3 * vertices.size()];
    for (int i = 0; i < vertices.size(); i++) {
      for (int axis = 0; axis < 3; axis++) {
        double share = (vertices.get(i)[axis] - low[axis]) / (high[axis] - low[axis]);
        positions[3 * i + axis] = (float) ((share - 0.5) * size[axis]);
      }
    }
    int[] corners = triangles.stream().flatMapToInt(Arrays::stream).toArray();
    return new Mesh(positions, corners, materials.toArray(Material[]::new));
  }

  /** Vertices 0–3 go around one face and 4–7 around the opposite one, in step. */
  private void hexahedron(int b, Faces faces) {
    quad(b, b + 3, b + 2, b + 1, faces.bottom);
    quad(b + 4, b + 5, b + 6, b + 7, faces.top);
    quad(b, b + 1, b + 5, b + 4, faces.right);
    quad(b + 1, b + 2, b + 6, b + 5, faces.front);
    quad(b + 2, b + 3, b + 7, b + 6, faces.left);
    quad(b + 3, b, b + 4, b + 7, faces.rear);
  }

  private void quad(int a, int b, int c, int d, Material material) {
    triangle(a, b, c, material);
    triangle(a, c, d, material);
  }

  private void triangle(int a, int b, int c, Material material) {
    triangles.add(new int[] {a, b, c});
    materials.add(material);
  }

  /** All triples of corners one edge (length 2) apart, each turned outwards. */
  private static int[][] icosahedronFaces() {
    List<int[]> faces = new ArrayList<>();
    for (int a = 0; a < 12; a++) {
      for (int b = a + 1; b < 12; b++) {
        for (int c = b + 1; c < 12; c++) {
          if (adjacent(a, b) && adjacent(b, c) && adjacent(a, c)) {
            faces.add(determinant(a, b, c) > 0 ? new int[] {a, b, c} : new int[] {a, c, b});
          }
        }
      }
    }
    return faces.toArray(int[][]::new);
  }

  private static boolean adjacent(int a, int b) {
    double squared = 0;
    for (int axis = 0; axis < 3; axis++) {
      double d = ICOSAHEDRON[a][axis] - ICOSAHEDRON[b][axis];
      squared += d * d;
    }
    return squared < 4.5;
  }

  private static double determinant(int i, int j, int k) {
    double[] a = ICOSAHEDRON[i];
    double[] b = ICOSAHEDRON[j];
    double[] c = ICOSAHEDRON[k];
    return a[0] * (b[1] * c[2] - b[2] * c[1])
        + a[1] * (b[2] * c[0] - b[0] * c[2])
        + a[2] * (b[0] * c[1] - b[1] * c[0]);
  }

  private static double[] unit(double x, double y, double z) {
    double norm = Math.sqrt(x * x + y * y + z * z);
    return new double[] {x / norm, y / norm, z / norm};
  }
}
