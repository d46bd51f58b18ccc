package dev.bevel.nuscenes.simulator.scene;

/**
 * Counter-based noise: the value at an index follows from the index and the seed alone, so pixels
 * and rays may be computed in any order. The mixing function is SplitMix64's (Steele, Lea and
 * Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
 */
public final class Hash {
  private static final long GOLDEN = 0x9e3779b97f4a7c15L;

  private Hash() {}

  /** 64 mixed bits of the {@code index}-th draw of the stream {@code seed}. */
  public static long bits(long seed, long index) {
    long z = seed + (index + 1) * GOLDEN;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  /** A number in [0, 1) of 24 bits. */
  public static double unit(long seed, long index) {
    return (bits(seed, index) >>> 40) * 0x1p-24;
  }

  /** A number in [low, high). */
  public static double between(long seed, long index, double low, double high) {
    return low + (high - low) * unit(seed, index);
  }
}
