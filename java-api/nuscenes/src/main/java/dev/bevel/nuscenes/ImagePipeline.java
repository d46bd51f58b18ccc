package dev.bevel.nuscenes;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** From the camera files of a key frame to the image tensor of a detector. */
public final class ImagePipeline {
  private ImagePipeline() {}

  /**
   * Reads, augments and normalises the images of all cameras: float32 {@code [cameras, 3, height,
   * width]}, cameras in the order of the sample.
   *
   * @param augmentations one a camera, all with the same result size
   * @param out memory of at least 4 bytes for each float of the result, written from its start
   * @throws NuScenesException if the arguments do not fit each other, or a file is missing or
   *     damaged
   */
  public static void load(
      DetectionSample sample,
      List<ImageAugmentation> augmentations,
      PixelNormalization normalization,
      MemorySegment out) {
    checkAugmentations(sample.cameras(), augmentations);
    long stride = 3L * augmentations.getFirst().width() * augmentations.getFirst().height();
    for (int i = 0; i < augmentations.size(); i++) {
      RgbImage image = augmentations.get(i).apply(sample.cameras().get(i).readImage());
      normalization.write(image, out, i * stride);
    }
  }

  /** As {@link #load(DetectionSample, List, PixelNormalization, MemorySegment)} into an array. */
  public static void load(
      DetectionSample sample,
      List<ImageAugmentation> augmentations,
      PixelNormalization normalization,
      float[] out) {
    load(sample, augmentations, normalization, MemorySegment.ofArray(out));
  }

  static void checkAugmentations(
      List<CameraSample> cameras, List<ImageAugmentation> augmentations) {
    if (cameras.isEmpty() || cameras.size() != augmentations.size()) {
      throw new NuScenesException(
          "image augmentations must be one a camera, got %d for %d cameras"
              .formatted(augmentations.size(), cameras.size()));
    }
    ImageAugmentation first = augmentations.getFirst();
    for (ImageAugmentation a : augmentations) {
      if (a.width() != first.width() || a.height() != first.height()) {
        throw new NuScenesException(
            "image augmentations must all give %d×%d pixels, got %d×%d"
                .formatted(first.width(), first.height(), a.width(), a.height()));
      }
    }
  }

  /** {@link ImageAugmentation#inference} for each camera of a sample. */
  public static List<ImageAugmentation> inference(DetectionSample sample, int width, int height) {
    return sample.cameras().stream()
        .map(c -> ImageAugmentation.inference(c.width(), c.height(), width, height))
        .toList();
  }
}
