package dev.bevel.nuscenes.simulator.sensors;

import dev.bevel.nuscenes.LidarPoints;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.simulator.scene.GroundKind;
import dev.bevel.nuscenes.simulator.scene.GroundMap;
import dev.bevel.nuscenes.simulator.scene.Hash;
import dev.bevel.nuscenes.simulator.scene.Material;
import dev.bevel.nuscenes.simulator.scene.Mesh;
import dev.bevel.nuscenes.simulator.scene.Placement;
import dev.bevel.nuscenes.simulator.scene.Snapshot;
import java.util.Arrays;

/**
 * A turn of a 32-beam LiDAR. The elevation angles are those of nuScenes' Velodyne HDL-32E: ring 0
 * points 30 2/3° down, and each further ring 4/3° higher. The turn starts on the left, goes through
 * forward, right and back, and has {@value #COLUMNS} firings; all is seen at one moment, as in a
 * sweep whose motion was compensated. Points come firing by firing, ring 0 first, as in nuScenes'
 * files; rays without a return are left out.
 *
 * <p>The work is divided so: bodies are taken one after the other ({@link #body}), each of their
 * triangles finds the firings it spans and, for each, the beams between its edges ({@link
 * #triangle}); whatever hit is nearest stays. Rays that met nothing try the ground ({@link
 * #ground}). Last, each hit is measured ({@link #measure}): lost or not, range noise, intensity.
 *
 * <p>A ray's direction is (cos azimuth, sin azimuth, tan elevation), so the hit's parameter is its
 * horizontal distance.
 */
public final class LidarScanner {
  /** Beams. */
  static final int RINGS = 32;

  /** Firings a turn. */
  static final int COLUMNS = 1084;

  /** Nothing is seen beyond, metres. */
  static final double MAX_RANGE = 100;

  /** Standard deviation of the measured range, metres; no error exceeds 3.5 of it. */
  static final double RANGE_NOISE = 0.02;

  /**
   * Return strength that is still measured at the full range. With it asphalt is lost between 25 m
   * and 45 m, as in a real sweep.
   */
  private static final double FULL_RANGE_RETURN = 0.12;

  /** Above this reflectivity a surface throws light back to the sensor: intensities 100–255. */
  private static final double RETROREFLECTOR = 0.85;

  private static final double[] TANGENT = new double[RINGS];
  private static final double[] COSINE = new double[COLUMNS];
  private static final double[] SINE = new double[COLUMNS];

  static {
    for (int ring = 0; ring < RINGS; ring++) {
      TANGENT[ring] = StrictMath.tan(elevation(ring));
    }
    for (int column = 0; column < COLUMNS; column++) {
      COSINE[column] = StrictMath.cos(azimuth(column));
      SINE[column] = StrictMath.sin(azimuth(column));
    }
  }

  private static final ThreadLocal<LidarScanner> SCRATCH =
      ThreadLocal.withInitial(LidarScanner::new);

  private final double[] distance = new double[COLUMNS * RINGS];
  private final float[] cosine = new float[COLUMNS * RINGS];
  private final Material[] material = new Material[COLUMNS * RINGS];
  private final float[] points = new float[COLUMNS * RINGS * LidarPoints.STRIDE];
  private double[] p = new double[1024];

  /** For each edge of the triangle at hand, the plane through it and the sensor. */
  private final double[] edge = new double[9];

  private LidarScanner() {}

  /** Elevation of a beam, radians. */
  static double elevation(int ring) {
    return (-92.0 / 3 + ring * (4.0 / 3)) * Math.PI / 180;
  }

  /** Azimuth of a firing, radians counter-clockwise from the sensor's x axis. */
  static double azimuth(int column) {
    return Math.PI - 2 * Math.PI * (column + 0.5) / COLUMNS;
  }

  /**
   * Scans a snapshot.
   *
   * @param lidarToGlobal sensor frame (x right, y forward, z up) → global frame
   * @return points in the sensor frame with intensity 0–255 and ring
   */
  public static LidarPoints scan(Snapshot snapshot, Pose lidarToGlobal, long noiseSeed) {
    return SCRATCH.get().turn(snapshot, lidarToGlobal, noiseSeed);
  }

