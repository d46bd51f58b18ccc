package dev.bevel.torch.train;

import dev.bevel.nuscenes.BoxConvention;
import dev.bevel.nuscenes.Counted;
import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.torch.head.CenterDecoder;
import dev.bevel.torch.head.CenterLoss;
import dev.bevel.torch.head.CenterTargetAssigner;
import dev.bevel.torch.head.DecodeSettings;
import dev.bevel.torch.head.DecodedBox;
import dev.bevel.torch.head.DepthLoss;
import dev.bevel.torch.head.GroundTruth;
import dev.bevel.torch.head.HeadGrid;
import dev.bevel.torch.head.HeadTasks;
import dev.bevel.torch.head.LossTerms;
import dev.bevel.torch.head.TaskPrediction;
import dev.bevel.torch.model.ConfigException;
import dev.bevel.torch.model.DetectorConfig;
import dev.bevel.torch.model.DetectorOutput;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What a detector's output means: its loss against the truth, and the boxes in it. */
public final class DetectorHead {
  private static final Logger LOG = LoggerFactory.getLogger("dev.bevel.torch");

  /** Boxes per sample and task that are learnt, as upstream. */
  private static final int MAX_OBJECTS = 500;

  /** Highest-scoring (cell, class) pairs per task that are decoded, as upstream. */
  private static final int MAX_CANDIDATES = 500;

  private final DetectorConfig config;
  private final HeadGrid grid;
  private final HeadTasks tasks;
  private final BoxConvention convention;

  /** The head of a configuration; {@code convention} is that of {@link DetectorInputs}. */
  public DetectorHead(DetectorConfig config, BoxConvention convention) {
    this.config = config;
    this.convention = convention;
    this.grid = grid(config);
    try {
      this.tasks =
          new HeadTasks(
              config.head().tasks().stream()
                  .map(names -> names.stream().map(DetectionClass::ofName).toList())
                  .toList());
    } catch (RuntimeException e) {
      throw new ConfigException(config.name() + ": head.tasks: " + e.getMessage());
    }
  }

  private static HeadGrid grid(DetectorConfig config) {
    DetectorConfig.Grid g = config.grid();
    if (!g.x().get(2).equals(g.y().get(2))) {
      throw new ConfigException(
          config.name() + ": grid.x and grid.y must have the same cell size, got " + g);
    }
    int factor = config.family() == DetectorConfig.Family.BEVDEPTH ? 4 : 8;
    return new HeadGrid(
        g.x().get(0),
        g.y().get(0),
        g.x().get(2) / factor,
        factor,
        g.cells().get(0),
        g.cells().get(1));
  }

  /**
   * The terms {@code heatmap}, {@code box} and, where {@code depthBins} are given, {@code depth}.
   *
   * @param truth one per batch element
   * @param depthBins of all images of the batch, or null
   */
  public LossTerms loss(
      DetectorOutput output,
      List<GroundTruth> truth,
      int @Nullable [] depthBins,
      TrainingConfig.Losses weights) {
    double[] code = weights.code().stream().mapToDouble(Double::doubleValue).toArray();
    LossTerms terms =
        new CenterLoss(weights.heatmap(), weights.box(), code)
            .compute(
                predictions(output),
                new CenterTargetAssigner(grid, tasks, MAX_OBJECTS).assign(truth));
    if (depthBins != null) {
      terms.addAll(new DepthLoss(weights.depth()).compute(output.depthProbabilities(), depthBins));
    }
    return terms;
  }

  /**
   * The detections of each batch element in the detector's frame, by falling score in each task.
   * Where some candidates of a task decode to no box (an infinite length, say), they are left out
   * and the log tells how many; where all do, the task finds nothing whatever it sees.
   *
   * @param scoreThreshold a detection needs a higher score
   * @throws TrainingException if all candidates of a task of a batch element decode to no box; the
   *     message names task, map and a value
   */
  public List<List<Detection>> detections(DetectorOutput output, double scoreThreshold) {
    DecodeSettings settings =
        new DecodeSettings(
            scoreThreshold,
            MAX_CANDIDATES,
            DecodeSettings.NUSCENES_RANGE,
            config.head().nmsThresholds(),
            config.head().maxPerTask());
    List<List<Detection>> result = new ArrayList<>();
    for (CenterDecoder.Sample sample :
        new CenterDecoder(grid, tasks, settings).decodeCounted(predictions(output))) {
      requireBoxes(sample.dropped());
      result.add(sample.boxes().stream().map(this::detection).toList());
    }
    return result;
  }

  /** A task whose candidates all decode to no box would look like an empty street. */
  private void requireBoxes(List<CenterDecoder.Dropped> dropped) {
    int[] counts = new int[tasks.count()];
    for (CenterDecoder.Dropped each : dropped) {
      counts[each.task()] += each.count();
      String told =
          String.format(
              Locale.ROOT,
              "%s: %d of %s of task %d %s are no boxes: the head's %s decodes to %s",
              config.name(),
              each.count(),
              Counted.of(each.candidates(), "candidate"),
              each.task(),
              tasks.tasks().get(each.task()).stream().map(DetectionClass::detectionName).toList(),
              each.map(),
              each.example());
      if (counts[each.task()] == each.candidates()) {
        throw new TrainingException(told + "; with these weights the network overflows");
      }
      LOG.warn("{}", told);
    }
  }

  private Detection detection(DecodedBox box) {
    return new Detection(convention.decode(box.box()), box.detectionClass(), box.score());
  }

  private List<TaskPrediction> predictions(DetectorOutput output) {
    return output.tasks().stream().map(DetectorHead::prediction).toList();
  }

  private static TaskPrediction prediction(Map<String, Tensor> maps) {
    return new TaskPrediction(
        map(maps, "reg"),
        map(maps, "height"),
        map(maps, "dim"),
        map(maps, "rot"),
        map(maps, "vel"),
        map(maps, "heatmap"));
  }

  private static Tensor map(Map<String, Tensor> maps, String name) {
    return Objects.requireNonNull(maps.get(name), () -> "the head has no branch " + name);
  }

  /** The configuration this head reads. */
  public DetectorConfig config() {
    return config;
  }
}
