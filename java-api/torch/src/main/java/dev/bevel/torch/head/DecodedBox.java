package dev.bevel.torch.head;

import dev.bevel.nuscenes.DetectionClass;

/**
 * One detected object, as a model writes it.
 *
 * @param label 0..9, see {@link DetectionClass}
 * @param score in [0, 1]
 * @param box nine numbers in the frame and box convention of the model (see the package)
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record DecodedBox(int label, float score, double[] box) {
  /** The class of the label. */
  public DetectionClass detectionClass() {
    return DetectionClass.ofLabel(label);
  }
}
