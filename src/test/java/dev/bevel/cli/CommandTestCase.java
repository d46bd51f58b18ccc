package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.nuscenes.TinyNuScenes;
import dev.bevel.testing.SmallConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Runs the command on a made-up data set with two samples whose files are there. */
abstract class CommandTestCase {
  @TempDir protected Path folder;

  protected Path data = Path.of("");
  protected Path config = Path.of("");
  protected Path out = Path.of("");
  protected String printed = "";
  protected String error = "";

  @BeforeEach
  final void writeDataSet() throws IOException {
    data = folder.resolve("data");
    out = folder.resolve("out");
    config = folder.resolve("small.yaml");
    Files.writeString(config, SmallConfig.yaml(1, "none"));
    TinyNuScenes set = new TinyNuScenes(data).write();
    set.writeSensorFiles(0, 10, 2, 0, 20, 1, 30, -3, 1, 9, 2);
    set.writeSensorFiles(2, 10, 2, 0, 20, 1, 30, -3, 1, 9, 2);
  }

  protected int run(String... arguments) {
    StringWriter output = new StringWriter();
    StringWriter errors = new StringWriter();
    CommandLine command = Main.commandLine();
    command.setOut(new PrintWriter(output, true)).setErr(new PrintWriter(errors, true));
    int status = command.execute(arguments);
    printed = output.toString();
    error = errors.toString();
    return status;
  }

  protected int train(String steps, String... more) {
    String[] common = {
      "train",
      "--config",
      config.toString(),
      "--data",
      data.toString(),
      "--steps",
      steps,
      "--out",
      out.toString()
    };
    return run(Stream.concat(Arrays.stream(common), Arrays.stream(more)).toArray(String[]::new));
  }

  protected int detect(Path checkpoint, String... more) {
    String[] common = {
      "detect",
      "--checkpoint",
      checkpoint.toString(),
      "--data",
      data.toString(),
      "--out",
      out.toString(),
      "--score-threshold",
      "0.01"
    };
    return run(Stream.concat(Arrays.stream(common), Arrays.stream(more)).toArray(String[]::new));
  }

  protected Path checkpoint() {
    return out.resolve("last.safetensors");
  }

  /** One sentence, and no stack trace. */
  protected void assertRefused(int status, int expected, String... parts) {
    assertThat(status).as(error).isEqualTo(expected);
    assertThat(error).startsWith("bevel: ").contains(parts).doesNotContain("\tat ");
    assertThat(error.lines().count()).isLessThanOrEqualTo(2);
  }

  /** An image that is damaged where only decoding finds out. */
  protected static byte[] halfWithAnEnd(byte[] jpeg) {
    byte[] half = Arrays.copyOf(jpeg, jpeg.length / 2);
    half[half.length - 2] = (byte) 0xff;
    half[half.length - 1] = (byte) 0xd9;
    return half;
  }

  protected Path sensorFile(String channel, String suffix) throws IOException {
    try (Stream<Path> files = Files.walk(data)) {
      return files
          .filter(f -> f.toString().contains(channel) && f.toString().endsWith(suffix))
          .sorted()
          .findFirst()
          .orElseThrow();
    }
  }
}
