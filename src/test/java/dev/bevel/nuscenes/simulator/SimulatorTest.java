package dev.bevel.nuscenes.simulator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.RgbImage;
import dev.bevel.nuscenes.Splits;
import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.TableRecord.SampleAnnotation;
import dev.bevel.nuscenes.TableRecord.Scene;
import dev.bevel.nuscenes.evaluation.DetectionEvaluation;
import dev.bevel.nuscenes.evaluation.DetectionMetrics;
import dev.bevel.nuscenes.evaluation.EvaluationBox;
import dev.bevel.nuscenes.evaluation.EvaluationConfig;
import dev.bevel.nuscenes.evaluation.EvaluationSet;
import dev.bevel.nuscenes.evaluation.Submission;
import dev.bevel.nuscenes.evaluation.TruePositiveMetric;
import dev.bevel.nuscenes.simulator.town.MapMask;
import dev.bevel.nuscenes.simulator.world.World;
import dev.bevel.nuscenes.simulator.world.WorldObject;
import dev.bevel.nuscenes.validation.DataSetValidator;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whole data sets, small ones. */
final class SimulatorTest {
  private static final int SCENES = 2;
  private static final int SECONDS = 2;
  private static final SimulationSettings SETTINGS =
      SimulationSettings.of(SCENES, SECONDS, 11)
          .withImageSize(160, 90)
          .withSweeps(1, 1)
          .withThreads(2);
  private static final ProgressListener SILENT = (done, total) -> {};

  @TempDir private static Path shared;
  private static Path data = Path.of("");
  private static final List<String> PROGRESS = new ArrayList<>();

  @BeforeAll
  static void simulate() {
    data = shared.resolve("data");
    Simulator.run(SETTINGS, data, (done, total) -> PROGRESS.add(done + "/" + total));
  }

