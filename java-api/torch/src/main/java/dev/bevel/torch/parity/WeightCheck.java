package dev.bevel.torch.parity;

import dev.bevel.torch.nn.Tensors;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/**
 * Compares the filled weights with the checksums of the fixture, so that a wrong name or formula is
 * told from a wrong network.
 */
final class WeightCheck {
  private static final double TOLERANCE = 1e-9;

  private WeightCheck() {}

  /** Throws if count, sum or norm of the formula-made float32 weights differ from the fixture's. */
  static void require(DetectorFixture fixture, WeightFormula formula, Map<String, Tensor> weights) {
    long count = 0;
    double sum = 0;
    double squares = 0;
    for (Map.Entry<String, Tensor> entry : weights.entrySet()) {
      Tensor tensor = entry.getValue();
      if (formula.formula(entry.getKey(), tensor.shape(), tensor.is_floating_point()) == null) {
        continue;
      }
      double[] values = Tensors.toDoubles(tensor);
      count += values.length;
      for (double value : values) {
        sum += value;
        squares += value * value;
      }
    }
    double norm = Math.sqrt(squares);
    requireClose(fixture, "formula_made_values", (double) count, 0);
    requireClose(fixture, "l2_of_values", norm, TOLERANCE * norm);
    requireClose(
        fixture, "sum_of_values_f32_as_double", sum, TOLERANCE * norm * Math.sqrt((double) count));
  }

  private static void requireClose(
      DetectorFixture fixture, String key, double actual, double tolerance) {
    double expected = fixture.number("weights_check", key);
    if (!(Math.abs(actual - expected) <= tolerance)) {
      throw new FixtureException(
          fixture.file()
              + ": the weights made by its formula do not match it: "
              + key
              + " must be "
              + expected
              + ", got "
              + actual);
    }
  }
}
