package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class PixelNormalizationTest {
  private static final RgbImage TWO_PIXELS =
      new RgbImage(2, 1, new byte[] {10, 20, 30, (byte) 200, (byte) 255, 0});

  @Test
  void torchvisionKeepsChannelOrder() {
    float[] out = new float[6];
    PixelNormalization.TORCHVISION_RGB.write(TWO_PIXELS, out, 0);
    double[] expected = {
      (10 / 255.0 - 0.485) / 0.229, (200 / 255.0 - 0.485) / 0.229,
      (20 / 255.0 - 0.456) / 0.224, (255 / 255.0 - 0.456) / 0.224,
      (30 / 255.0 - 0.406) / 0.225, (0 - 0.406) / 0.225
    };
    assertClose(out, expected);
  }

  @Test
  void bevDepthSwapsChannelsButNotConstants() {
    float[] out = new float[6];
    PixelNormalization.BEVDEPTH_SWAPPED.write(TWO_PIXELS, out, 0);
    double[] expected = {
      (30 - 123.675) / 58.395, (0 - 123.675) / 58.395,
      (20 - 116.28) / 57.12, (255 - 116.28) / 57.12,
      (10 - 103.53) / 57.375, (200 - 103.53) / 57.375
    };
    assertClose(out, expected);
  }

  @Test
  void caffeIsBgrMinusMean() {
    float[] out = new float[6];
    PixelNormalization.CAFFE_BGR.write(TWO_PIXELS, out, 0);
    assertClose(
        out,
        new double[] {
          30 - 103.53, 0 - 103.53, 20 - 116.28, 255 - 116.28, 10 - 123.675, 200 - 123.675
        });
  }

  private static void assertClose(float[] actual, double[] expected) {
    for (int i = 0; i < expected.length; i++) {
      assertThat((double) actual[i])
          .isCloseTo(expected[i], within(2e-6 * Math.max(1, Math.abs(expected[i]))));
    }
  }

  @Test
  void nativeMemoryGetsTheSameBits() {
    RgbImage image = ImageAugmentationTest.noise(13, 7);
    float[] heap = new float[5 + 3 * 91];
    PixelNormalization.BEVDEPTH_SWAPPED.write(image, heap, 5);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(heap.length * 4L, 4);
      PixelNormalization.BEVDEPTH_SWAPPED.write(image, memory, 5);
      assertThat(memory.toArray(ValueLayout.JAVA_FLOAT)).isEqualTo(heap);
    }
    assertThat(heap[4]).isZero();
    assertThat(heap[5]).isNotZero();
  }

  @Test
  void tooSmallAnOutputIsRefusedUntouched() {
    float[] out = new float[6];
    for (int offset : new int[] {1, -1, Integer.MAX_VALUE}) {
      assertThatThrownBy(() -> PixelNormalization.CAFFE_BGR.write(TWO_PIXELS, out, offset))
          .isInstanceOf(NuScenesException.class)
          .hasMessageContaining("3×1×2 floats");
    }
    assertThat(out).containsOnly(0f);
  }
}
