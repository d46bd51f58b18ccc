package dev.bevel.torch.head;

import java.util.ArrayList;
import java.util.List;

/**
 * Suppression of detections whose centres are close in the ground plane (CenterPoint's "circle
 * NMS").
 */
public final class CircleNms {
  private CircleNms() {}

  /**
   * Goes through the detections by falling score (equal scores in list order) and drops every later
   * one whose <em>squared</em> centre distance from a kept one is at most {@code threshold}:
   * upstream compares the square with what its configurations call a radius.
   *
   * @param threshold square metres
   * @param maxKept how many to keep at most
   * @return the kept ones by falling score
   */
  public static List<DecodedBox> keep(List<DecodedBox> detections, double threshold, int maxKept) {
    List<DecodedBox> sorted = new ArrayList<>(detections);
    sorted.sort((a, b) -> Float.compare(b.score(), a.score()));
    List<DecodedBox> kept = new ArrayList<>();
    for (DecodedBox candidate : sorted) {
      if (kept.size() == maxKept) {
        break;
      }
      if (kept.stream().noneMatch(k -> squaredDistance(k, candidate) <= threshold)) {
        kept.add(candidate);
      }
    }
    return kept;
  }

  private static double squaredDistance(DecodedBox a, DecodedBox b) {
    double dx = a.box()[0] - b.box()[0];
    double dy = a.box()[1] - b.box()[1];
    return dx * dx + dy * dy;
  }
}