  /** Contents of all files by their name. */
  private static Map<String, Integer> hashes(Path folder) throws IOException {
    Map<String, Integer> hashes = new TreeMap<>();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        hashes.put(folder.relativize(file).toString(), Arrays.hashCode(Files.readAllBytes(file)));
      }
    }
    return hashes;
  }

  @Test
  void theSameSeedGivesTheSameBytesOnAnyNumberOfThreads(@TempDir Path folder) throws IOException {
    Simulator.run(SETTINGS.withThreads(1), folder, SILENT);
    assertThat(hashes(folder)).isEqualTo(hashes(data)).hasSizeGreaterThan(80);
  }

  @Test
  void anotherSeedGivesAnotherWorld(@TempDir Path folder) throws IOException {
    SimulationSettings other =
        SimulationSettings.of(1, 1, 12).withImageSize(160, 90).withSweeps(0, 0).withThreads(2);
    Simulator.run(other, folder, SILENT);
    Map<String, Integer> mine = hashes(data);
    hashes(folder)
        .forEach(
            (file, hash) -> {
              if (!file.endsWith("visibility.json") && !file.endsWith("splits.json")) {
                assertThat(mine.get(file)).as(file).isNotEqualTo(hash);
              }
            });
  }

  @Test
  void progressCountsKeyFrames() {
    assertThat(PROGRESS).hasSize(SCENES * SECONDS * 2).startsWith("1/8").endsWith("8/8");
  }

  @Test
  void theValidatorAccepts() throws InterruptedException {
    assertThat(DataSetValidator.of(data).validate().findings()).isEmpty();
  }

  @Test
  void oddImagesAndExtremeSeedsMakeValidSetsToo(@TempDir Path folder) throws InterruptedException {
    SimulationSettings odd =
        SimulationSettings.of(1, 1, Long.MIN_VALUE)
            .withImageSize(33, 77)
            .withSweeps(9, 5)
            .withTraffic(TrafficDensity.DENSE)
            .withThreads(2);
    Simulator.run(odd, folder, SILENT);
    assertThat(DataSetValidator.of(folder).validate().findings()).isEmpty();
  }

  @Test
  void everyFileIsThereAndOfTheStatedSize() {
    NuScenes set = NuScenes.load(data, Simulator.VERSION);
    assertThat(set.samples()).hasSize(SCENES * SECONDS * 2);
    assertThat(set.tables().categories()).hasSize(23);
    assertThat(set.tables().attributes()).hasSize(8);
    assertThat(set.tables().visibilities()).hasSize(4);
    for (Sample sample : set.samples()) {
      DetectionSample all = DetectionSample.of(set, sample);
      assertThat(all.readLidar().count()).isBetween(10_000, 40_000);
      assertThat(all.cameras()).hasSize(6);
      all.cameras()
          .forEach(camera -> RgbImage.readJpeg(camera.image(), camera.width(), camera.height()));
      assertThat(all.egoToGlobal().tz()).isZero();
    }
  }

  @Test
  void lidarPointsInBoxesAreThoseOfTheTables() {
    NuScenes set = NuScenes.load(data, Simulator.VERSION);
    int total = 0;
    for (Sample sample : set.samples()) {
      DetectionSample all = DetectionSample.of(set, sample);
      var points = all.readLidar();
      for (var box : all.boxes()) {
        assertThat(box.box().countPoints(points, all.lidarToEgo())).isEqualTo(box.lidarPoints());
        total += box.lidarPoints();
      }
    }
    assertThat(total).isGreaterThan(1000);
  }

  @Test
  void velocitiesOfTheTablesAreThoseOfTheWorld() {
    NuScenes set = NuScenes.load(data, Simulator.VERSION);
    int scene = 0;
    int compared = 0;
    for (Scene record : set.scenes()) {
      long seed = SETTINGS.sceneSeed(scene);
      Timeline timeline = Timeline.of(scene++, SECONDS * 2, 1, 1, seed);
      World world = new World(SETTINGS.traffic().amounts(), SECONDS, seed);
      Collection<Sample> samples =
          set.samples().stream().filter(s -> s.sceneToken().equals(record.token())).toList();
      for (Sample sample : samples) {
        double time = timeline.seconds(sample.timestamp());
        for (SampleAnnotation annotation : set.annotations(sample)) {
          compared += compareVelocity(set, annotation, world, time) ? 1 : 0;
        }
      }
    }
    assertThat(compared).as("objects that go straight at constant speed").isGreaterThan(10);
  }

  /** Compares if the object goes straight and neither brakes nor accelerates. */
  private static boolean compareVelocity(
      NuScenes set, SampleAnnotation annotation, World world, double time) {
    double[] table = set.velocity(annotation);
    Box3d box = annotation.box();
    WorldObject object =
        world.objects().stream()
            .filter(o -> near(o.motion().pose(time), box))
            .findFirst()
            .orElseThrow();
    double speed = object.motion().speed(time);
    double change =
        Math.max(
            Math.abs(object.motion().speed(time - 0.5) - speed),
            Math.abs(object.motion().speed(time + 0.5) - speed));
    double turn =
        Math.abs(object.motion().pose(time - 0.5).yaw() - object.motion().pose(time + 0.5).yaw());
    if (change > 0.05 || turn > 0.02 || speed < 1 || Double.isNaN(table[0])) {
      return false;
    }
    assertThat(table[0]).isCloseTo(speed * Math.cos(box.yaw()), within(0.1));
    assertThat(table[1]).isCloseTo(speed * Math.sin(box.yaw()), within(0.1));
    assertThat(table[2]).isZero();
    return true;
  }

  private static boolean near(Pose pose, Box3d box) {
    return Math.abs(pose.tx() - box.x()) < 1e-6 && Math.abs(pose.ty() - box.y()) < 1e-6;
  }

  @Test
  void instancesAreChainsThroughSuccessiveKeyFrames() {
    NuScenes set = NuScenes.load(data, Simulator.VERSION);
    var annotations = set.tables().annotations();
    assertThat(set.tables().instances()).hasSizeGreaterThan(20);
    set.tables()
        .instances()
        .values()
        .forEach(
            instance -> {
              int count = 0;
              String token = instance.firstAnnotationToken();
              String last = "";
              String expectedSample = "";
              while (!token.isEmpty()) {
                SampleAnnotation at = Objects.requireNonNull(annotations.get(token));
                assertThat(at.instanceToken()).isEqualTo(instance.token());
                assertThat(at.prev()).isEqualTo(last);
                if (count > 0) {
                  assertThat(at.sampleToken()).isEqualTo(expectedSample);
                }
                expectedSample = set.sample(at.sampleToken()).next();
                last = token;
                token = at.next();
                count++;
              }
              assertThat(count).isEqualTo(instance.annotationCount());
              assertThat(last).isEqualTo(instance.lastAnnotationToken());
            });
  }

  @Test
  void groundTruthAsPredictionIsPerfect() {
    NuScenes set = NuScenes.load(data, Simulator.VERSION);
    EvaluationSet truth = EvaluationSet.of(set, Splits.scenes(set, "sim_val"));
    List<EvaluationBox> boxes =
        truth.truth().stream()
            .filter(box -> box.points() > 0)
            .map(SimulatorTest::detected)
            .toList();
    DetectionMetrics metrics =
        DetectionEvaluation.evaluate(truth, new Submission(Map.of("use_camera", true), boxes));
    List<EvaluationBox> counted = truth.filter(truth.truth());
    int classes = 0;
    for (var each : EvaluationConfig.CLASSES) {
      if (counted.stream().anyMatch(box -> box.detectionClass() == each)) {
        classes++;
        assertThat(metrics.averagePrecision(each)).as(each.name()).isCloseTo(1, within(1e-9));
        assertThat(metrics.error(each, TruePositiveMetric.TRANSLATION)).isZero();
        assertThat(metrics.error(each, TruePositiveMetric.SCALE)).isCloseTo(0, within(1e-9));
        if (!Double.isNaN(metrics.error(each, TruePositiveMetric.ORIENTATION))) {
          assertThat(metrics.error(each, TruePositiveMetric.ORIENTATION)).isZero();
        }
      }
    }
    assertThat(classes).isGreaterThanOrEqualTo(4);
  }

  private static EvaluationBox detected(EvaluationBox truth) {
    return new EvaluationBox(
        truth.sample(),
        truth.detectionClass(),
        truth.x(),
        truth.y(),
        truth.z(),
        truth.width(),
        truth.length(),
        truth.height(),
        truth.yaw(),
        truth.vx(),
        truth.vy(),
        0.5,
        truth.attribute(),
        -1);
  }

  @Test
  void theMapShowsWhereTheEgoVehicleDrives() throws IOException {
    NuScenes set = NuScenes.load(data, Simulator.VERSION);
    for (var map : set.tables().maps().values()) {
      BufferedImage image = ImageIO.read(data.resolve(map.filename()).toFile());
      Scene scene =
          set.scenes().stream()
              .filter(s -> map.logTokens().contains(s.logToken()))
              .findFirst()
              .orElseThrow();
      Pose ego =
          set.egoPose(set.keyFrame(set.sample(scene.firstSampleToken()), "LIDAR_TOP"))
              .egoToGlobal();
      int column = (int) (ego.tx() / MapMask.RESOLUTION);
      int row = image.getHeight() - 1 - (int) (ego.ty() / MapMask.RESOLUTION);
      assertThat(image.getRaster().getSample(column, row, 0)).isEqualTo(255);
      assertThat(image.getRaster().getSample(0, 0, 0)).isZero();
    }
  }

  @Test
  void scenesAreSplitThreeToOne(@TempDir Path folder) throws IOException {
    Map<Integer, List<String>> expected =
        Map.of(
            1, List.of(),
            2, List.of("2"),
            3, List.of("3"),
            4, List.of("3"),
            8, List.of("3", "7"));
    for (var each : expected.entrySet()) {
      List<String> names = new ArrayList<>();
      for (int i = 1; i <= each.getKey(); i++) {
        names.add(Integer.toString(i));
      }
      SceneSplit.write(folder, names);
      List<String> train = new ArrayList<>(names);
      train.removeAll(each.getValue());
      assertThat(Files.readString(folder.resolve("splits.json")))
          .isEqualTo(
              String.format(
                  Locale.ROOT,
                  "{\"sim_train\":%s%s}",
                  quoted(train),
                  each.getValue().isEmpty() // a split names a scene at least
                      ? ""
                      : ",\"sim_val\":" + quoted(each.getValue())));
    }
  }

  private static String quoted(List<String> names) {
    return names.stream().map(n -> '"' + n + '"').toList().toString().replace(" ", "");
  }

  @Test
  void anInterruptLeavesNothing(@TempDir Path folder) throws IOException {
    Path out = folder.resolve("out");
    assertThatThrownBy(
            () -> Simulator.run(SETTINGS, out, (done, total) -> Thread.currentThread().interrupt()))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("interrupted");
    assertThat(Thread.interrupted()).isTrue();
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void aFailureLeavesNothing(@TempDir Path folder) {
    Path out = folder.resolve("out");
    assertThatThrownBy(
            () ->
                Simulator.run(
                    SETTINGS,
                    out,
                    (done, total) -> {
                      throw new IllegalStateException("no more");
                    }))
        .hasMessage("no more");
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void whatIsInTheWayIsRefused(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "x");
    assertThatThrownBy(() -> Simulator.run(SETTINGS, folder, SILENT))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining(folder + " is not empty");
    assertThatThrownBy(() -> Simulator.run(SETTINGS, file, SILENT))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining(file + " is a file");
    assertThat(Files.readString(file)).isEqualTo("x");
  }

  @Test
  void badSettingsAreRefused() {
    refused(s -> SimulationSettings.of(0, 1, 0), "number of scenes must be in 1..9999, got 0");
    refused(s -> SimulationSettings.of(1, 0, 0), "seconds of a scene must be in 1..600, got 0");
    refused(s -> s.withImageSize(8, 90), "image width must be in 16..8192, got 8");
    refused(s -> s.withImageSize(160, 99_999), "image height must be in 16..8192, got 99999");
    refused(s -> s.withSweeps(10, 0), "number of LiDAR sweeps must be in 0..9, got 10");
    refused(s -> s.withSweeps(0, -1), "number of camera sweeps must be in 0..5, got -1");
    refused(s -> s.withThreads(0), "number of threads must be in 1..256, got 0");
  }

  private static void refused(UnaryOperator<SimulationSettings> change, String message) {
    assertThatThrownBy(() -> change.apply(SETTINGS))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining(message);
  }
}
