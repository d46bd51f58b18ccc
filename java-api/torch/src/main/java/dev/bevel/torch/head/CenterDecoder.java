package dev.bevel.torch.head;

import dev.bevel.torch.TensorScope;
import dev.bevel.torch.nn.Tensors;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.PriorityQueue;

/**
 * Reads boxes off the maps of a CenterHead, as mmdetection3d's {@code CenterPointBBoxCoder} does:
 * the highest-scoring cells of each task over all its classes (one cell may give several classes),
 * filtered by score, decoded, filtered by range, then thinned by {@link CircleNms} task by task.
 * Equal scores are taken in order of (class, row, column). Done in float32 on the CPU.
 *
 * <p>A NaN score is never a detection, nor is a box that is none: with a size that is not finite
 * and positive, any other number that is not finite, or a centre farther from its cell, or above or
 * below it, than the map is wide. {@link #decodeCounted} tells of which maps such numbers came.
 */
public final class CenterDecoder {
  /** The maps that a box is read off, in the order of its numbers. */
  private static final List<String> PARTS = List.of("reg", "height", "dim", "rot", "vel");

  /** Which of them each of a box's nine numbers comes from. */
  private static final int[] PART_OF = {0, 0, 1, 2, 2, 2, 3, 4, 4};

  private final HeadGrid grid;
  private final HeadTasks tasks;
  private final DecodeSettings settings;

