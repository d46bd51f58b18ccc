package dev.bevel.bench.nuscenes;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A made-up scene: a drive with the times of its samples, and the objects around it.
 *
 * @param index in the data set
 * @param start time of the first sample, microseconds
 */
record SyntheticScene(
    int index, long start, int samples, EgoPath path, List<SyntheticObject> objects) {
  /** Key frames are annotated at 2 Hz. */
  static final double SECONDS_A_SAMPLE = 0.5;

  private static final long MICROSECONDS_A_SAMPLE = 500_000;
  private static final long FIRST_START = 1_532_402_927_647_951L;
  private static final long BETWEEN_STARTS = 60_000_000;

  static SyntheticScene random(SyntheticSize size, int index, SplittableRandom random) {
    int samples = size.ofScene(size.samples(), index);
    EgoPath path = EgoPath.random(random);
    double[] weights = new double[size.ofScene(size.instances(), index)];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = random.nextDouble(0.3, 1.7);
    }
    int[] lengths = SyntheticSize.apportion(size.ofScene(size.annotations(), index), weights);
    List<SyntheticObject> objects = new ArrayList<>(lengths.length);
    for (int length : lengths) {
      objects.add(SyntheticObject.random(random, path, samples, length));
    }
    long start = FIRST_START + BETWEEN_STARTS * index;
    return new SyntheticScene(index, start, samples, path, List.copyOf(objects));
  }

  /**
   * The time of a sample, or of a moment between two, in microseconds.
   *
   * @param sample number in the scene
   */
  long time(double sample) {
    return start + StrictMath.round(sample * MICROSECONDS_A_SAMPLE);
  }

  /** Seconds since the scene's begin. */
  double seconds(long time) {
    return (time - start) * 1e-6;
  }
}
