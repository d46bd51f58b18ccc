package dev.bevel.nuscenes;

import dev.bevel.nuscenes.TableRecord.SampleData;
import java.util.ArrayList;
import java.util.List;

/**
 * Finds the files to aggregate, the way from each sensor's frame to the reference frame, and what
 * of each file stays.
 */
final class SweepChain {
  private SweepChain() {}

  /** One file of the cloud. */
  static final class Sweep {
    private final SampleData data;
    private final double[] toReference;
    private final float seconds;
    private final double closeRadius;

    /**
     * @param toReference sensor frame at the file's time → reference frame
     * @param seconds reference time less the file's
     * @param closeRadius points nearer than this along both x and y are dropped; 0 drops none
     */
    Sweep(SampleData data, Pose toReference, float seconds, double closeRadius) {
      this.data = data;
      this.toReference = toReference.matrix();
      this.seconds = seconds;
      this.closeRadius = closeRadius;
    }

    SampleData data() {
      return data;
    }

    float seconds() {
      return seconds;
    }

    boolean isClose(float x, float y) {
      return Math.abs(x) < closeRadius && Math.abs(y) < closeRadius;
    }

    /** Writes the moved point at {@code out[at..at+2]}. */
    void move(float x, float y, float z, float[] out, int at) {
      double[] m = toReference;
      out[at] = (float) (m[0] * x + m[1] * y + m[2] * z + m[3]);
      out[at + 1] = (float) (m[4] * x + m[5] * y + m[6] * z + m[7]);
      out[at + 2] = (float) (m[8] * x + m[9] * y + m[10] * z + m[11]);
    }

    /** Writes the turned ground-plane vector (x, y) at {@code out[at..at+1]}. */
    void turn(float x, float y, float[] out, int at) {
      double[] m = toReference;
      out[at] = (float) (m[0] * x + m[1] * y);
      out[at + 1] = (float) (m[4] * x + m[5] * y);
    }
  }

  /**
   * The key frame, then the sweeps before it, newest first, then padding.
   *
   * @param reference whose frame and time the points are brought to; may be {@code key}
   */
  static List<Sweep> of(NuScenes set, SampleData key, SampleData reference, SweepOptions options) {
    List<Sweep> sweeps = new ArrayList<>();
    boolean filterKey = options.closeFilter() == SweepOptions.CloseFilter.KEY_FRAME_AND_PREVIOUS;
    boolean filterPrevious = options.closeFilter() != SweepOptions.CloseFilter.NONE;
    sweeps.add(sweep(set, key, reference, filterKey ? options.closeRadius() : 0));
    double radius = filterPrevious ? options.closeRadius() : 0;
    SampleData at = key;
    while (sweeps.size() <= options.previous() && !at.prev().isEmpty()) {
      at = NuScenesTables.get(set.tables().sampleData(), "sample_data", at.prev());
      sweeps.add(sweep(set, at, reference, radius));
    }
    pad(sweeps, sweep(set, key, reference, radius), options);
    return sweeps;
  }

  private static void pad(List<Sweep> sweeps, Sweep filteredKey, SweepOptions options) {
    boolean alone = sweeps.size() == 1;
    boolean wanted =
        switch (options.padding()) {
          case NONE -> false;
          case KEY_FRAME_IF_NONE -> alone;
          case LAST_SWEEP -> true;
        };
    Sweep padding = alone ? filteredKey : sweeps.getLast();
    while (wanted && sweeps.size() <= options.previous()) {
      sweeps.add(padding);
    }
  }

  private static Sweep sweep(
      NuScenes set, SampleData data, SampleData reference, double closeRadius) {
    // The reference's own points stay as they are to the last bit.
    Pose toReference = data.equals(reference) ? Pose.IDENTITY : set.sensorToSensor(data, reference);
    float seconds = (float) ((reference.timestamp() - data.timestamp()) * 1e-6);
    return new Sweep(data, toReference, seconds, closeRadius);
  }
}
