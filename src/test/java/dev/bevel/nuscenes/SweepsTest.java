package dev.bevel.nuscenes;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.SweepOptions.CloseFilter;
import dev.bevel.nuscenes.SweepOptions.Padding;
import dev.bevel.nuscenes.TableRecord.SampleData;
import dev.bevel.testing.TestData;
import java.nio.file.Path;
import java.util.List;
import org.joml.Vector3d;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Sweeps of {@link TinyNuScenes}, whose three key frames, 0.5 s apart, serve as sweeps too. */
class SweepsTest {
  /** A lamp post that stands still, in the global frame. */
  private static final Vector3d POST = new Vector3d(120, 55, 2);

  @TempDir Path root;

  /** Each file: the post, a point on the car's roof, one near along x only; its own intensity. */
  private NuScenes load(TinyNuScenes tiny) {
    NuScenes set = NuScenes.load(tiny.write().root);
    for (int s = 0; s < 3; s++) {
      Vector3d post = seen(set, "LIDAR_TOP-" + s);
      tiny.writeLidar(
          s,
          new float[] {
            (float) post.x,
            (float) post.y,
            (float) post.z,
            10 * s,
            7,
            0.5f,
            -0.9f,
            -1,
            10 * s,
            8,
            0.5f,
            1,
            -1,
            10 * s,
            9
          });
    }
    return set;
  }

  private static SampleData data(NuScenes set, String token) {
    return requireNonNull(set.tables().sampleData().get(token));
  }

  private static Vector3d seen(NuScenes set, String token) {
    return set.sensorToGlobal(data(set, token)).inverse().transform(POST.x, POST.y, POST.z);
  }

  private LidarSweeps read(int sample, SweepOptions options) {
    NuScenes set = load(new TinyNuScenes(root));
    return LidarSweeps.read(set, set.sample("sample-" + sample), options);
  }

  private static float[] column(LidarSweeps sweeps, int column) {
    float[] all = sweeps.toArray();
    float[] values = new float[sweeps.count()];
    for (int i = 0; i < values.length; i++) {
      values[i] = all[i * LidarSweeps.STRIDE + column];
    }
    return values;
  }

  @Test
  void whatStandsStillMeetsInOnePlace() {
    NuScenes set = load(new TinyNuScenes(root));
    LidarSweeps sweeps = LidarSweeps.read(set, set.sample("sample-2"), SweepOptions.devkit(2));
    Vector3d post = seen(set, "LIDAR_TOP-2");
    assertThat(sweeps.sweeps()).isEqualTo(3);
    assertThat(sweeps.count()).isEqualTo(6);
    for (int i = 0; i < 6; i += 2) {
      assertThat(post.distance(sweeps.x(i), sweeps.y(i), sweeps.z(i))).isLessThan(1e-5);
      assertThat(sweeps.ring(i)).isEqualTo(7f);
      assertThat(sweeps.intensity(i)).isEqualTo(20f - 5 * i);
      assertThat(sweeps.timeLag(i)).isEqualTo(0.25f * i);
      // What moves with the car does not: 4 m a sweep and more.
      assertThat(Math.hypot(sweeps.x(i + 1) - 0.5, sweeps.y(i + 1) - 1))
          .isBetween(2.0 * i, 2.3 * i);
    }
    assertThat(sweeps.x(1)).as("the key frame's points are not touched").isEqualTo(0.5f);
    assertThat(sweeps.y(1)).isEqualTo(1f);
  }

