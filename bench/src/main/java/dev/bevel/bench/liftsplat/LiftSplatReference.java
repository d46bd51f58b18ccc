package dev.bevel.bench.liftsplat;

import dev.bevel.bench.VerificationException;
import java.util.Locale;

/**
 * Lift-splat in double and in plain loops, from its definition, with a bound on what rounding in
 * fp32 may change: a sum of n products in any order is off by at most (n + 1)·u·Σ|product| to first
 * order, u = 2⁻²⁴ (Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1).
 */
final class LiftSplatReference {
  private static final double UNIT_ROUNDOFF = 0x1p-24;

  /** Further roundings allowed: what a fused multiply-add, a copy or the bound's order leaves. */
  private static final int SLACK = 4;

  /** Roundings of one probability of a softmax beside the sum over bins: exp and division. */
  private static final int SOFTMAX_TERMS = 16;

  /** Reads one element of a result, in the order of {@link Expected}. */
  @FunctionalInterface
  interface Actual {
    float at(int index);
  }

  /**
   * An expected result of rows of elements.
   *
   * @param value each element
   * @param magnitude Σ|product| of each element
   * @param terms number of products in the sums of each row
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Expected(double[] value, double[] magnitude, int[] terms) {
    /**
     * Checks a result.
     *
     * @param variant named in the message
     * @param actual the result
     * @param extraTerms roundings beyond those of the sums
     * @param relative of the result's own storage: 0 for fp32
     * @throws VerificationException naming the first element that is off
     */
    void check(String variant, Actual actual, int extraTerms, double relative) {
      int rowLength = value.length / terms.length;
      for (int i = 0; i < value.length; i++) {
        int roundings = terms[i / rowLength] + extraTerms + SLACK;
        double bound = roundings * UNIT_ROUNDOFF * magnitude[i] + relative * Math.abs(value[i]);
        float found = actual.at(i);
        if (!(Math.abs(found - value[i]) <= bound)) {
          throw new VerificationException(
              String.format(
                  Locale.ROOT,
                  "%s: element %d of row %d must be %s ± %.3g, got %s",
                  variant,
                  i % rowLength,
                  i / rowLength,
                  value[i],
                  bound,
                  found));
        }
      }
    }
  }

  private final Expected out;
  private final Expected gradProbability;
  private final Expected gradLogit;
  private final Expected gradContext;
  private final int softmaxTerms;

  LiftSplatReference(LiftSplatProblem problem) {
    LiftSplatShape shape = problem.shape();
    out = forward(problem);
    gradProbability = depthGradient(problem);
    gradLogit = softmaxGradient(problem, gradProbability);
    gradContext = contextGradient(problem);
    softmaxTerms = shape.depthBins() + SOFTMAX_TERMS;
  }

  /** Checks a map in fp32 from probabilities: [cells, C]. */
  void checkOut(String variant, Actual actual) {
    out.check(variant, actual, 0, 0);
  }

  /** Checks a map in fp32 from logits. */
  void checkOutFromLogits(String variant, Actual actual) {
    out.check(variant, actual, softmaxTerms, 0);
  }

  /** Checks a map in bf16 from probabilities. */
  void checkOutBfloat16(String variant, Actual actual) {
    out.check(variant, actual, 0, 0x1p-8);
  }

  /** Checks gradients of probabilities [N, D, H, W] and context [N, H, W, C]. */
  void checkGradients(String variant, Actual depth, Actual context) {
    gradProbability.check(variant + ", gradient of depth", depth, 0, 0);
    gradContext.check(variant + ", gradient of context", context, 0, 0);
  }

  /** Checks gradients of logits and context, from given probabilities. */
  void checkLogitGradients(String variant, Actual depth, Actual context) {
    gradLogit.check(variant + ", gradient of logits", depth, SOFTMAX_TERMS, 0);
    gradContext.check(variant + ", gradient of context", context, 0, 0);
  }

  private static Expected forward(LiftSplatProblem problem) {
    LiftSplatShape shape = problem.shape();
    int channels = shape.channels();
    int[] cells = problem.cells();
    float[] depth = problem.probabilityValues();
    float[] context = problem.contextValues();
    double[] value = new double[shape.cells() * channels];
    double[] magnitude = new double[value.length];
    int[] terms = new int[shape.cells()];
    for (int point = 0; point < cells.length; point++) {
      if (cells[point] >= 0) {
        terms[cells[point]]++;
        accumulate(
            value,
            magnitude,
            cells[point] * channels,
            depth[point],
            context,
            IntervalRanks.featureRow(shape, point) * channels,
            channels);
      }
    }
    return new Expected(value, magnitude, terms);
  }

  private static Expected contextGradient(LiftSplatProblem problem) {
    LiftSplatShape shape = problem.shape();
    int channels = shape.channels();
    int[] cells = problem.cells();
    float[] depth = problem.probabilityValues();
    float[] gradOut = problem.gradOutValues();
    double[] value = new double[problem.contextValues().length];
    double[] magnitude = new double[value.length];
    int[] terms = new int[value.length / channels];
    for (int point = 0; point < cells.length; point++) {
      if (cells[point] >= 0) {
        int row = IntervalRanks.featureRow(shape, point);
        terms[row]++;
        accumulate(
            value,
            magnitude,
            row * channels,
            depth[point],
            gradOut,
            cells[point] * channels,
            channels);
      }
    }
    return new Expected(value, magnitude, terms);
  }

  private static void accumulate(
      double[] value,
      double[] magnitude,
      int to,
      double weight,
      float[] rows,
      int from,
      int channels) {
    for (int c = 0; c < channels; c++) {
      double product = weight * rows[from + c];
      value[to + c] += product;
      magnitude[to + c] += Math.abs(product);
    }
  }

  private static Expected depthGradient(LiftSplatProblem problem) {
    LiftSplatShape shape = problem.shape();
    int channels = shape.channels();
    int[] cells = problem.cells();
    float[] context = problem.contextValues();
    float[] gradOut = problem.gradOutValues();
    double[] value = new double[cells.length];
    double[] magnitude = new double[cells.length];
    int[] terms = new int[cells.length];
    for (int point = 0; point < cells.length; point++) {
      if (cells[point] < 0) {
        continue;
      }
      int row = IntervalRanks.featureRow(shape, point) * channels;
      int cell = cells[point] * channels;
      for (int c = 0; c < channels; c++) {
        double product = (double) context[row + c] * gradOut[cell + c];
        value[point] += product;
        magnitude[point] += Math.abs(product);
      }
      terms[point] = channels;
    }
    return new Expected(value, magnitude, terms);
  }

  /** p·(g − Σ p·g) over the bins of each pixel. */
  private static Expected softmaxGradient(LiftSplatProblem problem, Expected gradient) {
    LiftSplatShape shape = problem.shape();
    float[] p = problem.probabilityValues();
    int pixels = shape.height() * shape.width();
    int bins = shape.depthBins();
    double[] value = new double[p.length];
    double[] magnitude = new double[p.length];
    int[] terms = new int[p.length];
    for (int i = 0; i < p.length; i++) {
      if (i % shape.pointsPerCamera() >= pixels) {
        continue;
      }
      double mean = 0;
      double meanMagnitude = 0;
      for (int d = 0; d < bins; d++) {
        int point = i + d * pixels;
        mean += p[point] * gradient.value[point];
        meanMagnitude += p[point] * gradient.magnitude[point];
      }
      for (int d = 0; d < bins; d++) {
        int point = i + d * pixels;
        value[point] = p[point] * (gradient.value[point] - mean);
        magnitude[point] = p[point] * (gradient.magnitude[point] + meanMagnitude);
        terms[point] = shape.channels() + bins;
      }
    }
    return new Expected(value, magnitude, terms);
  }
}
