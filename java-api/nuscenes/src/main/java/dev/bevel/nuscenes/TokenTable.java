package dev.bevel.nuscenes;

import java.util.AbstractMap;
import java.util.AbstractSet;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The records of a table by token, in file order, unmodifiable. An array and an index of numbers:
 * for millions of records a fraction of a {@code LinkedHashMap}'s objects.
 */
final class TokenTable<T extends TableRecord> extends AbstractMap<String, T> {
  /** Places that are looked at before a token counts as one that collides with too many others. */
  static final int MAX_PROBES = 64;

  private final List<T> records;

  /** An open hash table, at most half full, of numbers of records plus one; 0 is free. */
  private final int[] slots;

  /** Records that found no place: only where tokens are made to collide. */
  private final Map<String, T> crowded = new HashMap<>();

  /**
   * @param records in file order
   * @param name of the table, for errors
   * @throws NuScenesException if two records have one token
   */
  TokenTable(T[] records, String name) {
    this.records = Collections.unmodifiableList(Arrays.asList(records));
    slots = new int[Math.max(4, Integer.highestOneBit(Math.max(1, records.length)) * 4)];
    for (int i = 0; i < records.length; i++) {
      if (get(records[i].token()) != null) {
        throw new NuScenesException(name + " holds two records with token " + records[i].token());
      }
      add(records[i], i);
    }
  }

  private void add(T record, int number) {
    int slot = firstSlot(record.token());
    for (int probe = 0; probe < MAX_PROBES; probe++, slot = (slot + 1) & (slots.length - 1)) {
      if (slots[slot] == 0) {
        slots[slot] = number + 1;
        return;
      }
    }
    crowded.put(record.token(), record);
  }

  private int firstSlot(String token) {
    return spread(token.hashCode()) & (slots.length - 1);
  }

  /** The finaliser of MurmurHash3 (Appleby), a bijection: every bit depends on all. */
  static int spread(int hash) {
    int h = (hash ^ (hash >>> 16)) * 0x85EBCA6B;
    h = (h ^ (h >>> 13)) * 0xC2B2AE35;
    return h ^ (h >>> 16);
  }

  @Override
  public @Nullable T get(@Nullable Object key) {
    if (!(key instanceof String token)) {
      return null;
    }
    int slot = firstSlot(token);
    for (int probe = 0; probe < MAX_PROBES; probe++, slot = (slot + 1) & (slots.length - 1)) {
      int number = slots[slot] - 1;
      if (number < 0) {
        return null;
      }
      T record = records.get(number);
      if (record.token().equals(token)) {
        return record;
      }
    }
    return crowded.get(token);
  }

  @Override
  public boolean containsKey(@Nullable Object key) {
    return get(key) != null;
  }

  @Override
  public int size() {
    return records.size();
  }

  @Override
  public Collection<T> values() {
    return records;
  }

  @Override
  public Set<Entry<String, T>> entrySet() {
    return new AbstractSet<>() {
      @Override
      public int size() {
        return records.size();
      }

      @Override
      public Iterator<Entry<String, T>> iterator() {
        return records.stream()
            .<Entry<String, T>>map(each -> new SimpleImmutableEntry<>(each.token(), each))
            .iterator();
      }
    };
  }
}
