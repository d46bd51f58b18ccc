package dev.bevel.torch.model;

import dev.bevel.kernels.checks.CameraMatrices;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Where the cameras of a batch look: B batch elements of N cameras each. Immutable; two
 * calibrations with the same numbers are equal, so it can be the key of a cache.
 *
 * <p>Frames: camera x right, y down, z forward, in metres. The BEV frame is the detector's:
 * LIDAR_TOP (x right, y forward) or ego (x forward, y left), z up.
 */
public final class Calibration {
  private static final int MATRIX3 = 9;
  private static final int MATRIX4 = 16;

  private final int batch;
  private final int cameras;
  private final double[] intrinsics;
  private final double[] cameraToBev;
  private final double[] imageAugmentation;
  private final double[] bevAugmentation;
  private final int hash;

  /**
   * A calibration; the arrays are copied.
   *
   * @param batch B, 1 or more
   * @param cameras N, 1 or more
   * @param intrinsics [B, N, 3, 3] row-major, in pixels of the raw image
   * @param cameraToBev [B, N, 4, 4] row-major, camera frame → BEV frame
   * @param imageAugmentation [B, N, 4, 4] row-major, raw → augmented pixels, rows and columns 2
   *     those of the identity, the shift in column 3 (models: resize, crop, flip, rotation)
   * @param bevAugmentation [B, 4, 4] row-major, applied after {@code cameraToBev}, or null for none
   * @throws IllegalArgumentException if a matrix holds NaN or infinity, or cannot be inverted: of
   *     intrinsics all of it, of cameraToBev and bevAugmentation the first three rows and columns,
   *     of imageAugmentation the first two
   */
  public Calibration(
      int batch,
      int cameras,
      double[] intrinsics,
      double[] cameraToBev,
      double[] imageAugmentation,
      double @Nullable [] bevAugmentation) {
    if (batch < 1 || cameras < 1) {
      throw new IllegalArgumentException(
          "Calibration: batch and cameras must be 1 or more, got " + batch + " and " + cameras);
    }
    this.batch = batch;
    this.cameras = cameras;
    int all = Math.multiplyExact(batch, cameras);
    this.intrinsics = copy("intrinsics", intrinsics, all, 3, 3);
    this.cameraToBev = copy("cameraToBev", cameraToBev, all, 4, 3);
    this.imageAugmentation = copy("imageAugmentation", imageAugmentation, all, 4, 2);
    double[] bev = bevAugmentation == null ? identities(batch) : bevAugmentation;
    this.bevAugmentation = copy("bevAugmentation", bev, batch, 4, 3);
    hash =
        31 * (31 * Arrays.hashCode(this.intrinsics) + Arrays.hashCode(this.cameraToBev))
            + 31 * Arrays.hashCode(this.imageAugmentation)
            + Arrays.hashCode(this.bevAugmentation);
  }

  private static double[] copy(String name, double[] values, int count, int size, int inverted) {
    Objects.requireNonNull(values, () -> "Calibration: " + name + " is null");
    int expected = Math.multiplyExact(count, size * size);
    if (values.length != expected) {
      throw new IllegalArgumentException(
          "Calibration: " + name + " must have " + expected + " values, got " + values.length);
    }
    String fault = CameraMatrices.fault(values, size, inverted);
    if (fault != null) {
      throw new IllegalArgumentException("Calibration: " + name + fault);
    }
    return values.clone();
  }

  private static double[] identities(int count) {
    double[] values = new double[count * MATRIX4];
    for (int i = 0; i < count; i++) {
      for (int d = 0; d < 4; d++) {
        values[i * MATRIX4 + 5 * d] = 1;
      }
    }
    return values;
  }

  /** Batch elements B. */
  public int batch() {
    return batch;
  }

  /** Cameras N of each batch element. */
  public int cameras() {
    return cameras;
  }

  /** [B, N, 3, 3], a copy. */
  public double[] intrinsics() {
    return intrinsics.clone();
  }

  /** [B, N, 4, 4], a copy. */
  public double[] cameraToBev() {
    return cameraToBev.clone();
  }

  /** [B, N, 4, 4], a copy. */
  public double[] imageAugmentation() {
    return imageAugmentation.clone();
  }

  /** [B, 4, 4], a copy. */
  public double[] bevAugmentation() {
    return bevAugmentation.clone();
  }

  /**
   * The 27 numbers by which BEVDepth's depth network knows a camera, for each camera, [B·N, 27]
   * row-major: fx, fy, cx, cy of the raw image; the image augmentation's entries (0,0), (0,1),
   * (0,3), (1,0), (1,1), (1,3); the BEV augmentation's (0,0), (0,1), (1,0), (1,1), (2,2); the upper
   * 3×4 of cameraToBev.
   */
  public double[] cameraVectors() {
    double[] vectors = new double[batch * cameras * DepthNet.CAMERA_VECTOR];
    for (int camera = 0; camera < batch * cameras; camera++) {
      int at = camera * DepthNet.CAMERA_VECTOR;
      at = gather(vectors, at, intrinsics, camera * MATRIX3, 0, 4, 2, 5);
      at = gather(vectors, at, imageAugmentation, camera * MATRIX4, 0, 1, 3, 4, 5, 7);
      at = gather(vectors, at, bevAugmentation, camera / cameras * MATRIX4, 0, 1, 4, 5, 10);
      System.arraycopy(cameraToBev, camera * MATRIX4, vectors, at, 12);
    }
    return vectors;
  }

  private static int gather(double[] target, int at, double[] source, int offset, int... indices) {
    int position = at;
    for (int index : indices) {
      target[position++] = source[offset + index];
    }
    return position;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Calibration c
        && batch == c.batch
        && cameras == c.cameras
        && Arrays.equals(intrinsics, c.intrinsics)
        && Arrays.equals(cameraToBev, c.cameraToBev)
        && Arrays.equals(imageAugmentation, c.imageAugmentation)
        && Arrays.equals(bevAugmentation, c.bevAugmentation);
  }

  @Override
  public int hashCode() {
    return hash;
  }

  @Override
  public String toString() {
    return "Calibration[batch=" + batch + ", cameras=" + cameras + "]";
  }
}
