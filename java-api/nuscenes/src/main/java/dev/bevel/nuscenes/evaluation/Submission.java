package dev.bevel.nuscenes.evaluation;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Detections of all key frames of a split.
 *
 * @param meta which sensors and data were used, e.g. {@code use_camera}
 * @param boxes in the file's order
 */
public record Submission(Map<String, Boolean> meta, List<EvaluationBox> boxes) {
  /** Copies. */
  public Submission {
    meta = Collections.unmodifiableMap(new LinkedHashMap<>(meta)); // keeps the order
    boxes = List.copyOf(boxes);
  }
}
