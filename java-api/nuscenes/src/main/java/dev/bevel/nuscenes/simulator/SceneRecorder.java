package dev.bevel.nuscenes.simulator;

import dev.bevel.nuscenes.FileOutput;
import dev.bevel.nuscenes.LidarPoints;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.simulator.SceneRecord.Annotated;
import dev.bevel.nuscenes.simulator.SceneRecord.Annotation;
import dev.bevel.nuscenes.simulator.Timeline.Shot;
import dev.bevel.nuscenes.simulator.scene.CameraView;
import dev.bevel.nuscenes.simulator.scene.Seeds;
import dev.bevel.nuscenes.simulator.sensors.CameraRenderer;
import dev.bevel.nuscenes.simulator.sensors.JpegWriter;
import dev.bevel.nuscenes.simulator.sensors.LidarScanner;
import dev.bevel.nuscenes.simulator.sensors.Rendering;
import dev.bevel.nuscenes.simulator.sensors.VisibilityMeter;
import dev.bevel.nuscenes.simulator.town.MapMask;
import dev.bevel.nuscenes.simulator.world.World;
import dev.bevel.nuscenes.simulator.world.WorldObject;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Records one scene: writes its sensor files and finds out what its annotations say. */
final class SceneRecorder {
  /** Objects are annotated up to this distance from the ego vehicle, metres. */
  static final double ANNOTATION_RANGE = 80;

  private static final float JPEG_QUALITY = 0.9f;

  /** Visible fractions at which nuScenes' levels 2, 3 and 4 begin. */
  private static final double[] VISIBILITY_LEVELS = {0.4, 0.6, 0.8};

  private final SimulationSettings settings;
  private final int index;
  private final long seed;
  private final Path folder;
  private final SensorRig rig;
  private final Timeline timeline;
  private final World world;
  private final double[] sampleTimes;
  private final int[] firstSample;
  private final int[] lastSample;
  private final double[] exposures;

  /**
   * Makes the scene's world.
   *
   * @param index of the scene, from 0
   * @param folder the data folder, with its {@code samples} and {@code sweeps}
   */
  SceneRecorder(SimulationSettings settings, int index, Path folder) {
    this.settings = settings;
    this.index = index;
    this.seed = settings.sceneSeed(index);
    this.folder = folder;
    this.rig = SensorRig.of(settings.imageWidth(), settings.imageHeight(), seed);
    this.timeline =
        Timeline.of(
            index, settings.samples(), settings.lidarSweeps(), settings.cameraSweeps(), seed);
    this.world = new World(settings.traffic().amounts(), settings.seconds(), seed);
    this.sampleTimes = new double[settings.samples()];
    for (Shot shot : timeline.shots()) {
      if (shot.keyFrame() && shot.channel().equals(SensorRig.LIDAR)) {
        sampleTimes[shot.sample()] = timeline.seconds(shot.timestamp());
      }
    }
    this.firstSample = new int[world.objects().size()];
    this.lastSample = new int[world.objects().size()];
    findSpans();
    this.exposures = new double[SensorRig.CAMERAS.size()];
    var random = Seeds.random(seed, "exposure");
    for (int i = 0; i < exposures.length; i++) {
      exposures[i] = Seeds.near(random, 1, 0.05);
    }
  }

  /** Annotates objects from the first to the last key frame in which they are in range. */
  private void findSpans() {
    for (WorldObject object : world.objects()) {
      firstSample[object.id()] = Integer.MAX_VALUE;
      lastSample[object.id()] = -1;
      for (int sample = 0; sample < sampleTimes.length; sample++) {
        Pose at = object.motion().pose(sampleTimes[sample]);
        Pose ego = world.ego().pose(sampleTimes[sample]);
        double dx = at.tx() - ego.tx();
        double dy = at.ty() - ego.ty();
        if (dx * dx + dy * dy < ANNOTATION_RANGE * ANNOTATION_RANGE) {
          firstSample[object.id()] = Math.min(firstSample[object.id()], sample);
          lastSample[object.id()] = sample;
        }
      }
    }
  }

  /** What one key frame found out: for each object in it, in the order of {@link #annotated}. */
  record Observation(List<Annotation> annotations, List<Integer> ids) {}

  private List<WorldObject> annotated(int sample) {
    return world.objects().stream()
        .filter(o -> firstSample[o.id()] <= sample && sample <= lastSample[o.id()])
        .toList();
  }

