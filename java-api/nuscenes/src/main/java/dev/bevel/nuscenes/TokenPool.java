package dev.bevel.nuscenes;

/**
 * Keeps one copy of each token of all tables: a token stands in up to five records. Safe for use by
 * several threads.
 */
final class TokenPool {
  private static final int STRIPES = 64;

  private final Stripe[] stripes = new Stripe[STRIPES];

  TokenPool() {
    for (int i = 0; i < STRIPES; i++) {
      stripes[i] = new Stripe();
    }
  }

  /** The one copy of a string that was equal to these characters. */
  String get(char[] text, int length) {
    int hash = 0;
    for (int i = 0; i < length; i++) {
      hash = 31 * hash + text[i];
    }
    hash = TokenTable.spread(hash);
    Stripe stripe = stripes[hash >>> 26];
    synchronized (stripe) {
      return stripe.get(text, length, hash);
    }
  }

  /** The one copy of a string. */
  String get(String text) {
    return get(text.toCharArray(), text.length());
  }

  /** An open hash table, at most half full. */
  private static final class Stripe {
    private String[] tokens = new String[64];
    private int[] hashes = new int[64];
    private int size;

    String get(char[] text, int length, int hash) {
      int mask = tokens.length - 1;
      int slot = hash & mask;
      // What finds no place nearby is not shared: tokens made to collide cost no time.
      for (int probe = 0; probe < TokenTable.MAX_PROBES; probe++, slot = (slot + 1) & mask) {
        String there = tokens[slot];
        if (there == null) {
          String added = new String(text, 0, length);
          tokens[slot] = added;
          hashes[slot] = hash;
          if (++size * 2 > tokens.length) {
            grow();
          }
          return added;
        }
        if (hashes[slot] == hash && equal(there, text, length)) {
          return there;
        }
      }
      return new String(text, 0, length);
    }

    private static boolean equal(String token, char[] text, int length) {
      if (token.length() != length) {
        return false;
      }
      for (int i = 0; i < length; i++) {
        if (token.charAt(i) != text[i]) {
          return false;
        }
      }
      return true;
    }

    private void grow() {
      String[] oldTokens = tokens;
      int[] oldHashes = hashes;
      tokens = new String[2 * oldTokens.length];
      hashes = new int[tokens.length];
      int mask = tokens.length - 1;
      for (int i = 0; i < oldTokens.length; i++) {
        if (oldTokens[i] != null) {
          int slot = oldHashes[i] & mask;
          while (tokens[slot] != null) {
            slot = (slot + 1) & mask;
          }
          tokens[slot] = oldTokens[i];
          hashes[slot] = oldHashes[i];
        }
      }
    }
  }
}
