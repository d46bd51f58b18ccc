package dev.bevel.nuscenes;

import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.TableRecord.SampleData;
import java.util.Arrays;
import java.util.List;

/**
 * A key frame's LiDAR points together with those of the sweeps before it, motion compensated: every
 * sweep goes through its own ego pose to the LIDAR_TOP frame at the key frame's time. Holds 6
 * float32 a point: x, y, z (metres), intensity, ring index, time lag (seconds before the key frame,
 * 0 for its own points). Matrices are multiplied in double.
 */
public final class LidarSweeps {
  /** Floats per point. */
  public static final int STRIDE = 6;

  private final int sweeps;
  private final float[] data;

  private LidarSweeps(int sweeps, float[] data) {
    this.sweeps = sweeps;
    this.data = data;
  }

  /**
   * Reads and aggregates. The key frame's points come first, then those of the sweeps, newest sweep
   * first, each in file order. Follows {@code prev} of {@code sample_data} and ends early at the
   * start of the scene.
   *
   * @throws NuScenesException if the sample has no LIDAR_TOP key frame, or a file is missing or
   *     damaged
   */
  public static LidarSweeps read(NuScenes set, Sample sample, SweepOptions options) {
    SampleData key = set.keyFrame(sample, DetectionSample.LIDAR_CHANNEL);
    List<SweepChain.Sweep> chain = SweepChain.of(set, key, key, options);
    float[] data = {};
    int length = 0;
    SampleData file = key;
    LidarPoints points = LidarPoints.read(set.path(key));
    for (SweepChain.Sweep sweep : chain) {
      if (!sweep.data().equals(file)) { // padding repeats a file
        file = sweep.data();
        points = LidarPoints.read(set.path(file));
      }
      data = Arrays.copyOf(data, length + points.count() * STRIDE);
      length = add(sweep, points, data, length);
    }
    return new LidarSweeps(chain.size(), Arrays.copyOf(data, length));
  }

  private static int add(SweepChain.Sweep sweep, LidarPoints points, float[] data, int start) {
    int at = start;
    for (int i = 0; i < points.count(); i++) {
      if (!sweep.isClose(points.x(i), points.y(i))) {
        sweep.move(points.x(i), points.y(i), points.z(i), data, at);
        data[at + 3] = points.intensity(i);
        data[at + 4] = points.ring(i);
        data[at + 5] = sweep.seconds();
        at += STRIDE;
      }
    }
    return at;
  }

  /** How many sweeps the points are of, the key frame and padding included. */
  public int sweeps() {
    return sweeps;
  }

  public int count() {
    return data.length / STRIDE;
  }

  public float x(int i) {
    return data[i * STRIDE];
  }

  public float y(int i) {
    return data[i * STRIDE + 1];
  }

  public float z(int i) {
    return data[i * STRIDE + 2];
  }

  public float intensity(int i) {
    return data[i * STRIDE + 3];
  }

  public float ring(int i) {
    return data[i * STRIDE + 4];
  }

  /** Seconds from the point's sweep to the key frame. */
  public float timeLag(int i) {
    return data[i * STRIDE + 5];
  }

  /** A copy of all numbers, {@code [count, 6]}. */
  public float[] toArray() {
    return data.clone();
  }
}