  /**
   * @throws IllegalArgumentException if the settings are for another number of tasks
   */
  public CenterDecoder(HeadGrid grid, HeadTasks tasks, DecodeSettings settings) {
    if (settings.nmsThresholds().size() != tasks.count()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "CenterDecoder: nmsThresholds must have one entry for each of %d tasks, got %s",
              tasks.count(),
              settings.nmsThresholds()));
    }
    this.grid = grid;
    this.tasks = tasks;
    this.settings = settings;
  }

  /**
   * The detections of each sample of a batch: task by task, by falling score in a task.
   *
   * @param predictions one per task
   * @throws IllegalArgumentException if their number or shapes do not fit the grid and the tasks
   */
  public List<List<DecodedBox>> decode(List<TaskPrediction> predictions) {
    return decodeCounted(predictions).stream().map(Sample::boxes).toList();
  }

  /**
   * The detections of one sample, and what was dropped.
   *
   * @param boxes task by task, by falling score in a task
   * @param dropped what decodes to no box, at most one entry a task and map
   */
  public record Sample(List<DecodedBox> boxes, List<Dropped> dropped) {}

  /**
   * Candidates of one task that are no boxes because of one map.
   *
   * @param task its index
   * @param map {@code reg}, {@code height}, {@code dim}, {@code rot} or {@code vel}; the first in
   *     this order of several that have no sense
   * @param example one decoded value, for example an infinite length
   * @param count of candidates
   * @param candidates of the task, these included
   */
  public record Dropped(int task, String map, double example, int count, int candidates) {}

  /**
   * As {@link #decode}, telling of each sample what was dropped.
   *
   * @param predictions one per task
   * @throws IllegalArgumentException if their number or shapes do not fit the grid and the tasks
   */
  @SuppressWarnings("try") // the scope is there to be closed
  public List<Sample> decodeCounted(List<TaskPrediction> predictions) {
    if (predictions.size() != tasks.count()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "CenterDecoder: there must be %d task predictions, got %d",
              tasks.count(),
              predictions.size()));
    }
    predictions.forEach(prediction -> prediction.requireOpen("CenterDecoder.decode"));
    List<Sample> result = new ArrayList<>();
    try (TensorScope scope = TensorScope.open()) {
      for (int task = 0; task < predictions.size(); task++) {
        Maps maps = new Maps(predictions.get(task));
        checkShape(task, maps);
        for (int sample = 0; sample < maps.batch; sample++) {
          if (task == 0) {
            result.add(new Sample(new ArrayList<>(), new ArrayList<>()));
          }
          Sample into = result.get(sample);
          List<DecodedBox> candidates = candidates(maps, task, sample, into.dropped);
          double threshold = settings.nmsThresholds().get(task);
          into.boxes.addAll(CircleNms.keep(candidates, threshold, settings.maxPerTask()));
        }
      }
    }
    return result;
  }

  /** The decoded boxes of one task and sample before suppression, by falling score. */
  private List<DecodedBox> candidates(Maps maps, int task, int sample, List<Dropped> dropped) {
    int cells = grid.cells();
    List<DecodedBox> found = new ArrayList<>();
    int[] counts = new int[PARTS.size()];
    double[] examples = new double[PARTS.size()];
    List<Integer> top = top(maps, sample);
    for (int index : top) {
      int channel = index / cells;
      double[] box = box(maps, sample, index % cells);
      int bad = firstSenseless(box, index % cells);
      if (bad >= 0) {
        counts[PART_OF[bad]]++;
        examples[PART_OF[bad]] = box[bad];
      } else if (settings.inRange(box)) {
        found.add(new DecodedBox(tasks.firstLabel(task) + channel, maps.score(sample, index), box));
      }
    }
    for (int part = 0; part < counts.length; part++) {
      if (counts[part] > 0) {
        dropped.add(new Dropped(task, PARTS.get(part), examples[part], counts[part], top.size()));
      }
    }
    return found;
  }

  /** Which of the box's nine numbers is the first that none can have, or −1. */
  private int firstSenseless(double[] box, int cell) {
    double farthest = (double) Math.max(grid.width(), grid.height()) * grid.cellSize();
    for (int i = 0; i < box.length; i++) {
      boolean sound =
          switch (i) {
            case 0 -> Math.abs(box[i] - grid.x(cell % grid.width())) <= farthest;
            case 1 -> Math.abs(box[i] - grid.y(cell / grid.width())) <= farthest;
            case 2 -> Math.abs(box[i]) <= farthest;
            case 3, 4, 5 -> box[i] > 0 && Double.isFinite(box[i]);
            default -> Double.isFinite(box[i]);
          };
      if (!sound) {
        return i;
      }
    }
    return -1;
  }

  /** Indices into {@code [C, H, W]} of the highest scores above the threshold, best first. */
  private List<Integer> top(Maps maps, int sample) {
    Comparator<Integer> worstFirst =
        Comparator.<Integer>comparingDouble(i -> maps.score(sample, i))
            .thenComparing(Comparator.reverseOrder());
    PriorityQueue<Integer> best = new PriorityQueue<>(worstFirst);
    for (int i = 0; i < maps.classes * grid.cells(); i++) {
      if (maps.score(sample, i) > settings.scoreThreshold()) { // false for NaN
        best.add(i);
        if (best.size() > settings.maxCandidates()) {
          best.remove();
        }
      }
    }
    List<Integer> sorted = new ArrayList<>(best);
    sorted.sort(worstFirst.reversed());
    return sorted;
  }

  private double[] box(Maps maps, int sample, int cell) {
    int column = cell % grid.width();
    int row = cell / grid.width();
    return new double[] {
      grid.x(column + maps.reg(sample, 0, cell)),
      grid.y(row + maps.reg(sample, 1, cell)),
      maps.height(sample, cell),
      (float) Math.exp(maps.dim(sample, 0, cell)),
      (float) Math.exp(maps.dim(sample, 1, cell)),
      (float) Math.exp(maps.dim(sample, 2, cell)),
      (float) Math.atan2(maps.rot(sample, 0, cell), maps.rot(sample, 1, cell)),
      maps.vel(sample, 0, cell),
      maps.vel(sample, 1, cell)
    };
  }

  private void checkShape(int task, Maps maps) {
    if (maps.classes != tasks.classes(task)
        || maps.rows != grid.height()
        || maps.columns != grid.width()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "CenterDecoder: the heatmap of task %d must be [B, %d, %d, %d], got [B, %d, %d, %d]",
              task,
              tasks.classes(task),
              grid.height(),
              grid.width(),
              maps.classes,
              maps.rows,
              maps.columns));
    }
  }

  /** A task's maps as Java arrays, scores in place of logits. */
  private static final class Maps {
    final int batch;
    final int classes;
    final int rows;
    final int columns;
    private final float[] scores;
    private final float[] reg;
    private final float[] height;
    private final float[] dim;
    private final float[] rot;
    private final float[] vel;

    Maps(TaskPrediction p) {
      long[] shape = p.heatmap().shape();
      batch = (int) shape[0];
      classes = (int) shape[1];
      rows = (int) shape[2];
      columns = (int) shape[3];
      scores = Tensors.toFloats(p.heatmap().sigmoid());
      reg = Tensors.toFloats(p.reg());
      height = Tensors.toFloats(p.height());
      dim = Tensors.toFloats(p.dim());
      rot = Tensors.toFloats(p.rot());
      vel = Tensors.toFloats(p.vel());
    }

    private int cells() {
      return rows * columns;
    }

    float score(int sample, int index) {
      return scores[sample * classes * cells() + index];
    }

    float reg(int sample, int axis, int cell) {
      return reg[(sample * 2 + axis) * cells() + cell];
    }

    float height(int sample, int cell) {
      return height[sample * cells() + cell];
    }

    float dim(int sample, int axis, int cell) {
      return dim[(sample * 3 + axis) * cells() + cell];
    }

    float rot(int sample, int part, int cell) {
      return rot[(sample * 2 + part) * cells() + cell];
    }

    float vel(int sample, int axis, int cell) {
      return vel[(sample * 2 + axis) * cells() + cell];
    }
  }
}
