package dev.bevel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.nuscenes.TinyNuScenes;
import dev.bevel.testing.TestData;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RenderCommandTest {
  @TempDir Path folder;

  private final StringWriter output = new StringWriter();
  private final StringWriter error = new StringWriter();

  private int run(Path data, String sample, String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "render",
                "--data",
                data.toString(),
                "--sample",
                sample,
                "--out",
                folder.resolve("out").toString()));
    arguments.addAll(List.of(more));
    return Main.commandLine()
        .setOut(new PrintWriter(output))
        .setErr(new PrintWriter(error, true))
        .execute(arguments.toArray(String[]::new));
  }

  private BufferedImage picture(String name) throws IOException {
    return ImageIO.read(folder.resolve("out").resolve(name).toFile());
  }

  private Path tiny() {
    Path data = folder.resolve("data");
    new TinyNuScenes(data).write().writeSensorFiles(1, 30, 0, 0, 5, 5);
    return data;
  }

  private static int differences(BufferedImage a, BufferedImage b) {
    int count = 0;
    for (int y = 0; y < a.getHeight(); y++) {
      for (int x = 0; x < a.getWidth(); x++) {
        count += a.getRGB(x, y) == b.getRGB(x, y) ? 0 : 1;
      }
    }
    return count;
  }

  @Test
  void drawsTruthAndDetections() throws IOException {
    Path data = tiny();
    assertThat(run(data, "sample-1")).as(error.toString()).isZero();
    assertThat(output.toString())
        .contains("bev.png: there is no map mask", "wrote cameras.png and bev.png");
    BufferedImage cameras = picture("cameras.png");
    BufferedImage bev = picture("bev.png");
    assertThat(cameras.getWidth()).isEqualTo(2412);
    assertThat(bev.getHeight()).isEqualTo(1400);

    Path results =
        Files.writeString(
            folder.resolve("results.json"),
            """
            {"meta": {}, "results": {"elsewhere": 5, "sample-1": [{"sample_token": "sample-1",
              "translation": [110, 60, 1], "size": [2, 4, 1.6], "rotation": [1, 0, 0, 0],
              "velocity": [NaN, NaN], "detection_name": "bus", "detection_score": 0.4,
              "attribute_name": ""}]}}
            """);
    assertThat(run(data, "sample-1", "--overwrite", "--results", results.toString())).isZero();
    BufferedImage found = picture("bev.png");
    assertThat(differences(bev, found)).isGreaterThan(200);
    assertThat(differences(cameras, picture("cameras.png"))).isGreaterThan(200);
    assertThat(
            run(
                data,
                "sample-1",
                "--overwrite",
                "--results",
                results.toString(),
                "--score-threshold",
                "0.41"))
        .isZero();
    int inMap = 0;
    BufferedImage below = picture("bev.png");
    for (int i = 0; i < 1400 * 1400; i++) {
      inMap += below.getRGB(i % 1400, i / 1400) == bev.getRGB(i % 1400, i / 1400) ? 0 : 1;
    }
    assertThat(inMap).as("a score below the threshold is not drawn").isZero();
  }

  @Test
  void whatIsNotThereIsOneSentence() throws IOException {
    Path data = tiny();
    assertThat(run(data, "nowhere")).isEqualTo(1);
    assertThat(run(data, "sample-0")).isEqualTo(1);
    assertThat(run(data, "sample-1", "--results", folder.resolve("none").toString())).isEqualTo(1);
    assertThat(run(folder.resolve("empty"), "sample-1")).isEqualTo(1);
    assertThat(run(data, "sample-1", "--score-threshold", "NaN")).isEqualTo(2);
    assertThat(error.toString().lines().limit(5))
        .anyMatch(line -> line.contains("no record nowhere in table sample"))
        .anyMatch(line -> line.contains("CAM_FRONT_LEFT-0.jpg does not exist"))
        .anyMatch(line -> line.contains("none does not exist"))
        .anyMatch(line -> line.contains("empty does not exist"))
        .anyMatch(line -> line.contains("'--score-threshold': must be a number from 0 to 1"));
    assertThat(folder.resolve("out")).doesNotExist();
    Files.write(data.resolve("samples/LIDAR_TOP/LIDAR_TOP-1.pcd.bin"), new byte[7]);
    assertThat(run(data, "sample-1")).isEqualTo(1);
    assertThat(folder.resolve("out")).doesNotExist();
    Files.delete(data.resolve("samples/LIDAR_TOP/LIDAR_TOP-1.pcd.bin"));
    assertThat(run(data, "sample-1")).isZero();
    assertThat(output.toString()).contains("bev.png: there are no LiDAR points");
  }

  @Test
  void realSampleHasItsMap() throws IOException {
    Path data = TestData.require("nuscenes-one-sample");
    assertThat(run(data, "ca9a282c9e77460f8360f564131a8af5")).as(error.toString()).isZero();
    assertThat(output.toString()).doesNotContain("bev.png:");
    // The road runs under the car and ahead; 50 m to the left is none.
    BufferedImage bev = picture("bev.png");
    assertThat(count(bev, 690, 300, 0xdde2e9)).isGreaterThan(300);
    assertThat(count(bev, 690, 300, 0xf7f8fa)).isZero();
    assertThat(count(bev, 40, 500, 0xdde2e9)).isZero();
    assertThat(count(bev, 40, 500, 0xf7f8fa)).isGreaterThan(300);
  }

  private static int count(BufferedImage image, int left, int top, int color) {
    int count = 0;
    for (int i = 0; i < 400; i++) {
      count += (image.getRGB(left + i % 20, top + i / 20) & 0xffffff) == color ? 1 : 0;
    }
    return count;
  }
}