  /** The chain of transforms in 4×4 matrices, written out, agrees to the last float bit or one. */
  @Test
  void motionIsCompensatedThroughBothEgoPoses() {
    NuScenes set = load(new TinyNuScenes(root));
    LidarSweeps sweeps = LidarSweeps.read(set, set.sample("sample-2"), SweepOptions.devkit(1));
    SampleData key = data(set, "LIDAR_TOP-2");
    SampleData before = data(set, "LIDAR_TOP-1");
    Vector3d p = set.calibratedSensor(before).sensorToEgo().transform(0.5, 1, -1);
    p = set.egoPose(before).egoToGlobal().transform(p.x, p.y, p.z);
    p = set.egoPose(key).egoToGlobal().inverse().transform(p.x, p.y, p.z);
    p = set.calibratedSensor(key).sensorToEgo().inverse().transform(p.x, p.y, p.z);
    assertThat((double) sweeps.x(3)).isCloseTo(p.x, within(1e-6));
    assertThat((double) sweeps.y(3)).isCloseTo(p.y, within(1e-6));
    assertThat((double) sweeps.z(3)).isCloseTo(p.z, within(1e-6));
  }

  @Test
  void closePointsGoByTheNamedRule() {
    assertThat(column(read(2, SweepOptions.devkit(1)), 4)).containsExactly(7, 9, 7, 9);
    assertThat(column(read(2, SweepOptions.mmdet3d(1)), 4)).containsExactly(7, 8, 9, 7, 9);
    assertThat(column(read(2, SweepOptions.det3d(1)), 4)).containsExactly(7, 8, 9, 7, 9);
    SweepOptions none = new SweepOptions(1, 1, CloseFilter.NONE, Padding.NONE);
    assertThat(column(read(2, none), 4)).containsExactly(7, 8, 9, 7, 8, 9);
    SweepOptions wide = new SweepOptions(0, 1.1, CloseFilter.KEY_FRAME_AND_PREVIOUS, Padding.NONE);
    assertThat(column(read(2, wide), 4)).containsExactly(7);
  }

  @Test
  void chainsEndAtTheStartOfTheScene() {
    LidarSweeps sweeps = read(1, SweepOptions.devkit(10));
    assertThat(sweeps.sweeps()).isEqualTo(2);
    assertThat(column(sweeps, 5)).containsExactly(0, 0, 0.5f, 0.5f);
    assertThat(read(0, SweepOptions.devkit(10)).sweeps()).isEqualTo(1);
    assertThat(read(2, SweepOptions.devkit(0)).sweeps()).isEqualTo(1);
  }

  @Test
  void missingSweepsArePaddedAsUpstream() {
    LidarSweeps alone = read(0, SweepOptions.mmdet3d(2));
    assertThat(column(alone, 4)).containsExactly(7, 8, 9, 7, 9, 7, 9);
    assertThat(column(alone, 5)).containsOnly(0);
    assertThat(alone.x(3)).isEqualTo(alone.x(0));
    assertThat(read(1, SweepOptions.mmdet3d(5)).sweeps()).as("one sweep is enough").isEqualTo(2);
    assertThat(column(read(1, SweepOptions.det3d(3)), 5))
        .containsExactly(0, 0, 0, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f);
    assertThat(column(read(0, SweepOptions.det3d(2)), 4)).containsExactly(7, 8, 9, 7, 9, 7, 9);
  }

  @Test
  void brokenFilesAndOptionsAreNamed() {
    TinyNuScenes tiny = new TinyNuScenes(root);
    NuScenes set = load(tiny);
    tiny.writeLidar(1, 1, 2, 3);
    assertThatThrownBy(() -> LidarSweeps.read(set, set.sample("sample-1"), SweepOptions.devkit(2)))
        .hasMessageContaining("LIDAR_TOP-1.pcd.bin");
    assertThatThrownBy(() -> SweepOptions.devkit(-1)).isInstanceOf(NuScenesException.class);
    assertThatThrownBy(() -> new SweepOptions(1, Double.NaN, CloseFilter.NONE, Padding.NONE))
        .isInstanceOf(NuScenesException.class);
  }

