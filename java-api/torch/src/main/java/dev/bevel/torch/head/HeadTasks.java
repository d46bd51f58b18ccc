package dev.bevel.torch.head;

import dev.bevel.nuscenes.DetectionClass;
import java.util.ArrayList;
import java.util.List;

/**
 * How the classes are shared out among the tasks of a CenterHead. Labels count through: the first
 * class of the first task is label 0.
 *
 * @param tasks per task its classes in channel order; the concatenation is {@link DetectionClass}
 *     in label order
 */
public record HeadTasks(List<List<DetectionClass>> tasks) {
  /** The six tasks of CenterPoint, BEVDet v1 and BEVDepth on nuScenes. */
  public static final HeadTasks NUSCENES_SIX =
      new HeadTasks(
          List.of(
              List.of(DetectionClass.CAR),
              List.of(DetectionClass.TRUCK, DetectionClass.CONSTRUCTION_VEHICLE),
              List.of(DetectionClass.BUS, DetectionClass.TRAILER),
              List.of(DetectionClass.BARRIER),
              List.of(DetectionClass.MOTORCYCLE, DetectionClass.BICYCLE),
              List.of(DetectionClass.PEDESTRIAN, DetectionClass.TRAFFIC_CONE)));

  /** One task of all ten classes (BEVDet dev2). */
  public static final HeadTasks NUSCENES_ONE =
      new HeadTasks(List.of(List.of(DetectionClass.values())));

  /**
   * @throws IllegalArgumentException if the classes do not stand in label order from 0
   */
  public HeadTasks {
    tasks = tasks.stream().map(List::copyOf).toList();
    List<DetectionClass> flat = new ArrayList<>();
    tasks.forEach(flat::addAll);
    for (int label = 0; label < flat.size(); label++) {
      if (flat.get(label).label() != label) {
        throw new IllegalArgumentException(
            "HeadTasks: classes must stand in label order from 0, got " + flat);
      }
    }
  }

  /** Number of tasks. */
  public int count() {
    return tasks.size();
  }

  /** Number of classes, and so of heatmap channels, of one task. */
  public int classes(int task) {
    return tasks.get(task).size();
  }

  /** Label of the first class of a task. */
  public int firstLabel(int task) {
    return tasks.get(task).getFirst().label();
  }
}
