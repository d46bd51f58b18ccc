package dev.bevel.bench.multiview;

import dev.bevel.bench.CameraRig;
import dev.bevel.kernels.PointRange;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** Random inputs of {@link MultiViewShape} before calibrated cameras. */
public final class MultiViewProblem {
  private static final double[] RANGE = {-51.2, -51.2, -5, 51.2, 51.2, 3};

  private MultiViewProblem() {}

  /**
   * Random features and weights; points anywhere within ±51.2 m and −5 to 3 m, those of a query
   * within a metre or two of each other.
   *
   * @param shape sizes
   * @param rig the cameras; as many as the shape has or more. Its images are 1600 × 900 pixels,
   *     padded below to the shape's height
   * @param random source
   */
  public static MultiViewNumbers random(MultiViewShape shape, CameraRig rig, Random random) {
    List<double[]> features = new ArrayList<>();
    for (int level = 0; level < shape.levels().size(); level++) {
      features.add(uniform(random, MultiViewShape.count(shape.featureShape(level)), -1, 1));
    }
    double[] weights = uniform(random, MultiViewShape.count(shape.weightShape()), 0, 1);
    double[] places =
        shape.located()
            ? uniform(random, MultiViewShape.count(shape.placeShape()), -0.3, 1.3)
            : points(shape, random);
    return new MultiViewNumbers(features, lidarToImage(shape, rig), places, weights);
  }

  private static double[] points(MultiViewShape shape, Random random) {
    double[] points = new double[MultiViewShape.count(shape.placeShape())];
    for (int query = 0; query < shape.batch() * shape.queries(); query++) {
      for (int k = 0; k < 3; k++) {
        double centre = RANGE[k] + random.nextDouble() * (RANGE[k + 3] - RANGE[k]);
        for (int point = 0; point < shape.points(); point++) {
          double metres = centre + (point == 0 ? 0 : random.nextGaussian());
          points[3 * (query * shape.points() + point) + k] = normalised(shape.range(), k, metres);
        }
      }
    }
    return points;
  }

  private static double normalised(@Nullable PointRange range, int axis, double metres) {
    if (range == null) {
      return metres;
    }
    double[] bounds = range.bounds();
    return (metres - bounds[axis]) / (bounds[axis + 3] - bounds[axis]);
  }

  /** [B, N, 4, 4], the same for every batch element. */
  private static double[] lidarToImage(MultiViewShape shape, CameraRig rig) {
    double[] ofRig = rig.lidarToImage(1);
    double[] all = new double[MultiViewShape.count(shape.matrixShape())];
    for (int i = 0; i < shape.batch() * shape.cameras(); i++) {
      System.arraycopy(ofRig, 16 * (i % shape.cameras()), all, 16 * i, 16);
    }
    return all;
  }

  private static double[] uniform(Random random, int count, double low, double high) {
    return random.doubles(count, low, high).toArray();
  }
}