  /** Records a key frame with the sweeps that belong to it. Safe for many threads. */
  Observation record(int sample) throws IOException {
    List<Rendering> pictures = new ArrayList<>();
    List<CameraView> views = new ArrayList<>();
    LidarPoints points = null;
    Pose lidarToGlobal = Pose.IDENTITY;
    for (Shot shot : timeline.shots()) {
      if (shot.sample() != sample) {
        continue;
      }
      double time = timeline.seconds(shot.timestamp());
      Pose sensorToGlobal =
          world.ego().pose(time).compose(rig.sensor(shot.channel()).sensorToEgo());
      if (shot.channel().equals(SensorRig.LIDAR)) {
        LidarPoints scanned = scan(shot, time, sensorToGlobal);
        if (shot.keyFrame()) {
          points = scanned;
          lidarToGlobal = sensorToGlobal;
        }
      } else {
        CameraView view = view(shot, sensorToGlobal);
        Rendering picture = draw(shot, time, view);
        if (shot.keyFrame()) {
          pictures.add(picture);
          views.add(view);
        }
      }
    }
    if (points == null) {
      throw new IllegalStateException("key frame " + sample + " has no LiDAR sweep");
    }
    return observe(sample, points, lidarToGlobal, pictures, views);
  }

  private LidarPoints scan(Shot shot, double time, Pose lidarToGlobal) throws IOException {
    LidarPoints points = LidarScanner.scan(world.snapshot(time), lidarToGlobal, noiseSeed(shot));
    float[] numbers = points.toArray();
    ByteBuffer bytes =
        ByteBuffer.allocate(numbers.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(numbers);
    FileOutput.write(folder.resolve(timeline.file(shot)), out -> out.write(bytes.array()));
    return points;
  }

  private CameraView view(Shot shot, Pose cameraToGlobal) {
    return new CameraView(
        rig.sensor(shot.channel()).intrinsics().orElseThrow(),
        cameraToGlobal,
        settings.imageWidth(),
        settings.imageHeight());
  }

  private Rendering draw(Shot shot, double time, CameraView view) throws IOException {
    int camera = SensorRig.CAMERAS.indexOf(shot.channel());
    var random = Seeds.random(seed, "jitter", camera, shot.timestamp());
    double exposure = exposures[camera] * Seeds.near(random, 1, 0.03);
    Rendering picture =
        CameraRenderer.render(world.snapshot(time), view, exposure, noiseSeed(shot));
    JpegWriter.write(folder.resolve(timeline.file(shot)), picture, JPEG_QUALITY);
    return picture;
  }

  private long noiseSeed(Shot shot) {
    return Seeds.mix(seed, "noise " + shot.channel(), shot.timestamp());
  }

  private Observation observe(
      int sample,
      LidarPoints points,
      Pose lidarToGlobal,
      List<Rendering> pictures,
      List<CameraView> views) {
    double time = sampleTimes[sample];
    List<WorldObject> objects = annotated(sample);
    double[] visible =
        VisibilityMeter.visibleFractions(
            objects.stream().map(object -> object.placement(time)).toList(), pictures, views);
    List<Annotation> annotations = new ArrayList<>();
    for (int i = 0; i < objects.size(); i++) {
      WorldObject object = objects.get(i);
      annotations.add(
          new Annotation(
              sample,
              object.box(time),
              object.attribute(time),
              object.box(time).countPoints(points, lidarToGlobal),
              visibilityLevel(visible[i])));
    }
    return new Observation(annotations, objects.stream().map(WorldObject::id).toList());
  }

  private static int visibilityLevel(double fraction) {
    int level = 1;
    while (level <= VISIBILITY_LEVELS.length && fraction >= VISIBILITY_LEVELS[level - 1]) {
      level++;
    }
    return level;
  }

  /**
   * Puts together what all key frames found out.
   *
   * @param observations one for each key frame, in order
   */
  SceneRecord summary(List<Observation> observations) {
    List<List<Annotation>> byObject = new ArrayList<>();
    world.objects().forEach(object -> byObject.add(new ArrayList<>()));
    for (Observation observation : observations) {
      for (int i = 0; i < observation.ids().size(); i++) {
        byObject.get(observation.ids().get(i)).add(observation.annotations().get(i));
      }
    }
    List<Annotated> objects = new ArrayList<>();
    for (WorldObject object : world.objects()) {
      List<Annotation> annotations = byObject.get(object.id());
      if (annotations.stream().anyMatch(a -> a.lidarPoints() > 0)) {
        objects.add(new Annotated(object.id(), object.shape().category(), annotations));
      }
    }
    List<Pose> egoPoses =
        timeline.shots().stream()
            .map(shot -> world.ego().pose(timeline.seconds(shot.timestamp())))
            .toList();
    return new SceneRecord(index, rig, timeline, egoPoses, objects);
  }

  /** Writes the mask of the town's drivable ground. */
  void writeMap(Path file) throws IOException {
    MapMask.write(world.town(), file);
  }
}
