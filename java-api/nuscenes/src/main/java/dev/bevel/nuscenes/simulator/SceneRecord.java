package dev.bevel.nuscenes.simulator;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.Pose;
import java.util.List;
import java.util.Locale;

/**
 * What the tables say of one scene.
 *
 * @param index from 0
 * @param egoPoses of the timeline's shots, in their order: ego → global
 * @param objects those that the LiDAR met at least once
 */
record SceneRecord(
    int index, SensorRig rig, Timeline timeline, List<Pose> egoPoses, List<Annotated> objects) {
  SceneRecord {
    egoPoses = List.copyOf(egoPoses);
    objects = List.copyOf(objects);
  }

  /**
   * An object over its time in the scene.
   *
   * @param annotations in successive key frames
   */
  record Annotated(int id, String category, List<Annotation> annotations) {
    Annotated {
      annotations = List.copyOf(annotations);
    }
  }

  /**
   * An object in one key frame.
   *
   * @param sample index of the key frame
   * @param box in the global frame
   * @param attribute name, or {@code ""}
   * @param lidarPoints in the box
   * @param visibility nuScenes' level, 1–4
   */
  record Annotation(int sample, Box3d box, String attribute, int lidarPoints, int visibility) {}

  /** E.g. {@code scene-0001}. */
  String name() {
    return String.format(Locale.ROOT, "scene-%04d", index + 1);
  }
}
