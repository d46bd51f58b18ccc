package dev.bevel.bench;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * {@code bench/native}: peers written as plain C++ loops, compiled by {@code g++ -O3 -march=native}
 * for the machine that built them. On a CPU that lacks an instruction set of that machine every use
 * fails and names it. Whoever calls vouches for sizes and indices.
 */
public final class PeerLibrary {
  private static final long NAMES_BYTES = 512;
  private static final String RESOURCE = "native/libbevel_peers.so";

  /** {@code peers_ranks}. */
  public static final StructLayout RANKS =
      MemoryLayout.structLayout(
          ADDRESS.withName("depth"),
          ADDRESS.withName("feature"),
          ADDRESS.withName("bev"),
          ADDRESS.withName("starts"),
          ADDRESS.withName("lengths"),
          JAVA_LONG.withName("intervals"));

  private static final SymbolLookup LIBRARY = open();
  private static final FunctionDescriptor FORWARD =
      FunctionDescriptor.ofVoid(ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS);
  private static final FunctionDescriptor BACKWARD =
      FunctionDescriptor.ofVoid(
          ADDRESS, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS, ADDRESS);

  private static final MethodHandle INTERVAL_FORWARD = find("peers_interval_forward", FORWARD);
  private static final MethodHandle INTERVAL_FORWARD_BY_POINT =
      find("peers_interval_forward_by_point", FORWARD);
  private static final MethodHandle INTERVAL_BACKWARD = find("peers_interval_backward", BACKWARD);
  private static final MethodHandle INTERVAL_BACKWARD_BY_POINT =
      find("peers_interval_backward_by_point", BACKWARD);
  private static final MethodHandle COPY =
      find("peers_copy", FunctionDescriptor.ofVoid(ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT));
  private static final MethodHandle READ =
      find("peers_read", FunctionDescriptor.of(JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_INT));

  private PeerLibrary() {}

  /** Order of the loops inside one interval. */
  public enum LoopOrder {
    /** Channel, then point: bev_pool_v2's, whose threads own an interval and a channel. */
    CHANNEL_POINT,
    /** Point, then channel, which compilers vectorise. */
    POINT_CHANNEL
  }

  /**
   * {@code peers_interval_forward} or {@code _by_point}.
   *
   * @param order of the inner loops
   * @param ranks a {@link #RANKS} grouped by cell
   * @param depth float32, indexed by the ranks
   * @param feature float32 [rows, channels]
   * @param cells of the map
   * @param channels C
   * @param out float32 [cells, channels]
   */
  public static void intervalForward(
      LoopOrder order,
      MemorySegment ranks,
      MemorySegment depth,
      MemorySegment feature,
      long cells,
      long channels,
      MemorySegment out) {
    try {
      if (order == LoopOrder.CHANNEL_POINT) {
        INTERVAL_FORWARD.invokeExact(ranks, depth, feature, cells, channels, out);
      } else {
        INTERVAL_FORWARD_BY_POINT.invokeExact(ranks, depth, feature, cells, channels, out);
      }
    } catch (Throwable failure) {
      throw unexpected(failure);
    }
  }

  /**
   * {@code peers_interval_backward} or {@code _by_point}.
   *
   * @param order of the inner loops
   * @param ranks a {@link #RANKS} grouped by feature
   * @param gradOut float32 [cells, channels]
   * @param depth float32 [points]
   * @param feature float32 [rows, channels]
   * @param points of the frustum
   * @param rows of feature
   * @param channels C
   * @param gradDepth float32 [points], written wholly
   * @param gradFeature float32 [rows, channels], written wholly
   */
  public static void intervalBackward(
      LoopOrder order,
      MemorySegment ranks,
      MemorySegment gradOut,
      MemorySegment depth,
      MemorySegment feature,
      long points,
      long rows,
      long channels,
      MemorySegment gradDepth,
      MemorySegment gradFeature) {
    try {
      if (order == LoopOrder.CHANNEL_POINT) {
        INTERVAL_BACKWARD.invokeExact(
            ranks, gradOut, depth, feature, points, rows, channels, gradDepth, gradFeature);
      } else {
        INTERVAL_BACKWARD_BY_POINT.invokeExact(
            ranks, gradOut, depth, feature, points, rows, channels, gradDepth, gradFeature);
      }
    } catch (Throwable failure) {
      throw unexpected(failure);
    }
  }

