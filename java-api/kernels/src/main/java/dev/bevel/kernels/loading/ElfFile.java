package dev.bevel.kernels.loading;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a shared library says to the dynamic linker (System V ABI, the dynamic section; symbol
 * versions as in the Linux Standard Base).
 *
 * @param soname its own name; null if it states none
 * @param needed names of the libraries that it needs
 * @param versionsNeeded the symbol versions that it needs of them, by library
 * @param versionsDefined the symbol versions that it has
 */
public record ElfFile(
    @Nullable String soname,
    List<String> needed,
    Map<String, Set<String>> versionsNeeded,
    Set<String> versionsDefined) {
  private static final int PT_LOAD = 1;
  private static final int PT_DYNAMIC = 2;
  private static final int DT_NEEDED = 1;
  private static final int DT_STRTAB = 5;
  private static final int DT_SONAME = 14;
  private static final int DT_VERDEF = 0x6ffffffc;
  private static final int DT_VERDEFNUM = 0x6ffffffd;
  private static final int DT_VERNEED = 0x6ffffffe;
  private static final int DT_VERNEEDNUM = 0x6fffffff;

  /**
   * Reads a file.
   *
   * @throws IOException if it is no 64-bit little-endian ELF file with a dynamic section
   */
  public static ElfFile read(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return new Reader(channel).read();
    } catch (IndexOutOfBoundsException | IllegalArgumentException e) {
      throw new IOException(file + " is damaged, or no shared library for 64-bit Linux", e);
    }
  }

  /**
   * The newest version of the C library that it needs, e.g. {@code 2.28}; null if it needs none.
   */
  public @Nullable String glibcNeeded() {
    return versionsNeeded.values().stream()
        .flatMap(Set::stream)
        .filter(version -> version.matches("GLIBC_[0-9]+(\\.[0-9]+)*"))
        .map(version -> version.substring("GLIBC_".length()))
        .max(ElfFile::compareVersions)
        .orElse(null);
  }

  /** Compares numbers with points between them. */
  static int compareVersions(String a, String b) {
    String[] left = a.split("\\.");
    String[] right = b.split("\\.");
    for (int i = 0; i < Math.max(left.length, right.length); i++) {
      int l = i < left.length ? Integer.parseInt(left[i]) : 0;
      int r = i < right.length ? Integer.parseInt(right[i]) : 0;
      if (l != r) {
        return Integer.compare(l, r);
      }
    }
    return 0;
  }

  private static final class Reader {
    private static final int MOST_TABLE_BYTES = 1 << 24;
    private static final int MOST_VERSIONS = 1000;

    private final FileChannel channel;
    private final List<long[]> segments = new ArrayList<>(); // address, offset, size
    private final Map<Integer, Long> values = new LinkedHashMap<>();
    private final List<Long> neededNames = new ArrayList<>();

    Reader(FileChannel channel) {
      this.channel = channel;
    }

    ElfFile read() throws IOException {
      ByteBuffer header = bytes(0, 64);
      if (header.getInt(0) != 0x464c457f || header.get(4) != 2 || header.get(5) != 1) {
        throw new IllegalArgumentException("no 64-bit little-endian ELF file");
      }
      readSegments(header.getLong(32), header.getShort(54) & 0xffff, header.getShort(56) & 0xffff);
      Long soname = values.get(DT_SONAME);
      List<String> needed = new ArrayList<>();
      for (long name : neededNames) {
        needed.add(text(name));
      }
      return new ElfFile(
          soname == null ? null : text(soname),
          List.copyOf(needed),
          readVersionsNeeded(),
          readVersionsDefined());
    }

    private void readSegments(long table, int entrySize, int count) throws IOException {
      long dynamic = -1;
      long dynamicSize = 0;
      for (int i = 0; i < count; i++) {
        ByteBuffer segment = bytes(table + (long) i * entrySize, 56);
        int type = segment.getInt(0);
        if (type == PT_LOAD) {
          segments.add(new long[] {segment.getLong(16), segment.getLong(8), segment.getLong(32)});
        } else if (type == PT_DYNAMIC) {
          dynamic = segment.getLong(8);
          dynamicSize = segment.getLong(32);
        }
      }
      if (dynamic < 0) {
        throw new IllegalArgumentException("no dynamic section");
      }
      ByteBuffer entries = bytes(dynamic, dynamicSize);
      while (entries.remaining() >= 16) {
        long tag = entries.getLong();
        long value = entries.getLong();
        if (tag == 0) {
          break;
        }
        if (tag == DT_NEEDED) {
          neededNames.add(value);
        } else if (tag > 0 && tag <= Integer.MAX_VALUE) {
          values.put((int) tag, value);
        }
      }
    }

    /** Each record names a library and is followed by the versions needed of it. */
    private Map<String, Set<String>> readVersionsNeeded() throws IOException {
      Map<String, Set<String>> found = new LinkedHashMap<>();
      long at = values.getOrDefault(DT_VERNEED, 0L);
      for (long i = count(DT_VERNEEDNUM); i > 0 && at != 0; i--) {
        ByteBuffer record = bytes(offset(at), 16);
        Set<String> versions = new LinkedHashSet<>();
        long version = at + record.getInt(8);
        int entries = record.getShort(2) & 0xffff;
        if (entries > MOST_VERSIONS) {
          throw new IllegalArgumentException("too many versions");
        }
        for (int j = entries; j > 0; j--) {
          ByteBuffer entry = bytes(offset(version), 16);
          versions.add(text(entry.getInt(8) & 0xffffffffL));
          version += entry.getInt(12);
        }
        found.put(text(record.getInt(4) & 0xffffffffL), versions);
        at += record.getInt(12);
      }
      return found;
    }

    private Set<String> readVersionsDefined() throws IOException {
      Set<String> found = new LinkedHashSet<>();
      long at = values.getOrDefault(DT_VERDEF, 0L);
      for (long i = count(DT_VERDEFNUM); i > 0 && at != 0; i--) {
        ByteBuffer record = bytes(offset(at), 20);
        found.add(text(bytes(offset(at + record.getInt(12)), 8).getInt(0) & 0xffffffffL));
        at += record.getInt(16);
      }
      return found;
    }

    private long count(int tag) {
      long count = values.getOrDefault(tag, 0L);
      if (count < 0 || count > MOST_VERSIONS) {
        throw new IllegalArgumentException("too many versions");
      }
      return count;
    }

    private String text(long index) throws IOException {
      Long table = values.get(DT_STRTAB);
      if (table == null) {
        throw new IllegalArgumentException("no string table");
      }
      long start = offset(table + index);
      ByteBuffer buffer = bytes(start, Math.min(4096, channel.size() - start));
      int length = 0;
      while (buffer.get(length) != 0) {
        length++;
      }
      return StandardCharsets.UTF_8.decode(buffer.slice(0, length)).toString();
    }

    /** Where an address lies in the file. */
    private long offset(long address) {
      for (long[] segment : segments) {
        if (address >= segment[0] && address - segment[0] < segment[2]) {
          return segment[1] + address - segment[0];
        }
      }
      throw new IllegalArgumentException("an address outside the file");
    }

    private ByteBuffer bytes(long offset, long size) throws IOException {
      if (size < 0 || size > MOST_TABLE_BYTES || offset < 0 || offset > channel.size() - size) {
        throw new IllegalArgumentException("a table outside the file");
      }
      ByteBuffer buffer = ByteBuffer.allocate((int) size).order(ByteOrder.LITTLE_ENDIAN);
      while (buffer.hasRemaining()) {
        if (channel.read(buffer, offset + buffer.position()) < 0) {
          throw new IllegalArgumentException("the file ends early");
        }
      }
      return buffer.flip();
    }
  }
}
