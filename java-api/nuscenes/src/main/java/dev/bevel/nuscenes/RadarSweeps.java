package dev.bevel.nuscenes;

import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.TableRecord.SampleData;
import java.util.Arrays;
import java.util.List;

/**
 * The returns of one or more radars in a key frame and the sweeps before it, motion compensated
 * into the LIDAR_TOP frame at the key frame's time, each sweep through its own ego pose. Holds 19
 * float32 a return: the 18 of {@link RadarField}, then the time lag in seconds (below 0 where a
 * radar's key frame is later than the LiDAR's). Matrices are multiplied in double.
 */
public final class RadarSweeps {
  /** Floats per return. */
  public static final int STRIDE = RadarField.COUNT + 1;

  private static final int VX = RadarField.VX.column();
  private static final int VX_COMP = RadarField.VX_COMP.column();

  private final float[] data;

  private RadarSweeps(float[] data) {
    this.data = data;
  }

  /** The frame of the two velocities of a return. */
  public enum Velocities {
    /** Turned into the LIDAR_TOP frame like the position: BEVFusion. */
    LIDAR_FRAME,
    /** As measured, along the axes of the radar: the nuScenes devkit. */
    RADAR_FRAME
  }

  /**
   * Reads and aggregates, radar by radar; of each radar the key frame first, then its sweeps,
   * newest first.
   *
   * @param channels for example {@link RadarPoints#CHANNELS}
   * @param filter which returns to keep, for example {@link RadarFilter#DEVKIT}
   * @throws NuScenesException if the sample has no key frame of a channel or of LIDAR_TOP, or a
   *     file is missing or damaged
   */
  public static RadarSweeps read(
      NuScenes set,
      Sample sample,
      List<String> channels,
      SweepOptions options,
      RadarFilter filter,
      Velocities velocities) {
    SampleData reference = set.keyFrame(sample, DetectionSample.LIDAR_CHANNEL);
    float[] data = {};
    int length = 0;
    for (String channel : channels) {
      SampleData key = set.keyFrame(sample, channel);
      for (SweepChain.Sweep sweep : SweepChain.of(set, key, reference, options)) {
        RadarPoints points = RadarPoints.read(set.path(sweep.data())).filtered(filter);
        data = Arrays.copyOf(data, length + points.count() * STRIDE);
        length = add(sweep, points, velocities, data, length);
      }
    }
    return new RadarSweeps(Arrays.copyOf(data, length));
  }

  private static int add(
      SweepChain.Sweep sweep, RadarPoints points, Velocities velocities, float[] data, int start) {
    int at = start;
    for (int i = 0; i < points.count(); i++) {
      if (sweep.isClose(points.x(i), points.y(i))) {
        continue;
      }
      for (RadarField field : RadarField.values()) {
        data[at + field.column()] = points.get(i, field);
      }
      sweep.move(points.x(i), points.y(i), points.z(i), data, at);
      if (velocities == Velocities.LIDAR_FRAME) {
        sweep.turn(data[at + VX], data[at + VX + 1], data, at + VX);
        sweep.turn(data[at + VX_COMP], data[at + VX_COMP + 1], data, at + VX_COMP);
      }
      data[at + RadarField.COUNT] = sweep.seconds();
      at += STRIDE;
    }
    return at;
  }

  public int count() {
    return data.length / STRIDE;
  }

  /** One number of a return; positions are in the LIDAR_TOP frame. */
  public float get(int i, RadarField field) {
    return data[i * STRIDE + field.column()];
  }

  /** Seconds from the return's sweep to the key frame. */
  public float timeLag(int i) {
    return data[i * STRIDE + RadarField.COUNT];
  }

  /** A copy of all numbers, {@code [count, 19]}. */
  public float[] toArray() {
    return data.clone();
  }
}
