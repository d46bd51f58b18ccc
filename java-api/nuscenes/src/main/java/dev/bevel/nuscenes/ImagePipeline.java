package dev.bevel.nuscenes;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

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
   *     damaged; nothing is written then
   */
  public static void load(
      DetectionSample sample,
      List<ImageAugmentation> augmentations,
      PixelNormalization normalization,
      MemorySegment out) {
    checkAugmentations(sample.cameras(), augmentations);
    int width = augmentations.getFirst().width();
    int height = augmentations.getFirst().height();
    long stride = 3L * width * height;
    if (out.byteSize() / Float.BYTES / stride < augmentations.size()) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "image tensor must hold %d×3×%d×%d floats, got room for %d",
              augmentations.size(),
              height,
              width,
              out.byteSize() / Float.BYTES));
    }
    List<RgbImage> images = new ArrayList<>(augmentations.size());
    for (int i = 0; i < augmentations.size(); i++) {
      images.add(augmentations.get(i).apply(sample.cameras().get(i).readImage()));
    }
    for (int i = 0; i < images.size(); i++) {
      normalization.write(images.get(i), out, i * stride);
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
          String.format(
              Locale.ROOT,
              "image augmentations must be one a camera, got %d for %d cameras",
              augmentations.size(),
              cameras.size()));
    }
    ImageAugmentation first = augmentations.getFirst();
    for (ImageAugmentation a : augmentations) {
      if (a.width() != first.width() || a.height() != first.height()) {
        throw new NuScenesException(
            String.format(
                Locale.ROOT,
                "image augmentations must all give %d×%d pixels, got %d×%d",
                first.width(),
                first.height(),
                a.width(),
                a.height()));
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
