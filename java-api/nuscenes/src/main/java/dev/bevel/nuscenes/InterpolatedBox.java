package dev.bevel.nuscenes;

import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.TableRecord.SampleAnnotation;
import dev.bevel.nuscenes.TableRecord.SampleData;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.joml.Quaterniond;
import org.jspecify.annotations.Nullable;

/**
 * An annotated object at the time of a file between two key frames, as the nuScenes devkit places
 * it: for pictures, not for the evaluation.
 *
 * @param annotation of the key frame that follows the file
 * @param box in the global frame, with the annotation's velocity
 */
public record InterpolatedBox(SampleAnnotation annotation, Box3d box) {
  /**
   * The objects at the time of a file. A key frame's own, and those before the first key frame, are
   * the annotations of the file's sample. In between, each annotation of the file's sample whose
   * object is annotated in the sample before too stands between the two: centre linear, rotation
   * spherical, the time kept within the two samples'; the others stand as annotated.
   *
   * @return in table order
   */
  public static List<InterpolatedBox> of(NuScenes set, SampleData data) {
    Sample sample = set.sample(data.sampleToken());
    if (data.isKeyFrame() || sample.prev().isEmpty()) {
      return set.annotations(sample).stream()
          .map(a -> new InterpolatedBox(a, set.globalBox(a)))
          .toList();
    }
    Sample before = set.sample(sample.prev());
    Map<String, SampleAnnotation> earlier = new HashMap<>();
    set.annotations(before).forEach(a -> earlier.put(a.instanceToken(), a));
    double share = share(before.timestamp(), sample.timestamp(), data.timestamp());
    return set.annotations(sample).stream()
        .map(a -> between(set, earlier.get(a.instanceToken()), a, share))
        .toList();
  }

  private static double share(long start, long end, long time) {
    return end > start ? Math.clamp((time - start) / (double) (end - start), 0, 1) : 1;
  }

  private static InterpolatedBox between(
      NuScenes set, @Nullable SampleAnnotation earlier, SampleAnnotation later, double share) {
    Box3d end = set.globalBox(later);
    if (earlier == null) {
      return new InterpolatedBox(later, end);
    }
    Pose a = earlier.box().pose();
    Pose b = end.pose();
    Quaterniond q =
        new Quaterniond(a.qx(), a.qy(), a.qz(), a.qw())
            .slerp(new Quaterniond(b.qx(), b.qy(), b.qz(), b.qw()), share);
    Pose pose =
        new Pose(
            q.w,
            q.x,
            q.y,
            q.z,
            a.tx() + share * (b.tx() - a.tx()),
            a.ty() + share * (b.ty() - a.ty()),
            a.tz() + share * (b.tz() - a.tz()));
    Box3d box =
        new Box3d(pose, end.width(), end.length(), end.height(), end.vx(), end.vy(), end.vz());
    return new InterpolatedBox(later, box);
  }
}
