package dev.bevel.nuscenes;

import dev.bevel.nuscenes.TableRecord.Attribute;
import dev.bevel.nuscenes.TableRecord.CalibratedSensor;
import dev.bevel.nuscenes.TableRecord.EgoPose;
import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.TableRecord.SampleAnnotation;
import dev.bevel.nuscenes.TableRecord.SampleData;
import dev.bevel.nuscenes.TableRecord.Scene;
import dev.bevel.nuscenes.TableRecord.Sensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A nuScenes data set: its thirteen tables, checked and linked. Sensor files are opened only when
 * asked for, so a data set without (some of) its images loads. Immutable and safe to share between
 * threads.
 */
public final class NuScenes {
  private static final Logger LOG = LoggerFactory.getLogger(NuScenes.class);

  /**
   * Longest time difference over which a velocity is taken from one neighbour; twice this where
   * there are two.
   */
  private static final double MAX_VELOCITY_GAP_SECONDS = 1.5;

  private final Path dataRoot;
  private final String version;
  private final NuScenesTables tables;
  private final Map<String, Map<String, SampleData>> keyFrames;
  private final Map<String, List<SampleAnnotation>> annotations;

  private NuScenes(Path dataRoot, String version, NuScenesTables tables) {
    this.dataRoot = dataRoot;
    this.version = version;
    this.tables = tables;
    this.keyFrames = indexKeyFrames(tables);
    this.annotations = indexAnnotations(tables);
  }

  /**
   * Loads and checks the tables in {@code dataRoot/version}.
   *
   * @param dataRoot the folder with {@code samples/}, {@code sweeps/} and the version folder
   * @param version e.g. {@code v1.0-mini}
   * @throws NuScenesException naming file, record and field where a table is missing, malformed or
   *     points to a record that is not there
   */
  public static NuScenes load(Path dataRoot, String version) {
    Path folder = PathNames.child(dataRoot, version, "the version of a data set");
    requireDataFolder(dataRoot);
    requireFolder("nuScenes table folder", folder);
    long start = System.nanoTime();
    NuScenes set = new NuScenes(dataRoot, version, NuScenesTables.read(folder));
    LOG.debug(
        "{}: {} scenes, {} samples, {} annotations, loaded in {} ms",
        folder,
        set.tables.scenes().size(),
        set.tables.samples().size(),
        set.tables.annotations().size(),
        (System.nanoTime() - start) / 1_000_000);
    return set;
  }

  /**
   * Loads the only version there is under {@code dataRoot}.
   *
   * @throws NuScenesException as {@link #load(Path, String)} and {@link #findVersion}
   */
  public static NuScenes load(Path dataRoot) {
    return load(dataRoot, findVersion(dataRoot));
  }

  private static void requireDataFolder(Path dataRoot) {
    String fault = PathFaults.asDataFolder(dataRoot);
    if (fault != null) {
      throw new NuScenesException("nuScenes data folder " + dataRoot + " " + fault);
    }
  }

  private static void requireFolder(String what, Path folder) {
    String fault = PathFaults.asFolder(folder);
    if (fault != null) {
      throw new NuScenesException(what + " " + folder + " " + fault);
    }
  }

  /**
   * The name of the one {@code v1.0-*} folder under {@code dataRoot}.
   *
   * @throws NuScenesException if there is no such folder, or more than one
   */
  public static String findVersion(Path dataRoot) {
    requireDataFolder(dataRoot);
    try (Stream<Path> entries = Files.list(dataRoot)) {
      List<String> versions =
          entries
              .filter(Files::isDirectory)
              .map(p -> p.getFileName().toString())
              .filter(name -> name.startsWith("v1.0-"))
              .sorted()
              .toList();
      if (versions.isEmpty()) {
        throw new NuScenesException(
            "nuScenes data folder "
                + dataRoot
                + " has no table folder (v1.0-mini, v1.0-trainval, v1.0-test, v1.0-sim or another v1.0-...)");
      }
      if (versions.size() > 1) {
        throw new NuScenesException(
            "nuScenes data folder "
                + dataRoot
                + " has several table folders "
                + versions
                + ": name the one to use");
      }
      return versions.getFirst();
    } catch (IOException | UncheckedIOException e) {
      throw new NuScenesException(
          String.format(
              Locale.ROOT,
              "nuScenes data folder %s cannot be listed: %s",
              dataRoot,
              PathFaults.reason(e)),
          e);
    }
  }

