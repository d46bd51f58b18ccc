package dev.bevel.bench.liftsplat;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.bevel.kernels.DType;
import dev.bevel.kernels.Layout;
import dev.bevel.kernels.TensorView;
import java.lang.foreign.Arena;
import java.util.Locale;

/**
 * One tensor of feature maps in the layouts that variants want: fp32 channels last and channels
 * first, bf16 channels last. Elements are named by their index in [images, pixels, channels].
 */
final class FeatureMaps {
  private final int pixels;
  private final int channels;
  private final TensorView last;
  private final TensorView first;
  private final TensorView bfloat16;

  FeatureMaps(
      Arena arena, int images, int pixels, int channels, long[] firstShape, long[] lastShape) {
    this.pixels = pixels;
    this.channels = channels;
    this.last = TensorView.allocate(arena, DType.FLOAT32, lastShape);
    this.first = TensorView.allocate(arena, DType.FLOAT32, firstShape);
    this.bfloat16 = TensorView.allocate(arena, DType.BFLOAT16, lastShape);
    if (last.elementCount() != (long) images * pixels * channels) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s does not hold %d x %d x %d elements",
              last,
              images,
              pixels,
              channels));
    }
  }

  TensorView last() {
    return last;
  }

  TensorView first() {
    return first;
  }

  TensorView bfloat16() {
    return bfloat16;
  }

  TensorView in(Layout layout) {
    return layout == Layout.CHANNELS_LAST ? last : first;
  }

  /** Puts these values, [images, pixels, channels], in every layout; bf16 cuts off low bits. */
  void fill(float[] values) {
    for (int i = 0; i < values.length; i++) {
      last.segment().setAtIndex(JAVA_FLOAT, i, values[i]);
      first.segment().setAtIndex(JAVA_FLOAT, channelsFirst(i), values[i]);
      bfloat16
          .segment()
          .setAtIndex(JAVA_SHORT, i, (short) (Float.floatToRawIntBits(values[i]) >>> 16));
    }
  }

  /** Fills all layouts with NaN. */
  void poison() {
    last.segment().fill((byte) 0xFF);
    first.segment().fill((byte) 0xFF);
    bfloat16.segment().fill((byte) 0xFF);
  }

  float atLast(int index) {
    return last.segment().getAtIndex(JAVA_FLOAT, index);
  }

  float atFirst(int index) {
    return first.segment().getAtIndex(JAVA_FLOAT, channelsFirst(index));
  }

  float atBfloat16(int index) {
    return Float.intBitsToFloat(bfloat16.segment().getAtIndex(JAVA_SHORT, index) << 16);
  }

  private int channelsFirst(int index) {
    int channel = index % channels;
    int pixel = index / channels % pixels;
    int image = index / channels / pixels;
    return (image * channels + channel) * pixels + pixel;
  }
}
