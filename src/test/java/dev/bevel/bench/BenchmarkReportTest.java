package dev.bevel.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bevel.nuscenes.NuScenesException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchmarkReportTest {
  private static final BenchmarkKey KEY =
      new BenchmarkKey("lift-splat", "bevdet", Pass.BACKWARD, "fp32", "cpu", 2);

  @TempDir Path folder;

  private static BenchmarkReport sample() {
    BenchmarkReport report = new BenchmarkReport();
    report.add(KEY, "libtorch", new Timing(60, 50, 5), 0.25);
    report.add(KEY, "bevel", new Timing(0.5, 0.4, 100), 0.25);
    return report;
  }

  @Test
  void ratioIsMedianOverBevelsMedianOfTheSameKey() {
    BenchmarkReport report = sample();
    BenchmarkKey other = new BenchmarkKey("lift-splat", "bevdet", Pass.BACKWARD, "fp32", "cpu", 1);
    report.add(other, "bevel", new Timing(2, 1, 3), 0);
    assertThat(report.results())
        .extracting(BenchmarkResult::ratio)
        .containsExactly(120.0, 1.0, 1.0);
  }

  @Test
  void jsonHasExactlyTheFieldsOfTheSchema() throws IOException {
    Path file = folder.resolve("new/results.json");
    sample().writeJson(file);
    JsonNode array = new ObjectMapper().readTree(file.toFile());
    assertThat(array.isArray()).isTrue();
    assertThat(array).hasSize(2);
    assertThat(array.get(0).toString())
        .isEqualTo(
            "{\"op\":\"lift-splat\",\"case\":\"bevdet\",\"pass\":\"backward\",\"dtype\":\"fp32\",\"device\":\"cpu\","
                + "\"threads\":2,\"variant\":\"libtorch\",\"median_ms\":60.0,\"min_ms\":50.0,\"floor_ms\":0.25,\"ratio\":120.0}");
  }

  @Test
  void failedWriteLeavesNothingBehind() throws IOException {
    Path occupied = Files.createDirectory(folder.resolve("results.json"));
    assertThatThrownBy(() -> sample().writeJson(occupied))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("results.json");
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(occupied);
    }
  }

  @Test
  void refusesDoubleMeasurementsAndGroupsWithoutBevel() {
    BenchmarkReport report = sample();
    assertThatThrownBy(() -> report.add(KEY, "libtorch", new Timing(1, 1, 1), 0))
        .hasMessageContaining("libtorch")
        .hasMessageContaining("twice");
    BenchmarkReport lonely = new BenchmarkReport();
    lonely.add(KEY, "libtorch", new Timing(1, 1, 1), 0);
    assertThatThrownBy(lonely::results).hasMessageContaining("no variant bevel");
  }

  @Test
  void rowsStandUnderTheirHeads() {
    for (BenchmarkResult result : sample().results()) {
      String row = BenchmarkReport.row(result);
      assertThat(row).hasSameSizeAs(BenchmarkReport.header()).contains(result.variant());
    }
  }

  @Test
  void aQuickRunTakesTheFirstCaseAndTheMostThreads() {
    BenchmarkOptions all = BenchmarkOptions.of(List.of(), List.of(1, 4, 2), 7, 1, null);
    assertThat(all.quick(List.of("a", "b")))
        .isEqualTo(new BenchmarkOptions(List.of("a"), List.of(), List.of(4), 7, 0.1, 1, null));
    BenchmarkOptions named = BenchmarkOptions.of(List.of("b"), List.of(1), 7, 1, null);
    assertThat(named.quick(List.of("a", "b")).cases()).containsExactly("b");
  }

  @Test
  void timingCountsOnlyTheCallAndTakesTurns() {
    List<String> events = new ArrayList<>();
    List<Timing> timings =
        Timing.measureInTurn(
            new Timing.Budget(10, 10, 0),
            List.of(
                new Timing.Call(
                    () -> {
                      events.add("before");
                      pause(20);
                    },
                    () -> {
                      events.add("call");
                      pause(2);
                    }),
                new Timing.Call(() -> {}, () -> events.add("other"))));
    Timing timing = timings.get(0);
    assertThat(timing.calls()).isEqualTo(10);
    assertThat(timings.get(1).calls()).isEqualTo(10);
    // A round: one call to warm up and two timed, of the one and then of the other.
    List<String> round = new ArrayList<>();
    IntStream.range(0, 3).forEach(i -> round.addAll(List.of("before", "call")));
    IntStream.range(0, 3).forEach(i -> round.add("other"));
    assertThat(events).hasSize(5 * round.size()).startsWith(round.toArray(new String[0]));
    assertThat(timing.minMs()).isGreaterThanOrEqualTo(1.9);
    assertThat(timing.medianMs()).isGreaterThanOrEqualTo(timing.minMs());
    // Well below the 20 ms of what runs before, unless the machine stood still for most calls.
    assertThat(timing.minMs()).isLessThan(20);
  }

  private static void pause(int milliseconds) {
    try {
      Thread.sleep(milliseconds);
    } catch (InterruptedException interrupted) {
      throw new AssertionError(interrupted);
    }
  }
}