  private LidarPoints turn(Snapshot snapshot, Pose lidarToGlobal, long noiseSeed) {
    Arrays.fill(distance, Double.POSITIVE_INFINITY);
    Arrays.fill(material, null);
    Pose globalToLidar = lidarToGlobal.inverse();
    for (Placement placement : snapshot.bodies()) {
      body(placement, globalToLidar.compose(placement.bodyToGlobal()).matrix());
    }
    double[] toGlobal = lidarToGlobal.matrix();
    int count = 0;
    for (int ray = 0; ray < COLUMNS * RINGS; ray++) {
      int column = ray / RINGS;
      int ring = ray % RINGS;
      double reflectivity = ground(column, ring, toGlobal, snapshot.ground());
      if (distance[ray] < Double.POSITIVE_INFINITY
          && measure(column, ring, reflectivity, noiseSeed, count)) {
        count++;
      }
    }
    return LidarPoints.of(Arrays.copyOf(points, count * LidarPoints.STRIDE));
  }

  private void body(Placement placement, double[] toLidar) {
    Mesh mesh = placement.mesh();
    float[] positions = mesh.positions();
    double x = toLidar[3];
    double y = toLidar[7];
    double z = toLidar[11];
    if (Math.sqrt(x * x + y * y + z * z) - CameraRenderer.radius(positions) > MAX_RANGE) {
      return;
    }
    if (p.length < positions.length) {
      p = new double[2 * positions.length];
    }
    CameraRenderer.transform(positions, toLidar, p);
    int[] t = mesh.triangles();
    for (int i = 0; i < mesh.materials().length; i++) {
      triangle(3 * t[3 * i], 3 * t[3 * i + 1], 3 * t[3 * i + 2], mesh.materials()[i]);
    }
  }

