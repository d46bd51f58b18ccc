package dev.bevel.nuscenes.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.nuscenes.MapRegion;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.Pose;
import dev.bevel.nuscenes.TableRecord.Sample;
import dev.bevel.nuscenes.simulator.SimulationSettings;
import dev.bevel.nuscenes.simulator.Simulator;
import dev.bevel.nuscenes.simulator.TrafficDensity;
import dev.bevel.testing.Chromium;
import dev.bevel.testing.Seed;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pictures and report of a simulated data set, which has all that a real one has. */
class SimulatedReportTest {
  @TempDir static Path root;

  @BeforeAll
  static void simulate() {
    Simulator.run(
        new SimulationSettings(2, 2, 5, 160, 90, TrafficDensity.DENSE, 0, 0, 2),
        root.resolve("data"),
        (done, total) -> {});
  }

  @Test
  void theMapLiesUnderTheWay() {
    NuScenes set = NuScenes.load(root.resolve("data"));
    for (Sample sample : set.samples()) {
      MapRegion region = MapRegion.around(set, sample, 20).orElseThrow();
      Pose ego = set.egoPose(set.keyFrame(sample, "LIDAR_TOP")).egoToGlobal();
      assertThat(region.isForeground(ego.tx(), ego.ty())).as(sample.token()).isTrue();
    }
  }

  @Test
  void theReportShowsAllThereIs() throws IOException, InterruptedException {
    NuScenes set = NuScenes.load(root.resolve("data"));
    RunFolder run = SampleRun.train(root.resolve("run"), "net", set.dataRoot(), set.version());
    SampleRun.evaluate(run, set, "sim_val", Seed.random(SimulatedReportTest.class));
    RunReport.write(run, null, run.report());
    String html = Files.readString(run.report());
    // Four samples: two best and two worst, with two pictures each.
    assertThat(count(html, "<article>")).isEqualTo(4);
    assertThat(count(html, "<img ")).isEqualTo(8);
    assertThat(html).doesNotContain("class=\"absent\"", "there is no map", "there are no LiDAR");

    Chromium browser = Chromium.require(Files.createDirectories(root.resolve("browser")));
    Chromium.Page page = browser.dom(run.report());
    assertThat(page.console()).isEmpty();
    assertThat(count(page.output(), "<img ")).isEqualTo(8);
  }

  private static long count(String html, String pattern) {
    return Pattern.compile(pattern).matcher(html).results().count();
  }
}
