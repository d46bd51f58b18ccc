package dev.bevel.bench.deformattn;

import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/**
 * Inputs as BEVFormer's queries have them: the queries are the cells of a square BEV grid, row by
 * row; a query's reference point is its cell's centre, on every level; the offset of point p of
 * head m is the one that BEVFormer's layers begin with, p + 1 pixels in direction 2π m / M (scaled
 * so that the larger coordinate is p + 1), plus Gaussian noise of 1 pixel. Values, logits and the
 * gradient of the result are standard normal.
 *
 * <p>Samples whose coordinate comes closer than {@value #MARGIN} to a pixel's centre are moved away
 * to it: there the gradient of a location jumps, and rounding would decide on which side it is.
 */
final class DeformAttnProblem {
  private static final double MARGIN = 2e-3;

  private final DeformAttnShape shape;
  private final int side;
  private final RandomGenerator random;

  /**
   * @param shape with a square number of queries; one map
   * @param seed of the random numbers
   */
  DeformAttnProblem(DeformAttnShape shape, long seed) {
    this.shape = shape;
    side = (int) Math.round(Math.sqrt(shape.queries()));
    if (side * side != shape.queries() || shape.maps() != 1) {
      throw new IllegalArgumentException(
          "DeformAttnProblem: queries must fill a square over one map, got " + shape);
    }
    random = new SplittableRandom(seed);
  }

  /** The inputs of the shape's form. */
  DeformAttnNumbers inputs() {
    double[] value = normal(DeformAttnShape.count(shape.valueShape()));
    double[] logits = normal(DeformAttnShape.count(shape.logitShape()));
    double[] offsets = offsets();
    if (shape.isFused()) {
      return new DeformAttnNumbers(value, references(), offsets, logits, null);
    }
    softmax(logits);
    return new DeformAttnNumbers(value, null, offsets, logits, null);
  }

  /** The gradient of the result. */
  double[] gradOut() {
    return normal(DeformAttnShape.count(shape.outShape()));
  }

  private double[] references() {
    double[] references = new double[DeformAttnShape.count(shape.referenceShape())];
    for (int i = 0; i < references.length / 2; i++) {
      int query = i / shape.references() % shape.queries();
      references[2 * i] = centre(query % side);
      references[2 * i + 1] = centre(query / side);
    }
    return references;
  }

  private double centre(int index) {
    return (index + 0.5) / side;
  }

  /** Offsets in pixels, or the locations that they lead to. */
  private double[] offsets() {
    double[] offsets = new double[DeformAttnShape.count(shape.offsetShape())];
    int next = 0;
    for (int b = 0; b < shape.batch(); b++) {
      for (int query = 0; query < shape.queries(); query++) {
        for (int head = 0; head < shape.heads(); head++) {
          double angle = 2 * Math.PI * head / shape.heads();
          double longest = Math.max(Math.abs(Math.cos(angle)), Math.abs(Math.sin(angle)));
          for (var level : shape.levels().levels()) {
            for (int point = 1; point <= shape.points(); point++) {
              offsets[next++] =
                  offset(query % side, level.width(), Math.cos(angle) / longest * point);
              offsets[next++] =
                  offset(query / side, level.height(), Math.sin(angle) / longest * point);
            }
          }
        }
      }
    }
    return offsets;
  }

  private double offset(int index, int size, double initial) {
    double origin = centre(index) * size - 0.5;
    double pixel = origin + initial + random.nextGaussian();
    double off = pixel - Math.rint(pixel);
    if (Math.abs(off) < MARGIN) {
      pixel += Math.copySign(MARGIN, off) - off;
    }
    return shape.isFused() ? pixel - origin : (pixel + 0.5) / size;
  }

  private void softmax(double[] logits) {
    for (int first = 0; first < logits.length; first += shape.samples()) {
      double sum = 0;
      for (int i = first; i < first + shape.samples(); i++) {
        logits[i] = Math.exp(logits[i]);
        sum += logits[i];
      }
      for (int i = first; i < first + shape.samples(); i++) {
        logits[i] /= sum;
      }
    }
  }

  private double[] normal(int count) {
    double[] values = new double[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextGaussian();
    }
    return values;
  }
}
