package dev.bevel.nuscenes.validation;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * A set of strings that numbers them from 0 in the order they come, in about 45 bytes a token: the
 * largest tables hold millions.
 */
final class TextIndex {
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

  /** FNV-1a with a final mix, since only the low bits are used. */
  private static int hash(byte[] data, int from, int to) {
    int hash = 0x811c9dc5;
    for (int i = from; i < to; i++) {
      hash = (hash ^ data[i]) * 0x01000193;
    }
    hash ^= hash >>> 16;
    hash *= 0x7feb352d;
    return hash ^ hash >>> 15;
  }

  /** A new length of at least {@code least}, half as large again where there is room. */
  static int grown(int length, int least) {
    long wanted = Math.max(least, length + (length >> 1) + 16L);
    return (int) Math.min(wanted, Integer.MAX_VALUE - 8);
  }
}