  @Test
  void radarsMeetTheLidar() {
    TinyNuScenes tiny =
        new TinyNuScenes(root).addRadar("RADAR_FRONT", 0.1).addRadar("RADAR_BACK_LEFT", 2.9);
    NuScenes set = load(tiny);
    for (String channel : List.of("RADAR_FRONT", "RADAR_BACK_LEFT")) {
      for (int s = 0; s < 3; s++) {
        String token = channel + "-" + s;
        Vector3d post = seen(set, token);
        Vector3d v = set.sensorToGlobal(data(set, token)).inverse().rotate(3, -1, 0);
        float[] point =
            RadarPcd.point(
                (float) post.x, (float) post.y, (float) post.z, (float) v.x, (float) v.y);
        tiny.writeFile("samples/" + channel + "/" + token + ".pcd", RadarPcd.file(point));
      }
    }
    List<String> channels = List.of("RADAR_FRONT", "RADAR_BACK_LEFT");
    RadarSweeps sweeps =
        RadarSweeps.read(
            set,
            set.sample("sample-2"),
            channels,
            SweepOptions.devkit(1),
            RadarFilter.DEVKIT,
            RadarSweeps.Velocities.LIDAR_FRAME);
    Vector3d post = seen(set, "LIDAR_TOP-2");
    Vector3d v = set.sensorToGlobal(data(set, "LIDAR_TOP-2")).inverse().rotate(3, -1, 0);
    assertThat(sweeps.count()).isEqualTo(4);
    assertThat(sweeps.toArray()).hasSize(4 * RadarSweeps.STRIDE);
    for (int i = 0; i < 4; i++) {
      assertThat(
              post.distance(
                  sweeps.get(i, RadarField.X),
                  sweeps.get(i, RadarField.Y),
                  sweeps.get(i, RadarField.Z)))
          .isLessThan(1e-5);
      assertThat((double) sweeps.get(i, RadarField.VX)).isCloseTo(v.x, within(1e-5));
      assertThat((double) sweeps.get(i, RadarField.VY)).isCloseTo(v.y, within(1e-5));
      assertThat(sweeps.timeLag(i)).isEqualTo(i % 2 == 0 ? 0.02f : 0.52f);
      assertThat(sweeps.get(i, RadarField.ID)).isEqualTo(300f);
    }
    RadarSweeps raw =
        RadarSweeps.read(
            set,
            set.sample("sample-2"),
            channels,
            SweepOptions.devkit(0),
            RadarFilter.DEVKIT,
            RadarSweeps.Velocities.RADAR_FRAME);
    Vector3d own = set.sensorToGlobal(data(set, "RADAR_BACK_LEFT-2")).inverse().rotate(3, -1, 0);
    assertThat(raw.get(1, RadarField.VX)).isEqualTo((float) own.x);
    assertThat(raw.get(1, RadarField.VY_COMP)).isEqualTo((float) own.y - 1);
    assertThatThrownBy(
            () ->
                RadarSweeps.read(
                    set,
                    set.sample("sample-1"),
                    RadarPoints.CHANNELS,
                    SweepOptions.devkit(1),
                    RadarFilter.DEVKIT,
                    RadarSweeps.Velocities.RADAR_FRAME))
        .hasMessageContaining("no key frame of channel RADAR_FRONT_LEFT");
  }

  @Test
  void realKeyFrameLosesTheVehicleItself() {
    NuScenes set = NuScenes.load(TestData.require("nuscenes-one-sample"));
    var sample = set.samples().iterator().next();
    LidarPoints points = LidarPoints.read(set.path(set.keyFrame(sample, "LIDAR_TOP")));
    int close = 0;
    for (int i = 0; i < points.count(); i++) {
      close += Math.abs(points.x(i)) < 1 && Math.abs(points.y(i)) < 1 ? 1 : 0;
    }
    assertThat(close).isGreaterThan(1000);
    LidarSweeps devkit = LidarSweeps.read(set, sample, SweepOptions.devkit(10));
    assertThat(devkit.count()).isEqualTo(34_688 - close);
    LidarSweeps mmdet3d = LidarSweeps.read(set, sample, SweepOptions.mmdet3d(9));
    assertThat(mmdet3d.count()).isEqualTo(34_688 + 9 * (34_688 - close));
    assertThat(mmdet3d.x(34_687)).isEqualTo(points.x(34_687));
  }
}
