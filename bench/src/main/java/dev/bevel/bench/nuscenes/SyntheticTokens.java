package dev.bevel.bench.nuscenes;

import java.util.HexFormat;

/**
 * Tokens of 32 hexadecimal digits that a record's table and number give, so that links need no
 * look-up.
 */
record SyntheticTokens(long seed) {
  /** The token of a record. */
  String of(String table, long number) {
    long low = mix(seed ^ mix(table.hashCode() + (number << 32)));
    long high = mix(low ^ number);
    HexFormat hex = HexFormat.of();
    return hex.toHexDigits(high) + hex.toHexDigits(low);
  }

  /** The finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014), a bijection. */
  private static long mix(long value) {
    long z = value + 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
