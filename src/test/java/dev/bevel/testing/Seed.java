package dev.bevel.testing;

import java.util.Locale;
import java.util.Random;

/**
 * Random numbers of a test: the same on every run, another series with {@code -Dbevel.test.seed=N};
 * the seed is printed.
 */
public final class Seed {
  private static final long DEFAULT = 20260101;

  private Seed() {}

  /** A generator for one test class; prints its seed. */
  public static Random random(Class<?> testClass) {
    long seed = Long.getLong("bevel.test.seed", DEFAULT);
    System.out.printf(
        Locale.ROOT,
        "%s: seed %d (another one: -Dbevel.test.seed=N)%n",
        testClass.getSimpleName(),
        seed);
    return new Random(seed);
  }
}
