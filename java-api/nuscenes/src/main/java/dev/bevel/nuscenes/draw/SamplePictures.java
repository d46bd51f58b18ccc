package dev.bevel.nuscenes.draw;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.MapRegion;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.PathFaults;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.evaluation.EvaluationBox;
import java.awt.image.BufferedImage;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The two pictures of a key frame with all that its data set has of it: images, boxes, LiDAR
 * points, tracks and map.
 */
public final class SamplePictures {
  /** Metres to the corners of the picture from above. */
  private static final double MAP_RADIUS = BevView.RANGE * Math.sqrt(2);

  private final NuScenes set;
  private final Sample sample;
  private final DetectionSample contents;
  private @Nullable List<Detection> detections;
  private double minScore;

  /**
   * The pictures of a key frame's ground truth.
   *
   * @throws dev.bevel.nuscenes.NuScenesException if a camera or the LiDAR has no key frame in it
   */
  public SamplePictures(NuScenes set, Sample sample) {
    this.set = set;
    this.sample = sample;
    this.contents = DetectionSample.of(set, sample);
  }

  /**
   * Adds detections.
   *
   * @param boxes of this sample, in the global frame
   * @param atLeast only those with this score or more are drawn
   */
  public SamplePictures withDetections(Collection<EvaluationBox> boxes, double atLeast) {
    Pose globalToEgo = contents.egoToGlobal().inverse();
    detections = boxes.stream().map(box -> detection(box, globalToEgo)).toList();
    minScore = atLeast;
    return this;
  }

  /**
   * Adds detections.
   *
   * @param found in this sample, in the key ego frame
   * @param atLeast only those with this score or more are drawn
   */
  public SamplePictures withDetections(List<Detection> found, double atLeast) {
    detections = List.copyOf(found);
    minScore = atLeast;
    return this;
  }

  private static Detection detection(EvaluationBox box, Pose globalToEgo) {
    Box3d global =
        Box3d.upright(
            box.x(),
            box.y(),
            box.z(),
            box.width(),
            box.length(),
            box.height(),
            box.yaw(),
            box.vx(),
            box.vy());
    return new Detection(global.transformed(globalToEgo), box.detectionClass(), box.score());
  }

  /**
   * The camera images with boxes.
   *
   * @throws dev.bevel.nuscenes.NuScenesException if an image is missing or damaged
   */
  public BufferedImage cameras() {
    CameraPicture picture = new CameraPicture(contents);
    return (detections == null ? picture : picture.withDetections(detections, minScore)).draw();
  }

  /**
   * The key frame from above.
   *
   * @throws dev.bevel.nuscenes.NuScenesException if the LiDAR file or the map is damaged; where
   *     they are not there, they are left out
   */
  public BufferedImage bev() {
    BevPicture picture = new BevPicture(contents).withTracks(SceneTracks.of(set, sample));
    map().ifPresent(picture::withMap);
    if (hasLidar()) {
      picture.withLidar(contents.readLidar());
    }
    if (detections != null) {
      picture.withDetections(detections, minScore);
    }
    return picture.draw();
  }

  /** What the picture from above has to do without, a sentence each; empty if it has all. */
  public List<String> missing() {
    List<String> missing = new ArrayList<>();
    if (!hasLidar()) {
      missing.add(
          "there are no LiDAR points: "
              + contents.lidar()
              + " "
              + PathFaults.asFile(contents.lidar()));
    }
    if (MapRegion.file(set, sample).isEmpty()) {
      missing.add("there is no map mask of this drive in the data set");
    }
    return missing;
  }

  private boolean hasLidar() {
    return Files.exists(contents.lidar());
  }

  private Optional<MapRegion> map() {
    return MapRegion.around(set, sample, MAP_RADIUS);
  }
}
