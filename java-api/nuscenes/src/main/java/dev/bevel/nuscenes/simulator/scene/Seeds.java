package dev.bevel.nuscenes.simulator.scene;

import java.util.SplittableRandom;

/**
 * Random numbers: one independent stream for each purpose, all from one seed, so that the order in
 * which things are made, and by which thread, changes nothing.
 */
public final class Seeds {
  private static final long GOLDEN = 0x9e3779b97f4a7c15L;

  private Seeds() {}

  /** A new seed from a seed, a purpose and numbers: FNV-1a of the text, then splitmix64 steps. */
  public static long mix(long seed, String purpose, long... numbers) {
    long hash = 0xcbf29ce484222325L;
    for (int i = 0; i < purpose.length(); i++) {
      hash = (hash ^ purpose.charAt(i)) * 0x100000001b3L;
    }
    long mixed = finish(seed + GOLDEN) ^ finish(hash);
    for (long number : numbers) {
      mixed = finish(mixed + GOLDEN * (number + 1));
    }
    return finish(mixed);
  }

  private static long finish(long z) {
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  public static SplittableRandom random(long seed, String purpose, long... numbers) {
    return new SplittableRandom(mix(seed, purpose, numbers));
  }

  /** Uniform in [low, high). */
  public static double between(SplittableRandom random, double low, double high) {
    return low + (high - low) * random.nextDouble();
  }

  /** Normal, but never further than two standard deviations from the mean. */
  public static double near(SplittableRandom random, double mean, double deviation) {
    double radius = StrictMath.sqrt(-2 * StrictMath.log(1 - random.nextDouble()));
    double normal = radius * StrictMath.cos(2 * StrictMath.PI * random.nextDouble());
    return mean + deviation * Math.clamp(normal, -2, 2);
  }

  public static boolean chance(SplittableRandom random, double probability) {
    return random.nextDouble() < probability;
  }
}
