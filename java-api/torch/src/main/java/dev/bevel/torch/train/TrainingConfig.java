package dev.bevel.torch.train;

import dev.bevel.nuscenes.ImageAugmentation;
import dev.bevel.torch.head.TaskTarget;
import dev.bevel.torch.model.ConfigException;
import dev.bevel.torch.model.ConfigNode;
import dev.bevel.torch.model.DetectorConfig;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How a detector is trained: the {@code training} mapping of a configuration.
 *
 * @param batch samples per step
 * @param imageAugmentation how images are resized, cropped, flipped and rotated at random
 * @param mismatchedImages probability with which a sample's images are dealt to the wrong cameras
 *     and nothing is to be found: without it a detector that sees few samples learns their boxes by
 *     heart and hardly looks at the images
 * @param optimization rate, schedule, clipping, average
 * @param losses weights
 */
public record TrainingConfig(
    int batch,
    ImageRanges imageAugmentation,
    double mismatchedImages,
    Trainer.Settings optimization,
    Losses losses) {
  /**
   * Factors of the loss terms.
   *
   * @param heatmap of the focal loss
   * @param box of the L1 loss
   * @param depth of the depth supervision, 0 for none
   * @param code of the ten numbers of a box
   */
  public record Losses(double heatmap, double box, double depth, List<Double> code) {
    /** Copies the list. */
    public Losses {
      code = List.copyOf(code);
    }

    /** Whether the depth that the LiDAR measures is learnt. */
    public boolean superviseDepth() {
      return depth > 0;
    }
  }

  private enum Schedule {
    CONSTANT,
    STEPS,
    COSINE,
    ONE_CYCLE
  }

  /** Ranges of the random image augmentation, by the project that trains with them. */
  public enum ImageRanges {
    /** No augmentation: images are prepared as for inference. */
    NONE,
    /** BEVDepth: resize U(0.386, 0.55) of 1600 to 704 pixels of width, flip, ±5.4°. */
    BEVDEPTH,
    /** BEVDet, all versions: resize 704/1600 + U(−0.06, 0.11), flip, ±5.4°. */
    BEVDET;

    /**
     * The ranges for a network's input, in proportion; for raw images of other sizes they scale
     * themselves.
     *
     * @param width of the network's input, pixels
     * @throws IllegalStateException for {@link #NONE}
     */
    ImageAugmentation.Ranges ranges(int width) {
      return switch (this) {
        case NONE -> throw new IllegalStateException("there is no augmentation");
        case BEVDEPTH -> ImageAugmentation.Ranges.bevDepth(width);
        case BEVDET -> ImageAugmentation.Ranges.bevDet(width);
      };
    }
  }

  private static final int MANY = Integer.MAX_VALUE;

  /**
   * Reads the {@code training} mapping.
   *
   * @throws ConfigException if a key is missing, unknown or out of range
   */
  public static TrainingConfig read(ConfigNode root) {
    ConfigNode node = root.child(DetectorConfig.TRAINING);
    ConfigNode loss = node.child("loss");
    Losses losses =
        new Losses(
            loss.number("heatmap", 0, 1e6),
            loss.number("box", 0, 1e6),
            loss.number("depth", 0, 1e6),
            loss.numbers("code", TaskTarget.BOX_SIZE));
    loss.finish();
    TrainingConfig config =
        new TrainingConfig(
            node.integer("batch", 1, 1024),
            node.choice("image_augmentation", ImageRanges.class),
            node.number("mismatched_images", 0, 0.99),
            new Trainer.Settings(
                node.number("learning_rate", 1e-12, 1e3),
                node.number("weight_decay", 0, 1e3),
                node.has("clip") ? node.number("clip", 1e-9, 1e9) : Trainer.Settings.NO_CLIP,
                schedule(node.child("schedule")),
                average(node)),
            losses);
    node.finish();
    return config;
  }

  private static LearningRate schedule(ConfigNode node) {
    LearningRate rate =
        switch (node.choice("kind", Schedule.class)) {
          case CONSTANT -> new LearningRate.Constant();
          case STEPS ->
              new LearningRate.Steps(
                  node.counts("milestones").stream().map(Integer::longValue).toList(),
                  node.number("gamma", 0, 1));
          case COSINE ->
              new LearningRate.Cosine(node.integer("steps", 1, MANY), node.number("last", 0, 1));
          case ONE_CYCLE -> oneCycle(node);
        };
    if (node.has("warm_up")) {
      ConfigNode rise = node.child("warm_up");
      rate =
          new LearningRate.WarmUp(rise.integer("steps", 1, MANY), rise.number("first", 0, 1), rate);
      rise.finish();
    }
    node.finish();
    return rate;
  }

  private static LearningRate oneCycle(ConfigNode node) {
    int steps = node.integer("steps", 3, MANY);
    double rise = node.number("rise", 0, 1);
    if (!LearningRate.OneCycle.isRise(rise, steps)) {
      throw node.invalid("rise", "a fraction of the steps that is more than one of them, below 1");
    }
    return new LearningRate.OneCycle(
        steps, rise, node.number("start_divisor", 1, 1e9), node.number("end_divisor", 1, 1e9));
  }

  private static @Nullable WeightAverageSettings average(ConfigNode training) {
    if (!training.has("average")) {
      return null;
    }
    ConfigNode node = training.child("average");
    WeightAverageSettings settings =
        new WeightAverageSettings(
            node.number("limit", 0, 0.9999999),
            node.number("ramp", 1e-3, 1e9),
            node.integer("start", 0, MANY));
    node.finish();
    return settings;
  }
}