  private static Map<String, Map<String, SampleData>> indexKeyFrames(NuScenesTables t) {
    Map<String, Map<String, SampleData>> index = HashMap.newHashMap(t.samples().size());
    for (SampleData data : t.sampleData().values()) {
      if (data.isKeyFrame()) {
        String channel = channel(t, data);
        SampleData other =
            index
                .computeIfAbsent(data.sampleToken(), k -> new LinkedHashMap<>())
                .put(channel, data);
        if (other != null) {
          throw new NuScenesException(
              String.format(
                  Locale.ROOT,
                  "table sample_data: records %s and %s are both key frames of %s in sample %s",
                  other.token(),
                  data.token(),
                  channel,
                  data.sampleToken()));
        }
      }
    }
    return index;
  }

  private static Map<String, List<SampleAnnotation>> indexAnnotations(NuScenesTables t) {
    Map<String, List<SampleAnnotation>> index = HashMap.newHashMap(t.samples().size());
    for (SampleAnnotation a : t.annotations().values()) {
      index.computeIfAbsent(a.sampleToken(), k -> new ArrayList<>()).add(a);
    }
    return index;
  }

  /** The folder that sensor file names are relative to. */
  public Path dataRoot() {
    return dataRoot;
  }

  /** The table folder's name, e.g. {@code v1.0-mini}. */
  public String version() {
    return version;
  }

  /** The thirteen tables themselves. */
  public NuScenesTables tables() {
    return tables;
  }

  /** All scenes in table order. */
  public Collection<Scene> scenes() {
    return tables.scenes().values();
  }

  /** All key frames in table order. */
  public Collection<Sample> samples() {
    return tables.samples().values();
  }

  /**
   * The key frame with a token.
   *
   * @throws NuScenesException if there is no sample with this token
   */
  public Sample sample(String token) {
    return NuScenesTables.get(tables.samples(), "sample", token);
  }

  /** The scene that a key frame belongs to. */
  public Scene scene(Sample sample) {
    return NuScenesTables.get(tables.scenes(), "scene", sample.sceneToken());
  }

  /**
   * The files of one key frame by channel (e.g. {@code CAM_FRONT}), in table order. Channels can be
   * missing.
   */
  public Map<String, SampleData> keyFrames(Sample sample) {
    return Collections.unmodifiableMap(keyFrames.getOrDefault(sample.token(), Map.of()));
  }

  /**
   * The file of one channel in a key frame.
   *
   * @throws NuScenesException if the key frame has none
   */
  public SampleData keyFrame(Sample sample, String channel) {
    SampleData data = keyFrames(sample).get(channel);
    if (data == null) {
      throw new NuScenesException(
          "sample " + sample.token() + " has no key frame of channel " + channel);
    }
    return data;
  }

  /** The boxes of one key frame, all categories, in table order (the order the evaluation uses). */
  public List<SampleAnnotation> annotations(Sample sample) {
    return Collections.unmodifiableList(annotations.getOrDefault(sample.token(), List.of()));
  }

  /** The category of the object, e.g. {@code vehicle.bus.rigid}. */
  public String categoryName(SampleAnnotation annotation) {
    var instance = NuScenesTables.get(tables.instances(), "instance", annotation.instanceToken());
    return NuScenesTables.get(tables.categories(), "category", instance.categoryToken()).name();
  }

  /** The detection class of the object; empty for categories the detection task ignores. */
  public Optional<DetectionClass> detectionClass(SampleAnnotation annotation) {
    return DetectionClass.ofCategory(categoryName(annotation));
  }

  /** The names of the annotation's attributes, in its order. */
  public List<String> attributeNames(SampleAnnotation annotation) {
    return annotation.attributeTokens().stream()
        .map(token -> NuScenesTables.get(tables.attributes(), "attribute", token))
        .map(Attribute::name)
        .toList();
  }