  /** Copies all of {@code from}, a multiple of 64 bytes, 64-byte aligned. */
  static void copy(MemorySegment to, MemorySegment from, int threads) {
    try {
      COPY.invokeExact(to, from, from.byteSize(), threads);
    } catch (Throwable failure) {
      throw unexpected(failure);
    }
  }

  /** Sum of all 64-bit words, modulo 2⁶⁴. */
  static long read(MemorySegment from, int threads) {
    try {
      return (long) READ.invokeExact(from, from.byteSize(), threads);
    } catch (Throwable failure) {
      throw unexpected(failure);
    }
  }

  /** Fails where this CPU lacks an instruction set that the peers were compiled for. */
  private static SymbolLookup open() {
    SymbolLookup library = unpack();
    String missing = missingInstructions(library, null);
    if (!missing.isEmpty()) {
      throw new IllegalStateException(
          String.format(
              Locale.ROOT,
              "the benchmark's peers were compiled on another machine for a CPU with %s, which this one lacks: build the module bench here",
              missing));
    }
    return library;
  }

  /**
   * Instruction sets that this CPU lacks, in the order of the list and with spaces between.
   *
   * @param wanted names of GCC's {@code __builtin_cpu_supports}; null: those of the peers
   */
  static String missingInstructions(@Nullable List<String> wanted) {
    return missingInstructions(LIBRARY, wanted);
  }

  @SuppressWarnings("restricted")
  private static String missingInstructions(SymbolLookup library, @Nullable List<String> wanted) {
    MethodHandle function =
        Linker.nativeLinker()
            .downcallHandle(
                library.findOrThrow("peers_missing_instructions"),
                FunctionDescriptor.ofVoid(ADDRESS, ADDRESS, JAVA_LONG));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment names = arena.allocate(NAMES_BYTES);
      MemorySegment list =
          wanted == null
              ? MemorySegment.NULL
              : arena.allocateFrom(" " + String.join(" ", wanted) + " ");
      function.invokeExact(list, names, names.byteSize());
      return names.getString(0).strip();
    } catch (Throwable failure) {
      throw unexpected(failure);
    }
  }

  /** The file may be deleted as soon as it is mapped. */
  @SuppressWarnings("restricted")
  private static SymbolLookup unpack() {
    try (InputStream resource = PeerLibrary.class.getResourceAsStream(RESOURCE)) {
      if (resource == null) {
        throw new IllegalStateException(
            String.format(
                Locale.ROOT,
                "the benchmark's peers (%s) are not built: build the module bench with Maven",
                RESOURCE));
      }
      Path file = Files.createTempFile("bevel-peers-", ".so");
      try {
        Files.copy(resource, file, StandardCopyOption.REPLACE_EXISTING);
        return SymbolLookup.libraryLookup(file, Arena.global());
      } finally {
        Files.delete(file);
      }
    } catch (IOException failure) {
      throw new UncheckedIOException(
          "the benchmark's peers cannot be unpacked into java.io.tmpdir: " + failure, failure);
    } catch (IllegalArgumentException failure) {
      throw new IllegalStateException(
          "the benchmark's peers cannot be loaded: is java.io.tmpdir mounted noexec, or libgomp missing (apt-get install libgomp1)?",
          failure);
    }
  }

  @SuppressWarnings("restricted")
  private static MethodHandle find(String name, FunctionDescriptor descriptor) {
    return Linker.nativeLinker().downcallHandle(LIBRARY.findOrThrow(name), descriptor);
  }

  /** A function by its name, if there is one. */
  @SuppressWarnings("restricted")
  static Optional<MethodHandle> function(String name, FunctionDescriptor descriptor) {
    return LIBRARY
        .find(name)
        .map(symbol -> Linker.nativeLinker().downcallHandle(symbol, descriptor));
  }

  private static IllegalStateException unexpected(Throwable failure) {
    return new IllegalStateException("a call of the benchmark's peers failed", failure);
  }
}
