package dev.bevel.bench.bevwarp;

/**
 * Sizes of a warp; the output's are the input's.
 *
 * @param frames T
 * @param channels C
 * @param height H
 * @param width W
 * @param channelsLast maps are [T, H, W, C], else [T, C, H, W]
 */
public record BevWarpShape(int frames, int channels, int height, int width, boolean channelsLast) {
  /** Of the maps. */
  public long[] mapShape() {
    return channelsLast
        ? new long[] {frames, height, width, channels}
        : new long[] {frames, channels, height, width};
  }

  /** Elements of a map of all frames. */
  public int elements() {
    return frames * channels * height * width;
  }
}
