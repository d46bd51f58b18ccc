package dev.bevel.torch.head;

import static org.bytedeco.pytorch.global.torch.cat;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The loss of a CenterHead, summed over its tasks: a penalty-reduced focal loss on the heatmap
 * (CornerNet's, with the prediction clamped to [1e-4, 1 − 1e-4]) over the number of peaks, and a
 * weighted L1 on the box numbers at the centres over the number of boxes. Unknown velocities (NaN)
 * are not learned from.
 */
public final class CenterLoss {
  private static final double CLAMP = 1e-4;
  private static final double LOG_EPSILON = 1e-12;
  private static final double COUNT_EPSILON = 1e-4;

  private final double heatmapWeight;
  private final double boxWeight;
  private final double[] codeWeights;

  /**
   * @param heatmapWeight factor of the focal loss
   * @param boxWeight factor of the L1 loss
   * @param codeWeights factors of the ten numbers of {@link TaskTarget#boxes}
   */
  public CenterLoss(double heatmapWeight, double boxWeight, double[] codeWeights) {
    if (codeWeights.length != TaskTarget.BOX_SIZE) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "CenterLoss: codeWeights must be %d numbers, got %s",
              TaskTarget.BOX_SIZE,
              Arrays.toString(codeWeights)));
    }
    this.heatmapWeight = heatmapWeight;
    this.boxWeight = boxWeight;
    this.codeWeights = codeWeights.clone();
  }

  /**
   * The terms {@code heatmap} and {@code box}. Runs in the dtype of the predictions, in the
   * caller's tensor scope.
   *
   * @throws IllegalArgumentException if predictions and targets differ in number or shape
   */
  public LossTerms compute(List<TaskPrediction> predictions, List<TaskTarget> targets) {
    if (predictions.size() != targets.size() || targets.isEmpty()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "CenterLoss: there must be as many targets as task predictions and at least one, got"
                  + " %d and %d",
              targets.size(),
              predictions.size()));
    }
    predictions.forEach(prediction -> prediction.requireOpen("CenterLoss.compute"));
    LossTerms terms = new LossTerms();
    for (int task = 0; task < targets.size(); task++) {
      TaskPrediction prediction = predictions.get(task);
      TaskTarget target = targets.get(task);
      checkShape(task, prediction, target);
      terms.add("heatmap", focal(prediction.heatmap(), target).mul(new Scalar(heatmapWeight)));
      terms.add("box", l1(prediction, target).mul(new Scalar(boxWeight)));
    }
    return terms;
  }

  private static Tensor focal(Tensor logits, TaskTarget target) {
    Tensor truth = Tensor.create(target.heatmap(), logits.shape());
    Tensor wanted = truth.to(logits);
    Tensor p =
        logits
            .sigmoid()
            .clamp(
                new ScalarOptional(new Scalar(CLAMP)), new ScalarOptional(new Scalar(1 - CLAMP)));
    Tensor q = oneMinus(p);
    Tensor isPeak = truth.eq(new Scalar(1.0)).to(logits); // before narrower dtypes round up to 1
    Scalar epsilon = new Scalar(LOG_EPSILON);
    Tensor peaks = p.add(epsilon).log().mul(q.square()).mul(isPeak);
    Tensor rest = q.add(epsilon).log().mul(p.square()).mul(oneMinus(wanted).square().square());
    double count = Math.max(1, isPeak.sum().item_double());
    return peaks.add(rest).sum().mul(new Scalar(-1 / count));
  }

  private static Tensor oneMinus(Tensor t) {
    return t.neg().add(new Scalar(1.0));
  }

  private Tensor l1(TaskPrediction p, TaskTarget target) {
    long batch = target.batch();
    long slots = target.maxObjects();
    TensorVector parts = new TensorVector(p.reg(), p.height(), p.dim(), p.rot(), p.vel());
    Tensor maps = cat(parts, 1).flatten(2, 3).transpose(1, 2); // [B, H·W, 10]
    Tensor cells =
        Tensor.create(target.cells(), batch, slots, 1)
            .to(maps.device(), ScalarType.Long)
            .expand(batch, slots, TaskTarget.BOX_SIZE);
    Tensor predicted = maps.gather(1, cells);
    Tensor wanted = Tensor.create(withoutNaN(target.boxes()), predicted.shape()).to(maps);
    Tensor weights = Tensor.create(weights(target), predicted.shape()).to(maps);
    double count = target.count() + COUNT_EPSILON;
    return predicted.sub(wanted).abs().mul(weights).sum().mul(new Scalar(1 / count));
  }

  /** Zeros for NaN: an unknown number has no weight, but 0 · NaN would still be NaN. */
  private static float[] withoutNaN(float[] boxes) {
    float[] safe = boxes.clone();
    for (int i = 0; i < safe.length; i++) {
      safe[i] = Float.isNaN(safe[i]) ? 0 : safe[i];
    }
    return safe;
  }

  /**
   * The weight of each number of each slot: its code weight, or 0 in empty slots and where the
   * target is NaN.
   */
  private float[] weights(TaskTarget target) {
    float[] weights = new float[target.boxes().length];
    for (int i = 0; i < weights.length; i++) {
      boolean known = target.used()[i / TaskTarget.BOX_SIZE] && !Float.isNaN(target.boxes()[i]);
      weights[i] = known ? (float) codeWeights[i % TaskTarget.BOX_SIZE] : 0;
    }
    return weights;
  }

  private static void checkShape(int task, TaskPrediction prediction, TaskTarget target) {
    long[] expected = {
      target.batch(), target.classes(), target.grid().height(), target.grid().width()
    };
    if (!Arrays.equals(prediction.heatmap().shape(), expected)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "CenterLoss: the heatmap of task %d must be %s to match its target, got %s",
              task,
              Arrays.toString(expected),
              Arrays.toString(prediction.heatmap().shape())));
    }
  }
}
