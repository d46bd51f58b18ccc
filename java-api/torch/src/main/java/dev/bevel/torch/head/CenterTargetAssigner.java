package dev.bevel.torch.head;

import dev.bevel.nuscenes.DetectionClass;
import java.util.ArrayList;
import java.util.List;

/**
 * Turns ground-truth boxes into the targets of a CenterHead, as mmdetection3d's {@code
 * CenterHead.get_targets} does.
 *
 * <p>In each task the boxes stand grouped by class in the task's class order, and by ground-truth
 * order in a class. A box whose cell, truncated toward zero, lies outside the map leaves its slot
 * empty (so a centre less than one cell below the lower bound is kept, with a negative offset), and
 * so does a box without an area. Boxes beyond the last slot are dropped. Two boxes in one cell both
 * stay.
 */
public final class CenterTargetAssigner {
  /** Overlap from which the radius of a peak follows. */
  public static final double GAUSSIAN_OVERLAP = 0.1;

  /** Least radius of a peak, cells. */
  public static final int MIN_RADIUS = 2;

  private final HeadGrid grid;
  private final HeadTasks tasks;
  private final int maxObjects;

  /**
   * @param maxObjects slots per sample and task, 500 upstream
   */
  public CenterTargetAssigner(HeadGrid grid, HeadTasks tasks, int maxObjects) {
    if (maxObjects < 1) {
      throw new IllegalArgumentException(
          "CenterTargetAssigner: maxObjects must be positive, got " + maxObjects);
    }
    this.grid = grid;
    this.tasks = tasks;
    this.maxObjects = maxObjects;
  }

  /** The targets of a batch, one per task. */
  public List<TaskTarget> assign(List<GroundTruth> batch) {
    List<TaskTarget> targets = new ArrayList<>();
    for (int task = 0; task < tasks.count(); task++) {
      TaskTarget target = TaskTarget.empty(batch.size(), tasks.classes(task), grid, maxObjects);
      for (int sample = 0; sample < batch.size(); sample++) {
        fill(target, sample, tasks.tasks().get(task), batch.get(sample));
      }
      targets.add(target);
    }
    return targets;
  }

  private void fill(
      TaskTarget target, int sample, List<DetectionClass> classes, GroundTruth truth) {
    int slot = 0;
    for (int channel = 0; channel < classes.size(); channel++) {
      for (int i = 0; i < truth.boxes().size() && slot < maxObjects; i++) {
        if (truth.labels()[i] == classes.get(channel).label()) {
          place(target, sample, channel, slot++, truth.boxes().get(i));
        }
      }
    }
  }

  private void place(TaskTarget target, int sample, int channel, int slot, double[] box) {
    float length = grid.toCells(box[4]);
    float width = grid.toCells(box[3]);
    float x = grid.column(box[0]);
    float y = grid.row(box[1]);
    int column = (int) x;
    int row = (int) y;
    boolean onMap = column >= 0 && column < grid.width() && row >= 0 && row < grid.height();
    if (!onMap || !(length > 0 && width > 0 && box[5] > 0)) {
      return;
    }
    int radius =
        Math.max(MIN_RADIUS, (int) GaussianHeatmap.radius(length, width, GAUSSIAN_OVERLAP));
    int map = (sample * target.classes() + channel) * grid.cells();
    GaussianHeatmap.draw(target.heatmap(), map, grid, column, row, radius);

    int index = sample * maxObjects + slot;
    target.cells()[index] = (long) row * grid.width() + column;
    target.used()[index] = true;
    float[] encoded = {
      x - column,
      y - row,
      (float) box[2],
      (float) Math.log((float) box[3]),
      (float) Math.log((float) box[4]),
      (float) Math.log((float) box[5]),
      (float) Math.sin((float) box[6]),
      (float) Math.cos((float) box[6]),
      (float) box[7],
      (float) box[8]
    };
    System.arraycopy(encoded, 0, target.boxes(), index * TaskTarget.BOX_SIZE, encoded.length);
  }
}
