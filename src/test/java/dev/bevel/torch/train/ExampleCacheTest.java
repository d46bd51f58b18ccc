package dev.bevel.torch.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.torch.head.GroundTruth;
import dev.bevel.torch.model.Calibration;
import java.util.List;
import org.junit.jupiter.api.Test;

class ExampleCacheTest {
  private int prepared;

  private DetectorInputs.Example example(int floats) {
    prepared++;
    Calibration calibration = new Calibration(1, 1, identity(3), identity(4), identity(4), null);
    return new DetectorInputs.Example(
        new DetectorInputs.Input(new float[floats], calibration),
        new GroundTruth(List.of(), new int[0]),
        new int[] {1});
  }

  private static double[] identity(int size) {
    double[] matrix = new double[size * size];
    for (int i = 0; i < size; i++) {
      matrix[i * (size + 1)] = 1;
    }
    return matrix;
  }

  @Test
  void whatFitsStaysAndTheRestIsPreparedEachTime() {
    ExampleCache cache = new ExampleCache(2 * 44 + 43);
    for (int epoch = 0; epoch < 2; epoch++) {
      for (String token : List.of("a", "b", "c")) {
        assertThat(cache.get(token, () -> example(10)).bytes()).isEqualTo(44);
      }
    }
    assertThat(cache.size()).isEqualTo(2);
    assertThat(prepared).isEqualTo(4);
    cache.get("small", () -> example(9)); // 40 bytes still fit
    assertThat(cache.size()).isEqualTo(3);
  }
}
