package dev.bevel.torch.parity;

import java.nio.charset.StandardCharsets;

/** The two hash functions of the fixtures' formula. */
final class SplitMix {
  private static final long FNV_BASIS = 0xcbf29ce484222325L;
  private static final long FNV_PRIME = 0x100000001b3L;

  private SplitMix() {}

  /**
   * One output of splitmix64 (Steele et al., OOPSLA 2014) for the state {@code x}, increment
   * included.
   */
  static long mix(long x) {
    long z = x + 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  /** Element {@code index} of the stream {@code hash}, uniform in [−1, 1). */
  static double centred(long hash, long index) {
    return 2 * ((mix(hash + index) >>> 11) * 0x1p-53) - 1;
  }

  /** FNV-1a, 64 bits, of the text's UTF-8 bytes. */
  static long fnv1a(String text) {
    long hash = FNV_BASIS;
    for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
      hash = (hash ^ (b & 0xff)) * FNV_PRIME;
    }
    return hash;
  }
}