  /**
   * How much of the object the cameras see; empty where the set does not say.
   *
   * @throws NuScenesException if the table names a level that is none of nuScenes' four
   */
  public Optional<VisibilityLevel> visibility(SampleAnnotation annotation) {
    String token = annotation.visibilityToken();
    return token.isEmpty()
        ? Optional.empty()
        : Optional.of(
            VisibilityLevel.of(NuScenesTables.get(tables.visibilities(), "visibility", token)));
  }

  /**
   * Velocity of the object in the global frame by central differences: from the previous to the
   * next annotation of the instance, or to or from this one at the ends, over the samples' times.
   * Three NaNs where the instance has one annotation only, or where the time difference exceeds 1.5
   * s (3 s with both neighbours): the rule of the nuScenes devkit.
   *
   * @return (vx, vy, vz) in m/s
   */
  public double[] velocity(SampleAnnotation annotation) {
    boolean hasPrev = !annotation.prev().isEmpty();
    boolean hasNext = !annotation.next().isEmpty();
    if (!hasPrev && !hasNext) {
      return new double[] {Double.NaN, Double.NaN, Double.NaN};
    }
    SampleAnnotation first = hasPrev ? annotation(annotation.prev()) : annotation;
    SampleAnnotation last = hasNext ? annotation(annotation.next()) : annotation;
    double seconds =
        1e-6 * sample(last.sampleToken()).timestamp()
            - 1e-6 * sample(first.sampleToken()).timestamp();
    double limit = hasPrev && hasNext ? 2 * MAX_VELOCITY_GAP_SECONDS : MAX_VELOCITY_GAP_SECONDS;
    if (seconds > limit || seconds == 0) {
      return new double[] {Double.NaN, Double.NaN, Double.NaN};
    }
    Box3d a = first.box();
    Box3d b = last.box();
    return new double[] {
      (b.x() - a.x()) / seconds, (b.y() - a.y()) / seconds, (b.z() - a.z()) / seconds
    };
  }

  private SampleAnnotation annotation(String token) {
    return NuScenesTables.get(tables.annotations(), "sample_annotation", token);
  }

  /** The annotation's box in the global frame with its {@link #velocity}. */
  public Box3d globalBox(SampleAnnotation annotation) {
    double[] v = velocity(annotation);
    return annotation.box().withVelocity(v[0], v[1], v[2]);
  }

  /** Calibration of the sensor that recorded a file. */
  public CalibratedSensor calibratedSensor(SampleData data) {
    return NuScenesTables.get(
        tables.calibratedSensors(), "calibrated_sensor", data.calibratedSensorToken());
  }

  /** Where the vehicle was when a file was recorded. */
  public EgoPose egoPose(SampleData data) {
    return NuScenesTables.get(tables.egoPoses(), "ego_pose", data.egoPoseToken());
  }

  /** The channel that recorded a file, e.g. {@code LIDAR_TOP}. */
  public String channel(SampleData data) {
    return channel(tables, data);
  }

  private static String channel(NuScenesTables t, SampleData data) {
    CalibratedSensor calibrated =
        NuScenesTables.get(
            t.calibratedSensors(), "calibrated_sensor", data.calibratedSensorToken());
    Sensor sensor = NuScenesTables.get(t.sensors(), "sensor", calibrated.sensorToken());
    return sensor.channel();
  }

  /** Sensor frame at the file's own time → global frame. */
  public Pose sensorToGlobal(SampleData data) {
    return egoPose(data).egoToGlobal().compose(calibratedSensor(data).sensorToEgo());
  }

  /**
   * From the frame of one sensor at its time to the frame of another at its own time, through both
   * ego poses (cameras and LiDAR of one key frame are up to 50 ms apart).
   */
  public Pose sensorToSensor(SampleData from, SampleData to) {
    return sensorToGlobal(to).inverse().compose(sensorToGlobal(from));
  }

  /**
   * Where a sensor file lies. The file may be absent.
   *
   * @throws NuScenesException if the table's file name would lead out of the data root
   */
  public Path path(SampleData data) {
    return PathNames.inside(
        dataRoot,
        data.filename(),
        String.format(Locale.ROOT, "table sample_data, record %s, field filename", data.token()));
  }
}
