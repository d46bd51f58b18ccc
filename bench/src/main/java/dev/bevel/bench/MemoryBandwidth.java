package dev.bevel.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;

/**
 * Rates of this machine's DRAM.
 *
 * @param read bytes a second of reading
 * @param copy bytes read plus bytes written a second, of copying with stores that bypass the caches
 */
public record MemoryBandwidth(double read, double copy) {
  /** Far beyond any last-level cache that has been built into a CPU core's share. */
  private static final long BYTES = 256L << 20;

  private static final Timing.Budget BUDGET = new Timing.Budget(4, 12, 0.4);

  /**
   * Measures with this many threads, by the best of several passes over 256 MiB.
   *
   * @param threads 1 or more
   */
  public static MemoryBandwidth measure(int threads) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment from = arena.allocate(BYTES, 64);
      for (long word = 0; word < BYTES / 8; word++) {
        from.setAtIndex(ValueLayout.JAVA_LONG, word, 1);
      }
      MemorySegment to = arena.allocate(BYTES, 64);
      Timing copy = Timing.measure(BUDGET, () -> PeerLibrary.copy(to, from, threads));
      long[] sum = new long[1];
      Timing read = Timing.measure(BUDGET, () -> sum[0] = PeerLibrary.read(from, threads));
      long expected = BYTES / 8;
      if (sum[0] != expected || to.mismatch(from) >= 0) {
        throw new VerificationException(
            String.format(
                Locale.ROOT,
                "memory bandwidth: sum of what was read must be %d, got %d; first byte that was not copied: %d",
                expected,
                sum[0],
                to.mismatch(from)));
      }
      return new MemoryBandwidth(BYTES / (read.minMs() * 1e-3), 2 * BYTES / (copy.minMs() * 1e-3));
    }
  }
}
