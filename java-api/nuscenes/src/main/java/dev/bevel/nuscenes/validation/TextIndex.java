package dev.bevel.nuscenes.validation;

import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.Arrays;

/**
 * A set of strings that numbers them from 0 in the order they come, in about 45 bytes a token: the
 * largest tables hold millions.
 */
final class TextIndex {
  private static final long PRIME = (1L << 61) - 1;

  /** Another one in each process. */
  private static final long SECRET = new SecureRandom().nextLong(1L << 32, PRIME);

  private byte[] bytes = new byte[1 << 10];
  private int[] ends = new int[1 << 6];
  private int[] slots = new int[1 << 7];
  private int size;

  TextIndex() {
    Arrays.fill(slots, -1);
  }

  int size() {
    return size;
  }

  /** The number of a string, a new one if it has none yet. */
  int add(String text) {
    byte[] key = text.getBytes(StandardCharsets.UTF_8);
    int slot = slot(key);
    if (slots[slot] >= 0) {
      return slots[slot];
    }
    int start = start(size);
    int end = Math.addExact(start, key.length);
    if (end > bytes.length) {
      bytes = Arrays.copyOf(bytes, grown(bytes.length, end));
    }
    System.arraycopy(key, 0, bytes, start, key.length);
    if (size == ends.length) {
      ends = Arrays.copyOf(ends, grown(size, size + 1));
    }
    ends[size] = end;
    slots[slot] = size++;
    if (size > slots.length / 2) {
      rehash();
    }
    return size - 1;
  }

  /** The number of a string, or −1. */
  int find(String text) {
    return slots[slot(text.getBytes(StandardCharsets.UTF_8))];
  }

  String text(int number) {
    int start = start(number);
    return new String(bytes, start, ends[number] - start, StandardCharsets.UTF_8);
  }

  private int start(int number) {
    return number == 0 ? 0 : ends[number - 1];
  }

  /** Where the string stands, or the free slot where it would. */
  private int slot(byte[] key) {
    int slot = hash(key, 0, key.length) & (slots.length - 1);
    while (slots[slot] >= 0) {
      int start = start(slots[slot]);
      if (Arrays.equals(bytes, start, ends[slots[slot]], key, 0, key.length)) {
        return slot;
      }
      slot = (slot + 1) & (slots.length - 1);
    }
    return slot;
  }

  private void rehash() {
    slots = new int[slots.length * 2];
    Arrays.fill(slots, -1);
    for (int i = 0; i < size; i++) {
      int slot = hash(bytes, start(i), ends[i]) & (slots.length - 1);
      while (slots[slot] >= 0) {
        slot = (slot + 1) & (slots.length - 1);
      }
      slots[slot] = i;
    }
  }

  /**
   * A polynomial in a secret number modulo the prime 2⁶¹ − 1 (Carter and Wegman): two different
   * texts of n bytes meet with a chance of n / 2⁶³, and nobody who does not know the number can
   * look for texts that do. Tables made of colliding tokens would else take the square of their
   * size.
   */
  private static int hash(byte[] data, int from, int to) {
    long hash = to - from;
    for (int at = from; at < to; at += Integer.BYTES) {
      long word = 0;
      for (int i = at; i < Math.min(at + Integer.BYTES, to); i++) {
        word = word << 8 | data[i] & 0xff;
      }
      hash = times(hash + word + 1);
    }
    return (int) (hash ^ hash >>> 31);
  }

  /** {@code value · SECRET mod 2⁶¹ − 1} for a value below 2⁶². */
  private static long times(long value) {
    long high = Math.multiplyHigh(value, SECRET);
    long low = value * SECRET;
    long sum = (low & PRIME) + (low >>> 61 | high << 3);
    return sum >= PRIME ? sum - PRIME : sum;
  }

  /** A new length of at least {@code least}, half as large again where there is room. */
  static int grown(int length, int least) {
    long wanted = Math.max(least, length + (length >> 1) + 16L);
    return (int) Math.min(wanted, Integer.MAX_VALUE - 8);
  }
}