  /** Finds the rays that hit a triangle from outside. */
  private void triangle(int a, int b, int c, Material of) {
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
      return;
    }
    double norm = Math.sqrt(nx * nx + ny * ny + nz * nz);
    edgePlane(0, a, b);
    edgePlane(3, b, c);
    edgePlane(6, c, a);
    double middle = turnOf(p[a], p[a + 1]);
    double toB = shortest(turnOf(p[b], p[b + 1]) - middle);
    double toC = shortest(turnOf(p[c], p[c + 1]) - middle);
    double low = Math.min(0, Math.min(toB, toC));
    double high = Math.max(0, Math.max(toB, toC));
    // A triangle above or below the sensor spans all azimuths.
    boolean allAround = high - low > 0.49;
    int first = allAround ? 0 : (int) Math.floor((middle + low) * COLUMNS - 1.5);
    int end = allAround ? COLUMNS : (int) Math.ceil((middle + high) * COLUMNS + 1.5);
    for (int i = first; i < end; i++) {
      int column = Math.floorMod(i, COLUMNS);
      firing(column, of, d, nx * COSINE[column] + ny * SINE[column], nz, norm);
    }
  }

  /**
   * The beams of one firing that hit the triangle at hand. With T the tangent of the elevation, a
   * ray lies inside an edge where {@code p + q T ≥ 0}, so three edges leave an interval of T.
   */
  private void firing(int column, Material of, double d, double across, double nz, double norm) {
    double low = TANGENT[0];
    double high = TANGENT[RINGS - 1];
    for (int i = 0; i < 9; i += 3) {
      double atZero = edge[i] * COSINE[column] + edge[i + 1] * SINE[column];
      double slope = edge[i + 2];
      if (slope > 0) {
        low = Math.max(low, -atZero / slope);
      } else if (slope < 0) {
        high = Math.min(high, -atZero / slope);
      } else if (atZero < 0) {
        return;
      }
    }
    if (low > high) {
      return;
    }
    int ring = Arrays.binarySearch(TANGENT, low);
    for (ring = ring < 0 ? -ring - 1 : ring; ring < RINGS && TANGENT[ring] <= high; ring++) {
      double towards = across + nz * TANGENT[ring];
      double at = d / towards;
      int ray = column * RINGS + ring;
      if (at > 0 && at < distance[ray]) {
        distance[ray] = at;
        material[ray] = of;
        cosine[ray] = (float) (-towards / (norm * Math.sqrt(1 + TANGENT[ring] * TANGENT[ring])));
      }
    }
  }

  private void edgePlane(int at, int from, int to) {
    edge[at] = p[from + 2] * p[to + 1] - p[from + 1] * p[to + 2];
    edge[at + 1] = p[from] * p[to + 2] - p[from + 2] * p[to];
    edge[at + 2] = p[from + 1] * p[to] - p[from] * p[to + 1];
  }

  /**
   * Lets a ray meet the ground plane if that is nearer than what it met so far.
   *
   * @return the reflectivity of what the ray meets in the end
   */
  private double ground(int column, int ring, double[] m, GroundMap map) {
    int ray = column * RINGS + ring;
    double down = m[8] * COSINE[column] + m[9] * SINE[column] + m[10] * TANGENT[ring];
    double at = -m[11] / down;
    if (!(at > 0 && at < distance[ray])) {
      return material[ray] == null ? 0 : material[ray].reflectivity();
    }
    double x = at * COSINE[column];
    double y = at * SINE[column];
    double z = at * TANGENT[ring];
    double length = Math.sqrt(1 + TANGENT[ring] * TANGENT[ring]);
    if (at * length > MAX_RANGE) {
      return 0;
    }
    distance[ray] = at;
    cosine[ray] = (float) (Math.abs(down) / length);
    return reflectivity(
        map.at(m[0] * x + m[1] * y + m[2] * z + m[3], m[4] * x + m[5] * y + m[6] * z + m[7]));
  }

  /** Writes the point of a hit; false if the return is lost. */
  private boolean measure(int column, int ring, double reflectivity, long seed, int count) {
    int ray = column * RINGS + ring;
    double length = Math.sqrt(1 + TANGENT[ring] * TANGENT[ring]);
    double range = distance[ray] * length;
    long noise = Hash.bits(seed, ray);
    // Light comes back from rough ground even at grazing angles, so less than the cosine is lost.
    double back = reflectivity * Math.sqrt(cosine[ray]);
    double reach = MAX_RANGE * Math.sqrt(Math.min(1, back / FULL_RANGE_RETURN));
    double ratio = range / reach;
    double lost = 0.01 + ratio * ratio * ratio * ratio;
    if (range > MAX_RANGE || range < 0.5 || (noise & 0xffff) * 0x1p-16 < lost) {
      return false;
    }
    long spread = Hash.bits(seed, ray + (long) COLUMNS * RINGS);
    double sum = 0;
    for (int i = 0; i < 4; i++) {
      sum += (spread >>> (16 * i) & 0xffff) * 0x1p-16 - 0.5;
    }
    // Four uniform numbers have the variance 1/3.
    double measured = (range + RANGE_NOISE * 1.7320508 * sum) / length;
    double flicker = 0.85 + 0.3 * ((noise >>> 16 & 0xffff) * 0x1p-16);
    double intensity =
        reflectivity > RETROREFLECTOR
            ? 100 + 155 * (reflectivity - RETROREFLECTOR) / (1 - RETROREFLECTOR) * flicker
            : 100 * reflectivity * (0.4 + 0.6 * cosine[ray]) * flicker;
    int at = count * LidarPoints.STRIDE;
    points[at] = (float) (measured * COSINE[column]);
    points[at + 1] = (float) (measured * SINE[column]);
    points[at + 2] = (float) (measured * TANGENT[ring]);
    points[at + 3] = (float) Math.rint(Math.clamp(intensity, 0, 255));
    points[at + 4] = ring;
    return true;
  }

  private static double reflectivity(GroundKind kind) {
    return switch (kind) {
      case ROAD -> 0.1;
      case CAR_PARK -> 0.13;
      case WHITE_PAINT, CROSSING_STRIPE -> 0.6;
      case YELLOW_PAINT -> 0.45;
      case KERB -> 0.3;
      case SIDEWALK -> 0.22;
      case GRASS -> 0.35;
    };
  }

  /**
   * The share of a turn, from the left and clockwise, at which a direction lies; to 0.0003 turns, a
   * third of a firing, since it only bounds a search.
   */
  private static double turnOf(double x, double y) {
    double ax = Math.abs(x);
    double ay = Math.abs(y);
    double t = Math.min(ax, ay) / Math.max(Math.max(ax, ay), 1e-12);
    // atan t on [0, 1], largest error 0.0015 rad (Rajan et al., IEEE Signal Processing 2006).
    double angle = Math.PI / 4 * t - t * (t - 1) * (0.2447 + 0.0663 * t);
    angle = ay > ax ? Math.PI / 2 - angle : angle;
    angle = x < 0 ? Math.PI - angle : angle;
    angle = y < 0 ? -angle : angle;
    return 0.5 - angle / (2 * Math.PI);
  }

  /** The same difference of turns in [−0.5, 0.5]. */
  private static double shortest(double turns) {
    return turns - Math.rint(turns);
  }
}
