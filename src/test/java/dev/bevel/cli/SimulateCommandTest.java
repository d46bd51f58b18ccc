package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.Splits;
import dev.bevel.testing.JavaProcess;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SimulateCommandTest {
  private static final int BAD_COMMAND_LINE = 2;

  @TempDir private Path folder = Path.of("");
  private final StringWriter output = new StringWriter();
  private final StringWriter error = new StringWriter();

  private List<String> arguments(String... options) {
    List<String> arguments =
        new ArrayList<>(List.of("simulate", "--out", out().toString(), "--scenes", "2"));
    arguments.addAll(List.of(options));
    return arguments;
  }

  private Path out() {
    return folder.resolve("out");
  }

  private int run(String... options) {
    return Main.commandLine()
        .setOut(new PrintWriter(output))
        .setErr(new PrintWriter(error, true))
        .execute(arguments(options).toArray(String[]::new));
  }

  @Test
  void writesWhatIsAskedFor() {
    int status =
        run("--seconds", "1", "--seed", "4", "--image-size", "64x36", "--traffic", "dense");
    assertThat(status).as(error.toString()).isZero();
    assertThat(output.toString()).contains("2 scenes of 1 s, tables in v1.0-sim");
    NuScenes set = NuScenes.load(out());
    assertThat(set.samples()).hasSize(4);
    assertThat(Splits.scenes(set, "sim_train")).containsExactly("scene-0001");
    assertThat(Splits.scenes(set, "sim_val")).containsExactly("scene-0002");
    assertThat(set.tables().sampleData().values())
        .filteredOn(data -> data.fileFormat().equals("pcd"))
        .hasSize(2 * 11);
    assertThat(set.tables().sampleData().values())
        .filteredOn(data -> data.fileFormat().equals("jpg"))
        .hasSize(4 * 6)
        .allMatch(data -> data.width() == 64 && data.height() == 36);
    assertThat(set.scenes()).allMatch(scene -> scene.description().contains("dense"));

    assertThat(run("--seconds", "1")).isEqualTo(BAD_COMMAND_LINE);
    assertThat(error.toString()).contains("out is not empty").hasLineCount(2);
  }

  @Test
  void nonsenseIsRefusedInOneSentence() {
    assertThat(run("--image-size", "big")).isEqualTo(BAD_COMMAND_LINE);
    assertThat(error.toString()).contains("--image-size must look like 800x450, got 'big'");
    assertThat(run("--traffic", "wild")).isEqualTo(BAD_COMMAND_LINE);
    assertThat(run("--lidar-sweeps", "10")).isEqualTo(BAD_COMMAND_LINE);
    assertThat(error.toString()).contains("number of LiDAR sweeps must be in 0..9, got 10");
    assertThat(out()).doesNotExist();
  }

  @Test
  void toldToEndItLeavesNothing() throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                JavaProcess.command(Main.class, List.of(), arguments("--image-size", "64x36")))
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("log").toFile())
            .start();
    try {
      while (process.isAlive() && pictures() < 10) {
        TimeUnit.MILLISECONDS.sleep(50);
      }
      assertThat(process.isAlive()).as(Files.readString(folder.resolve("log"))).isTrue();
      process.destroy();
      assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left).containsExactly(folder.resolve("log"));
    }
  }

  /** How many pictures of the front camera there are in the folder that is being written. */
  private long pictures() throws IOException {
    try (Stream<Path> all = Files.walk(folder, 4)) {
      return all.filter(file -> file.toString().contains("__CAM_FRONT__")).count();
    }
  }
}
