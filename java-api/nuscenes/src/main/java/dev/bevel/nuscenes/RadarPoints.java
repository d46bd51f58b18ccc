package dev.bevel.nuscenes;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * The returns of one radar sweep in the radar's own frame (x forward, y left, z up): 18 numbers
 * each, named by {@link RadarField}, as float32.
 */
public final class RadarPoints {
  /** The five radars of the vehicle. */
  public static final List<String> CHANNELS =
      List.of(
          "RADAR_FRONT",
          "RADAR_FRONT_LEFT",
          "RADAR_FRONT_RIGHT",
          "RADAR_BACK_LEFT",
          "RADAR_BACK_RIGHT");

  /** The most returns a file may hold. A nuScenes sweep has about a hundred. */
  public static final int MAX_POINTS = 1 << 16;

  private final float[] data;

  private RadarPoints(float[] data) {
    this.data = data;
  }

  /**
   * Returns from numbers already in memory.
   *
   * @param data 18 floats a return, in the order of {@link RadarField}; copied
   * @throws NuScenesException if the length is no multiple of 18 or a number is not finite
   */
  public static RadarPoints of(float[] data) {
    if (data.length % RadarField.COUNT != 0) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "radar points need %d floats each, got %d floats",
              RadarField.COUNT,
              data.length));
    }
    for (int i = 0; i < data.length; i++) {
      if (!Float.isFinite(data[i])) {
        throw new NuScenesException(
            String.format(
                Locale.ROOT,
                "radar points: point %d has the value %s for %s, expected finite numbers",
                i / RadarField.COUNT,
                data[i],
                RadarField.ofColumn(i % RadarField.COUNT).pcdName()));
      }
    }
    return new RadarPoints(data.clone());
  }

  /**
   * Reads a radar {@code .pcd} file with all its returns. A first return that has a NaN means a
   * sweep without returns, as in the nuScenes devkit; any other number that is not finite is
   * damage. See {@link RadarFile} for what is checked.
   *
   * @throws NuScenesException if the file is missing, or is no whole radar file of nuScenes
   */
  public static RadarPoints read(Path file) {
    return new RadarPoints(RadarFile.read(file));
  }

  /** The returns that a filter keeps, in their order. */
  public RadarPoints filtered(RadarFilter filter) {
    float[] kept = new float[data.length];
    int length = 0;
    for (int i = 0; i < count(); i++) {
      if (filter.keeps(this, i)) {
        System.arraycopy(data, i * RadarField.COUNT, kept, length, RadarField.COUNT);
        length += RadarField.COUNT;
      }
    }
    return new RadarPoints(Arrays.copyOf(kept, length));
  }

  public int count() {
    return data.length / RadarField.COUNT;
  }

  /** One number of a return. */
  public float get(int i, RadarField field) {
    return data[i * RadarField.COUNT + field.column()];
  }

  public float x(int i) {
    return data[i * RadarField.COUNT];
  }

  public float y(int i) {
    return data[i * RadarField.COUNT + 1];
  }

  public float z(int i) {
    return data[i * RadarField.COUNT + 2];
  }

  /** A copy of all numbers, {@code [count, 18]}. */
  public float[] toArray() {
    return data.clone();
  }
}
