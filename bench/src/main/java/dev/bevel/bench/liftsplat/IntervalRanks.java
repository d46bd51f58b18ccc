package dev.bevel.bench.liftsplat;

import dev.bevel.bench.PeerLibrary;
import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The index arrays of bev_pool_v2: the kept points of a frustum, grouped in intervals of one cell
 * or of one feature row each; within an interval in frustum order.
 *
 * @param depth flat index of each point in [N, D, H, W]
 * @param feature row of each point in [N, H, W]
 * @param bev cell of each point
 * @param starts first point of each interval
 * @param lengths points of each interval
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record IntervalRanks(int[] depth, int[] feature, int[] bev, int[] starts, int[] lengths) {
  /** Grouped by cell, as forward wants them. */
  static IntervalRanks byCell(LiftSplatShape shape, int[] cells) {
    return sorted(shape, cells, shape.cells(), cells);
  }

  /** Grouped by feature row, as backward wants them. */
  static IntervalRanks byFeature(LiftSplatShape shape, int[] cells) {
    int cameras = cells.length / shape.pointsPerCamera();
    int[] rows = new int[cells.length];
    for (int point = 0; point < rows.length; point++) {
      rows[point] = featureRow(shape, point);
    }
    return sorted(shape, rows, cameras * shape.height() * shape.width(), cells);
  }

  /** The feature row of a frustum point. */
  static int featureRow(LiftSplatShape shape, int point) {
    int pixels = shape.height() * shape.width();
    return point / shape.pointsPerCamera() * pixels + point % pixels;
  }

  /** A {@link PeerLibrary#RANKS} with copies of the arrays. */
  MemorySegment toNative(Arena arena) {
    MemorySegment struct = arena.allocate(PeerLibrary.RANKS);
    int[][] arrays = {depth, feature, bev, starts, lengths};
    String[] fields = {"depth", "feature", "bev", "starts", "lengths"};
    for (int i = 0; i < arrays.length; i++) {
      struct.set(
          ValueLayout.ADDRESS,
          PeerLibrary.RANKS.byteOffset(PathElement.groupElement(fields[i])),
          arena.allocateFrom(ValueLayout.JAVA_INT, arrays[i]));
    }
    struct.set(
        ValueLayout.JAVA_LONG,
        PeerLibrary.RANKS.byteOffset(PathElement.groupElement("intervals")),
        starts.length);
    return struct;
  }

  /** Counting sort of the kept points by key. */
  private static IntervalRanks sorted(LiftSplatShape shape, int[] keys, int range, int[] cells) {
    int[] next = new int[range + 1];
    for (int point = 0; point < cells.length; point++) {
      if (cells[point] >= 0) {
        next[keys[point] + 1]++;
      }
    }
    int filled = 0;
    for (int key = 0; key < range; key++) {
      filled += next[key + 1] > 0 ? 1 : 0;
    }
    int[] starts = new int[filled];
    int[] lengths = new int[filled];
    for (int key = 0, interval = 0; key < range; key++) {
      int length = next[key + 1];
      if (length > 0) {
        starts[interval] = next[key];
        lengths[interval++] = length;
      }
      next[key + 1] += next[key];
    }
    int kept = next[range];
    int[] depth = new int[kept];
    int[] feature = new int[kept];
    int[] bev = new int[kept];
    for (int point = 0; point < cells.length; point++) {
      if (cells[point] >= 0) {
        int at = next[keys[point]]++;
        depth[at] = point;
        feature[at] = featureRow(shape, point);
        bev[at] = cells[point];
      }
    }
    return new IntervalRanks(depth, feature, bev, starts, lengths);
  }
}
