package dev.bevel.nuscenes.draw;

import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.TableRecord.SampleAnnotation;
import dev.bevel.nuscenes.TableRecord.SampleData;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.joml.Vector3d;

/**
 * Where the objects of a key frame and the ego car are in all key frames of its scene, in the key
 * ego frame.
 *
 * @param ego the car's own way
 * @param objects those annotated in the key frame, in table order
 */
public record SceneTracks(Track ego, List<Track> objects) {

  /** A place in the ground plane, metres. */
  public record Place(double x, double y) {}

  /**
   * The way of one object.
   *
   * @param detectionClass empty for the ego car and for categories that the task ignores
   * @param past places by time, the present one last
   * @param future places by time, the present one first
   */
  public record Track(
      Optional<DetectionClass> detectionClass, List<Place> past, List<Place> future) {
    /** Copies the lists. */
    public Track {
      past = List.copyOf(past);
      future = List.copyOf(future);
    }
  }

  /** Copies the list. */
  public SceneTracks {
    objects = List.copyOf(objects);
  }

  /**
   * Collects the tracks of a key frame.
   *
   * @throws dev.bevel.nuscenes.NuScenesException if the sample has no LIDAR_TOP key frame; others
   *     of the scene may lack theirs
   */
  public static SceneTracks of(NuScenes set, Sample sample) {
    Pose toEgo = lidarPose(set, set.keyFrame(sample, DetectionSample.LIDAR_CHANNEL)).inverse();
    Map<String, Collector> objects = new LinkedHashMap<>();
    for (SampleAnnotation annotation : set.annotations(sample)) {
      objects.put(annotation.instanceToken(), new Collector(set.detectionClass(annotation)));
    }
    Collector ego = new Collector(Optional.empty());
    for (Sample each : samples(set, sample)) {
      int when = Long.compare(each.timestamp(), sample.timestamp());
      SampleData lidar = set.keyFrames(each).get(DetectionSample.LIDAR_CHANNEL);
      if (lidar != null) {
        ego.add(lidarPose(set, lidar), toEgo, when);
      }
      for (SampleAnnotation annotation : set.annotations(each)) {
        Collector object = objects.get(annotation.instanceToken());
        if (object != null) {
          object.add(annotation.box().pose(), toEgo, when);
        }
      }
    }
    return new SceneTracks(ego.track(), objects.values().stream().map(Collector::track).toList());
  }

  private static Pose lidarPose(NuScenes set, SampleData lidar) {
    return set.egoPose(lidar).egoToGlobal();
  }

  private static List<Sample> samples(NuScenes set, Sample of) {
    return set.samples().stream()
        .filter(each -> each.sceneToken().equals(of.sceneToken()))
        .sorted(Comparator.comparingLong(Sample::timestamp))
        .toList();
  }

  private record Collector(
      Optional<DetectionClass> detectionClass, List<Place> past, List<Place> future) {
    Collector(Optional<DetectionClass> detectionClass) {
      this(detectionClass, new ArrayList<>(), new ArrayList<>());
    }

    /**
     * @param when negative for the past, 0 for the present
     */
    void add(Pose pose, Pose toEgo, int when) {
      Vector3d p = toEgo.transform(pose.tx(), pose.ty(), pose.tz());
      Place place = new Place(p.x, p.y);
      if (when <= 0) {
        past.add(place);
      }
      if (when >= 0) {
        future.add(place);
      }
    }

    Track track() {
      return new Track(detectionClass, past, future);
    }
  }
}
