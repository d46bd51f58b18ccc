package dev.bevel.nuscenes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.simulator.SimulationSettings;
import dev.bevel.nuscenes.simulator.Simulator;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Sweeps at 20 Hz from a moving car, of a world whose objects are known. */
class SimulatedSweepsTest {
  private static final int SWEEPS = 9;

  @TempDir private static Path folder;
  private static Path data = Path.of("");

  private final NuScenes set = NuScenes.load(data, Simulator.VERSION);

  @BeforeAll
  static void simulate() {
    data = folder.resolve("data");
    Simulator.run(
        SimulationSettings.of(1, 3, 5).withImageSize(160, 90).withSweeps(SWEEPS, 0).withThreads(2),
        data,
        (done, total) -> {});
  }

  private List<Sample> samples() {
    return List.copyOf(set.samples());
  }

  @Test
  void sweepsComeAtTwentyHertzAndReachBackPastTheKeyFrame() {
    List<Sample> samples = samples();
    LidarSweeps sweeps = LidarSweeps.read(set, samples.getLast(), SweepOptions.devkit(15));
    assertThat(sweeps.sweeps()).isEqualTo(16);
    List<Float> lags = new ArrayList<>();
    for (int i = 0; i < sweeps.count(); i++) {
      if (lags.isEmpty() || sweeps.timeLag(i) != lags.getLast()) {
        lags.add(sweeps.timeLag(i));
      }
    }
    assertThat(lags).hasSize(16).isSorted().doesNotHaveDuplicates();
    for (int i = 0; i < lags.size(); i++) {
      assertThat((double) lags.get(i)).isCloseTo(0.05 * i, within(0.02));
    }
  }

  @Test
  void firstKeyFrameEndsTheChain() {
    Sample first = samples().getFirst();
    LidarSweeps alone = LidarSweeps.read(set, first, SweepOptions.mmdet3d(SWEEPS));
    int before = LidarSweeps.read(set, first, SweepOptions.devkit(SWEEPS)).sweeps() - 1;
    assertThat(before).isLessThan(SWEEPS);
    assertThat(alone.sweeps()).isEqualTo(before == 0 ? 1 + SWEEPS : 1 + before);
  }

  /**
   * What stands still gets about the same number of points from each sweep, in the box of the key
   * frame; brought over without the ego poses, the sweeps miss it.
   */
  @Test
  void standingObjectsCollectPointsOfEverySweep() {
    double most = 0;
    int boxes = 0;
    int expected = 0;
    int compensated = 0;
    int raw = 0;
    for (Sample sample : samples().subList(1, samples().size())) {
      LidarSweeps sweeps = LidarSweeps.read(set, sample, SweepOptions.devkit(SWEEPS));
      DetectionSample all = DetectionSample.of(set, sample);
      var key = set.keyFrame(sample, DetectionSample.LIDAR_CHANNEL);
      var oldest = key;
      for (int i = 0; i < SWEEPS && !oldest.prev().isEmpty(); i++) {
        oldest = NuScenesTables.get(set.tables().sampleData(), "sample_data", oldest.prev());
      }
      Pose motion = set.sensorToSensor(oldest, key);
      most = Math.max(most, Math.hypot(motion.tx(), motion.ty()));
      for (GroundTruthBox truth : all.boxes()) {
        if (truth.lidarPoints() < 30 || !(truth.box().speed() < 0.01)) {
          continue;
        }
        boxes++;
        expected += (sweeps.sweeps() - 1) * truth.lidarPoints();
        Box3d box = larger(truth.box());
        for (int i = 0; i < sweeps.count(); i++) {
          if (sweeps.timeLag(i) > 0) {
            compensated += inside(box, all.lidarToEgo(), sweeps, i, Pose.IDENTITY) ? 1 : 0;
            // Where the same points are if the car is taken to have stood still.
            raw += inside(box, all.lidarToEgo(), sweeps, i, back(key, sweeps.timeLag(i))) ? 1 : 0;
          }
        }
      }
    }
    System.out.printf(
        Locale.ROOT,
        "%d standing boxes, car moved up to %.1f m: %d points expected, %d compensated, %d raw%n",
        boxes,
        most,
        expected,
        compensated,
        raw);
    assertThat(boxes).isGreaterThan(5);
    assertThat(most).as("metres the car moved").isGreaterThan(1);
    assertThat(compensated / (double) expected).isBetween(0.85, 1.25);
    assertThat(raw).isLessThan(compensated * 2 / 3);
  }

  /** Key LiDAR frame → LiDAR frame of the sweep so many seconds before: undoes the compensation. */
  private Pose back(TableRecord.SampleData key, float seconds) {
    var sweep = key;
    while ((key.timestamp() - sweep.timestamp()) * 1e-6 < seconds - 1e-4) {
      sweep = NuScenesTables.get(set.tables().sampleData(), "sample_data", sweep.prev());
    }
    return set.sensorToSensor(key, sweep);
  }

  private static boolean inside(Box3d box, Pose toBox, LidarSweeps sweeps, int i, Pose first) {
    var p = first.transform(sweeps.x(i), sweeps.y(i), sweeps.z(i));
    var q = toBox.transform(p.x, p.y, p.z);
    return box.contains(q.x, q.y, q.z);
  }

  /** Room for the range noise. */
  private static Box3d larger(Box3d b) {
    return new Box3d(
        b.pose(), b.width() + 0.1, b.length() + 0.1, b.height() + 0.1, b.vx(), b.vy(), b.vz());
  }
}
