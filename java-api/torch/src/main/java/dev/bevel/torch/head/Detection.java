package dev.bevel.torch.head;

import dev.bevel.nuscenes.DetectionClass;

/**
 * One detected object.
 *
 * @param label 0..9, see {@link DetectionClass}
 * @param score in [0, 1]
 * @param box nine numbers in the frame and box convention of the model (see the package)
 */
public record Detection(int label, float score, double[] box) {
  /** The class of the label. */
  public DetectionClass detectionClass() {
    return DetectionClass.ofLabel(label);
  }
}
