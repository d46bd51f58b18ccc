package dev.bevel.bench.nuscenes;

import dev.bevel.bench.BenchmarkOptions.InvalidChoiceException;

/**
 * How many records a made-up data set has. The full sizes are the published counts of nuScenes
 * v1.0; its val split's sensor files, objects and drives are counted in proportion to its samples.
 *
 * @param scenes at least 1
 * @param samples key frames, 40 or 41 a scene
 * @param sampleData sensor files with their sweeps, and as many ego poses
 * @param annotations boxes
 * @param instances objects followed
 * @param logs drives
 */
public record SyntheticSize(
    int scenes, int samples, int sampleData, int annotations, int instances, int logs) {
  private static final SyntheticSize TRAINVAL =
      new SyntheticSize(850, 34_149, 2_631_083, 1_166_187, 64_386, 68);
  private static final SyntheticSize VAL =
      new SyntheticSize(150, 6_019, 463_747, 187_528, 10_354, 12);

  /** All of v1.0-trainval, or a fraction of its scenes. */
  public static SyntheticSize trainval(double fraction) {
    return TRAINVAL.scaled(fraction);
  }

  /** The val split, or a fraction of its scenes. */
  public static SyntheticSize val(double fraction) {
    return VAL.scaled(fraction);
  }

  private SyntheticSize scaled(double fraction) {
    if (!(fraction > 0 && fraction <= 1)) {
      throw new InvalidChoiceException(
          "size must be greater than 0 and at most 1, got " + fraction);
    }
    int few = (int) Math.max(1, Math.round(scenes * fraction));
    return new SyntheticSize(
        few,
        part(samples, few),
        part(sampleData, few),
        part(annotations, few),
        part(instances, few),
        Math.max(1, part(logs, few)));
  }

  /** Of a total over all scenes, the part of the first few. */
  private int part(int total, int few) {
    return (int) ((long) total * few / scenes);
  }

  /** Of a total over all scenes, the part of one scene; the parts add up to the total. */
  int ofScene(int total, int scene) {
    return part(total, scene + 1) - part(total, scene);
  }

  /** A total in parts of given weights that add up to the total. */
  static int[] apportion(int total, double[] weights) {
    double sum = 0;
    for (double weight : weights) {
      sum += weight;
    }
    int[] parts = new int[weights.length];
    double upTo = 0;
    int given = 0;
    for (int i = 0; i < parts.length; i++) {
      upTo += weights[i];
      int end = i == parts.length - 1 ? total : (int) Math.round(total * (upTo / sum));
      parts[i] = end - given;
      given = end;
    }
    return parts;
  }
}
