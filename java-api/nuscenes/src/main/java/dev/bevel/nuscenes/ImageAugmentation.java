package dev.bevel.nuscenes;

import java.util.Locale;
import java.util.random.RandomGenerator;

/**
 * How a raw camera image becomes network input, and the matrix that says where each raw pixel went:
 * resize by a factor, crop, flip left-right, rotate. The conventions are those of BEVDet, BEVDepth
 * and BEVFusion, so that their weights can be used.
 *
 * <p>The resized image has {@code (int(W·resize), int(H·resize))} pixels, but the matrix holds
 * {@code resize} itself, as upstream.
 *
 * @param resize factor, &gt; 0
 * @param cropX left edge of the crop in the resized image; may be negative (outside is black)
 * @param cropY top edge of the crop
 * @param width of the result, pixels
 * @param height of the result, pixels
 * @param flip whether left and right are exchanged after the crop
 * @param rotation degrees counter-clockwise as seen, about the centre of the result, after the flip
 */
public record ImageAugmentation(
    double resize, int cropX, int cropY, int width, int height, boolean flip, double rotation) {
  /**
   * @throws NuScenesException if a number is not finite or a size not positive
   */
  public ImageAugmentation {
    if (!(resize > 0) || !Double.isFinite(resize + rotation)) {
      throw new NuScenesException(
          "image augmentation needs resize > 0 and a finite rotation, got resize "
              + resize
              + " and rotation "
              + rotation);
    }
    RgbImage.checkSize(width, height, "image augmentation");
  }

  /**
   * What BEVDepth does at test time: the smallest resize that fills the result, cropped at the top
   * and evenly at the sides. (For 1600×900 to 704×256: factor 0.44, crop (0, 140).)
   */
  public static ImageAugmentation inference(int rawWidth, int rawHeight, int width, int height) {
    double resize = filling(rawWidth, rawHeight, width, height);
    return bottomCrop(rawWidth, rawHeight, width, height, resize, 0.5, false, 0);
  }

  /** The smallest resize of the raw image that fills the result. */
  public static double filling(int rawWidth, int rawHeight, int width, int height) {
    return Math.max((double) height / rawHeight, (double) width / rawWidth);
  }

  /** A crop at the bottom; {@code side} in [0, 1] says how far right in the room there is. */
  private static ImageAugmentation bottomCrop(
      int rawWidth,
      int rawHeight,
      int width,
      int height,
      double resize,
      double side,
      boolean flip,
      double rotation) {
    int cropY = (int) (rawHeight * resize) - height;
    int cropX = (int) (side * Math.max(0, (int) (rawWidth * resize) - width));
    return new ImageAugmentation(resize, cropX, cropY, width, height, flip, rotation);
  }

  /**
   * The ranges a training augmentation is drawn from, each uniform. The factors were published for
   * raw images of one size; those of another are resized in proportion, so that objects are as
   * large in training as at inference whatever the camera.
   *
   * @param minResize factor on a raw image of the size that the ranges are for
   * @param maxResize as {@code minResize}
   * @param filled the {@link #filling} of that size
   * @param flip whether to flip, half of the time
   * @param maxRotation degrees, drawn from ± this
   */
  public record Ranges(
      double minResize, double maxResize, double filled, boolean flip, double maxRotation) {
    /** Pixels of width of nuScenes' images, which both projects' ranges are for. */
    private static final double NUSCENES_WIDTH = 1600;

    public Ranges {
      if (!(minResize > 0 && minResize <= maxResize && filled > 0 && maxRotation >= 0)
          || !Double.isFinite(maxResize + filled + maxRotation)) {
        throw new NuScenesException(
            String.format(
                Locale.ROOT,
                "image augmentation ranges need 0 < minResize <= maxResize, filled > 0 and maxRotation >= 0, got %s, %s, %s, %s",
                minResize,
                maxResize,
                filled,
                maxRotation));
      }
    }

    /**
     * BEVDepth's ranges, resize U(0.386, 0.55), flip, ±5.4°, which are for 1600×900 to 704 pixels
     * of width; scaled for another width.
     */
    public static Ranges bevDepth(int width) {
      return ofNuScenes(0.386, 0.55, width);
    }

    /** As {@link #bevDepth}, of all versions of BEVDet: resize 704/1600 + U(−0.06, 0.11). */
    public static Ranges bevDet(int width) {
      return ofNuScenes(0.44 - 0.06, 0.44 + 0.11, width);
    }

    private static Ranges ofNuScenes(double minResize, double maxResize, int width) {
      return new Ranges(
          minResize * width / 704, maxResize * width / 704, width / NUSCENES_WIDTH, true, 5.4);
    }

    /** One augmentation. The same state of {@code random} gives the same one. */
    public ImageAugmentation draw(
        RandomGenerator random, int rawWidth, int rawHeight, int width, int height) {
      double published = minResize + (maxResize - minResize) * random.nextDouble();
      double resize = published * (filling(rawWidth, rawHeight, width, height) / filled);
      double side = random.nextDouble();
      boolean flipped = flip && random.nextBoolean();
      double degrees = maxRotation * (2 * random.nextDouble() - 1);
      return bottomCrop(rawWidth, rawHeight, width, height, resize, side, flipped, degrees);
    }
  }

  /**
   * Where raw pixels go: {@code (u', v', d, 1) = M (u, v, d, 1)}, row-major 4×4, identity in the
   * third row and column. The shift is in column 3.
   */
  public double[] matrix() {
    double m00 = resize;
    double m01 = 0;
    double m10 = 0;
    double m11 = resize;
    double t0 = -cropX;
    double t1 = -cropY;
    if (flip) {
      m00 = -m00;
      t0 = width - t0;
    }
    double radians = rotation / 180 * Math.PI;
    double cos = Math.cos(radians);
    double sin = Math.sin(radians);
    double cx = width / 2.0;
    double cy = height / 2.0;
    double bx = cos * -cx + sin * -cy + cx;
    double by = -sin * -cx + cos * -cy + cy;
    return new double[] {
      cos * m00 + sin * m10,
      cos * m01 + sin * m11,
      0,
      cos * t0 + sin * t1 + bx,
      -sin * m00 + cos * m10,
      -sin * m01 + cos * m11,
      0,
      -sin * t0 + cos * t1 + by,
      0,
      0,
      1,
      0,
      0,
      0,
      0,
      1
    };
  }

  /** {@code post_rot} of BEVDet: the upper left 3×3 of {@link #matrix()}, row-major. */
  public double[] postRotation() {
    double[] m = matrix();
    return new double[] {m[0], m[1], m[2], m[4], m[5], m[6], m[8], m[9], m[10]};
  }

  /** {@code post_tran} of BEVDet: the shift, (x, y, 0). */
  public double[] postTranslation() {
    double[] m = matrix();
    return new double[] {m[3], m[7], m[11]};
  }

  /**
   * Resizes (Pillow's bicubic), crops, flips and rotates (nearest neighbour, black outside) an
   * image, as Pillow 7 and later do bit for bit.
   */
  public RgbImage apply(RgbImage raw) {
    int resizedWidth = (int) (raw.width() * resize);
    int resizedHeight = (int) (raw.height() * resize);
    RgbImage.checkSize(resizedWidth, resizedHeight, "resized image");
    RgbImage image =
        PillowResize.resizeAndCrop(raw, resizedWidth, resizedHeight, cropX, cropY, width, height);
    if (flip) {
      image = PillowTransform.flipLeftRight(image);
    }
    return PillowTransform.rotate(image, rotation);
  }
}
