package dev.bevel.nuscenes.evaluation;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.Counted;
import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.Splits;
import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.TableRecord.SampleAnnotation;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** The key frames of a split: their ego poses, bicycle racks and ground truth. */
public final class EvaluationSet {
  private static final String BICYCLE_RACK = "static_object.bicycle_rack";

  private record Frame(Pose egoToGlobal, List<Box3d> racks) {}

  private final Map<String, Integer> indexOfToken = new HashMap<>();
  private final List<Frame> frames = new ArrayList<>();
  private final List<EvaluationBox> truth = new ArrayList<>();

  private final NuScenes set;
  private final Set<String> scenes;

  private EvaluationSet(NuScenes set, Set<String> scenes) {
    this.set = set;
    this.scenes = scenes;
  }

  /**
   * Collects the key frames of some scenes, in table order.
   *
   * @param sceneNames e.g. {@code scene-0103}
   * @throws NuScenesException if none of the scenes is there, or an annotation has several
   *     attributes
   */
  public static EvaluationSet of(NuScenes set, Collection<String> sceneNames) {
    Set<String> wanted = new HashSet<>(sceneNames);
    EvaluationSet result = new EvaluationSet(set, wanted);
    for (Sample sample : set.samples()) {
      if (wanted.contains(set.scene(sample).name())) {
        result.add(set, sample);
      }
    }
    if (result.frames.isEmpty()) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "%s in %s has no sample of the scenes to evaluate, %s",
              set.version(),
              set.dataRoot(),
              Counted.named(sceneNames)));
    }
    return result;
  }

  private void add(NuScenes set, Sample sample) {
    int index = frames.size();
    indexOfToken.put(sample.token(), index);
    Pose ego = set.egoPose(set.keyFrame(sample, DetectionSample.LIDAR_CHANNEL)).egoToGlobal();
    List<Box3d> racks = new ArrayList<>();
    for (SampleAnnotation annotation : set.annotations(sample)) {
      if (set.categoryName(annotation).equals(BICYCLE_RACK)) {
        racks.add(annotation.box());
      }
      Optional<DetectionClass> detectionClass = set.detectionClass(annotation);
      if (detectionClass.isPresent()) {
        truth.add(box(set, annotation, index, detectionClass.get()));
      }
    }
    frames.add(new Frame(ego, List.copyOf(racks)));
  }

  private static EvaluationBox box(
      NuScenes set, SampleAnnotation annotation, int index, DetectionClass detectionClass) {
    List<String> attributes = set.attributeNames(annotation);
    if (attributes.size() > 1) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "table sample_annotation, record %s: field attribute_tokens must name at most one attribute, got %s",
              annotation.token(),
              attributes));
    }
    Box3d box = set.globalBox(annotation);
    return new EvaluationBox(
        index,
        detectionClass,
        box.x(),
        box.y(),
        box.z(),
        box.width(),
        box.length(),
        box.height(),
        box.yaw(),
        box.vx(),
        box.vy(),
        -1,
        attributes.isEmpty() ? "" : attributes.get(0),
        annotation.lidarPoints() + annotation.radarPoints());
  }

  /** Number of key frames. */
  public int samples() {
    return frames.size();
  }

  /** Index of a key frame by its token, empty if it is not of the split. */
  public Optional<Integer> index(String sampleToken) {
    return Optional.ofNullable(indexOfToken.get(sampleToken));
  }

  /** Tokens of the key frames, in no order. */
  public Set<String> tokens() {
    return Set.copyOf(indexOfToken.keySet());
  }

  /**
   * Where a key frame is that is not of these, in words: the splits that its scene is in beside
   * those that all of these scenes are in.
   */
  String placeOf(String sampleToken) {
    Sample sample = set.tables().samples().get(sampleToken);
    if (sample == null) {
      return set.version() + " has no such sample";
    }
    String scene = set.scene(sample).name();
    return String.format(
        Locale.ROOT, "its scene %s is of the splits %s", scene, Splits.of(set, scene));
  }

  /** The splits that the scenes of these key frames are in. */
  Set<String> splits() {
    Set<String> splits = new TreeSet<>();
    scenes.forEach(scene -> splits.addAll(Splits.of(set, scene)));
    return splits;
  }

  /** All ground truth of the ten classes, in table order, not filtered. */
  public List<EvaluationBox> truth() {
    return List.copyOf(truth);
  }

  /**
   * The boxes that count: within their class's range of the ego car, not without any LiDAR or radar
   * point, and, of bicycles and motorcycles, not in a rack.
   */
  public List<EvaluationBox> filter(Collection<EvaluationBox> boxes) {
    return filter(boxes, EvaluationSettings.BENCHMARK);
  }

  /** As {@link #filter(Collection)}, with the ranges of the settings. */
  public List<EvaluationBox> filter(Collection<EvaluationBox> boxes, EvaluationSettings settings) {
    return boxes.stream()
        .filter(box -> egoDistance(box) < settings.range(box.detectionClass()))
        .filter(box -> box.points() != 0)
        .filter(box -> !isRacked(box))
        .toList();
  }

  /** Distance of a box's centre from the ego car of its sample in the ground plane, metres. */
  public double egoDistance(EvaluationBox box) {
    Pose ego = frames.get(box.sample()).egoToGlobal;
    double dx = box.x() - ego.tx();
    double dy = box.y() - ego.ty();
    return Math.sqrt(dx * dx + dy * dy);
  }

  private boolean isRacked(EvaluationBox box) {
    return switch (box.detectionClass()) {
      case BICYCLE, MOTORCYCLE ->
          frames.get(box.sample()).racks.stream()
              .anyMatch(rack -> rack.contains(box.x(), box.y(), box.z()));
      default -> false;
    };
  }
}
