package dev.bevel.torch.bevformer;

import java.util.Locale;

/**
 * Sizes of a deformable attention module.
 *
 * @param channels C of queries and values; a multiple of heads
 * @param heads M
 * @param levels L of a value map
 * @param points P samples a head and level
 * @param dropout probability with which elements of the result are dropped in training, before the
 *     residual is added; 0 to 1
 */
public record AttentionSizes(long channels, long heads, long levels, long points, double dropout) {
  /** Checks the sizes. */
  public AttentionSizes {
    if (heads < 1 || levels < 1 || points < 1 || channels < heads || channels % heads != 0) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "AttentionSizes: channels must be a multiple of heads, levels and points at least 1, got %d channels, %d heads, %d levels, %d points",
              channels,
              heads,
              levels,
              points));
    }
    if (!(dropout >= 0 && dropout < 1)) {
      throw new IllegalArgumentException(
          "AttentionSizes: dropout must be from 0 to less than 1, got " + dropout);
    }
  }

  /** BEVFormer's temporal self-attention: 256 channels, 8 heads, 1 level, 4 points. */
  public static final AttentionSizes TEMPORAL = new AttentionSizes(256, 8, 1, 4, 0.1);

  /** BEVFormer's decoder attention: the same sizes. */
  public static final AttentionSizes DECODER = TEMPORAL;

  /**
   * BEVFormer's spatial cross-attention: 256 channels, 8 heads, 8 points.
   *
   * @param levels of the image features: 4 in the base configuration, 1 in small and tiny
   */
  public static AttentionSizes spatial(long levels) {
    return new AttentionSizes(256, 8, levels, 8, 0.1);
  }

  /** Channels of a head. */
  public long headChannels() {
    return channels / heads;
  }
}
