package dev.bevel.torch.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;

class DetectorConfigTest {
  @TempDir private Path folder;

  @SuppressWarnings("unused") // read by FieldSource
  private static final java.util.List<String> NAMES = DetectorConfig.NAMES;

  @ParameterizedTest
  @FieldSource("NAMES")
  void namedConfigurationsLoad(String name) throws IOException {
    DetectorConfig config = DetectorConfig.load(name);
    assertThat(config.name()).isEqualTo(name);
    assertThat(config.head().tasks().stream().mapToInt(java.util.List::size).sum()).isEqualTo(10);
    int cells = name.equals("bevdepth-demo") ? 64 : 128;
    assertThat(config.grid().cells()).containsExactly(cells, cells, 1);
  }

  @Test
  void valuesArriveWhereTheyBelong() throws IOException {
    DetectorConfig config = DetectorConfig.load("bevdepth-r18-128x352");
    assertThat(config.family()).isEqualTo(DetectorConfig.Family.BEVDEPTH);
    assertThat(config.frame()).isEqualTo(DetectorConfig.Frame.EGO);
    assertThat(config.image()).isEqualTo(new DetectorConfig.Image(128, 352, 16));
    assertThat(config.lift()).isEqualTo(new DetectorConfig.Lift(1, 60, 1, 64, 256, 0));
    assertThat(config.backbone()).isEqualTo(new DetectorConfig.Backbone(18, 64));
    assertThat(config.lift().bins()).isEqualTo(59);
    assertThat(DetectorConfig.load("bevdepth-r50-256x704").lift().bins()).isEqualTo(112);
    assertThat(config.encoder().channels()).containsExactly(64, 128, 256);
    assertThat(config.head().branchChannels()).isEqualTo(32);
    FrustumSpec spec = FrustumSpec.of(config);
    assertThat(spec.height()).isEqualTo(8);
    assertThat(spec.width()).isEqualTo(22);
    assertThat(spec.grid().z().upper()).isEqualTo(3);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "height: 256 | height: 255 | image.height must be a multiple of 32, got '255'",
        "height: 256 | height: 0 | image.height must be a whole number from 32 to 8192, got '0'",
        "height: 256 | height: tall | image.height must be a whole number from 32 to 8192, got 'tall'",
        "height: 256 | hight: 256 | image.height is missing, it must be a whole number from 32 to 8192",
        "width: 704 | width: 704, colour: red | unknown key image.colour; known here:",
        "family: bevdet | family: yolo | family must be one of [bevdet, bevdet-dev2, bevdepth], got 'yolo'",
        "stride: 16 | stride: 8 | image.stride must be 16, but in a bevdepth detector, got '8'",
        "depth: 50 | depth: 50, width: 4 | backbone.width must be a whole number from 8 to 512, got '4'",
        "depth: 50 | depth: 34 | backbone.depth must be 18 or 50, got '34'",
        "depth: [1, 60, 1] | depth: [60, 1, 1] | view.depth must be [start, end, step] with 0 < start < end and step > 0",
        "depth: [1, 60, 1] | depth: [1, 60] | view.depth must be a list of 3 numbers, got the list [1, 60]",
        "z: [-10, 10, 20] | z: [-10, 10, 3] | grid.z must be [lower, upper, cell] with a whole number of cells",
        "z: [-10, 10, 20] | z: [-10, .nan, 20] | grid.z must be a list of 3 numbers",
        "channels: [128, 256, 512] | channels: [128, -1, 512] | bev_encoder.channels must be a list of positive whole numbers",
        "tasks: [[car]] | tasks: [car] | head.tasks must be a list of lists of names, got the list [car]",
        "x: [-51.2, 51.2, 0.8] | x: [-51.2, 52.0, 0.8] | grid.x must be [lower, upper, cell] with at most 4096 cells, a multiple of 8",
        "y: [-51.2, 51.2, 0.8] | y: [0, 1.0e+12, 1] | grid.y must be [lower, upper, cell] with at most 4096 cells",
        "z: [-10, 10, 20] | z: [0, 1.0e+12, 1] | grid.z must be [lower, upper, cell] with at most 4096 cells, got",
        "depth: [1, 60, 1] | depth: [1, 1.0e+300, 1] | view.depth must be [start, end, step] with at most 4096 bins",
        "context: 64 | context: 64, depth_net: {width: 8, aspp_dropout: 0} | view.depth_net must be left out: only bevdepth detectors",
        "family: bevdet | family: bevdepth | view.depth_net must be the depth network of a bevdepth detector, got nothing",
        "thresholds: [4] | thresholds: [4, 12] | head.circle_nms.thresholds must be a list of 1 numbers, got the list [4, 12]",
        "name: test | name: [[&x [*x]]] | name must be a text of at most 80 characters, none of control, got a list of lists or mappings",
        "name: test | name: | name must be a named key with a value",
        "neck: {channels: 512} | neck: 512 | neck must be a mapping, got '512'",
        "name: test | name: test, name: again | not valid YAML",
      })
  void badConfigurationsAreRefusedInOneSentence(String from, String to, String message)
      throws IOException {
    String good =
        """
        {name: test, family: bevdet, frame: lidar,
         image: {height: 256, width: 704, stride: 16, normalization: {channels: rgb, mean: [0, 0, 0], std: [1, 1, 1]}},
         backbone: {depth: 50}, neck: {channels: 512}, view: {depth: [1, 60, 1], context: 64},
         grid: {x: [-51.2, 51.2, 0.8], y: [-51.2, 51.2, 0.8], z: [-10, 10, 20]},
         bev_encoder: {channels: [128, 256, 512], out: 256},
         head: {tasks: [[car]], circle_nms: {thresholds: [4], keep: 83}, shared_channels: 64, branch_channels: 64}}
        """;
    Path file = folder.resolve("test.yaml");
    Files.writeString(file, good);
    assertThat(DetectorConfig.load(file.toString()).name()).isEqualTo("test");
    assertThat(good).contains(from);
    Files.writeString(file, good.replace(from, to));
    assertThatThrownBy(() -> DetectorConfig.load(file.toString()))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith(file + ": ")
        .hasMessageContaining(message)
        .hasMessageNotContaining("\n");
  }

  @Test
  void unknownNamesAndMissingFilesAreNamed() {
    for (String name : new String[] {"bevdepth-r19", folder.resolve("no.yaml").toString()}) {
      assertThatThrownBy(() -> DetectorConfig.load(name))
          .isInstanceOf(ConfigException.class)
          .hasMessageStartingWith(
              "unknown configuration '" + name + "': it is none of bevdet-r50, bevdet-dev2")
          .hasMessageEndingWith("and as a file it does not exist");
    }
  }

  @Test
  void bevDepthsChannelsMustDivide() throws IOException {
    String good = DetectorConfig.text("bevdepth-r18-128x352");
    refuse(good, "channels: 512", "channels: 514", "neck.channels must be a multiple of 4");
    refuse(good, "stride: 16", "stride: 12", "image.stride must be 8 or 16, got '12'");
    refuse(good, "width: 256", "width: 254", "view.depth_net.width must be a multiple of 4");
    refuse(good, "[64, 128, 256]", "[64, 128, 255]", "must be [n, 2n, 4n]");
  }

  private static void refuse(String good, String from, String to, String message) {
    assertThat(good).contains(from);
    assertThatThrownBy(
            () -> DetectorConfig.read(ConfigNode.parse("x.yaml", good.replace(from, to))))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("x.yaml: ")
        .hasMessageContaining(message);
  }

  @Test
  void rubbishIsNotAConfiguration() {
    for (String text :
        new String[] {
          "",
          "- 1",
          "\0\1\2",
          "a: &x [*x]",
          "!!java.util.Date 1",
          "\uFFFE",
          "[".repeat(500_000),
          "{a: ".repeat(200_000),
          "name: " + "x\\n".repeat(100_000),
          // Each list ten times the one before: as a text it would have 10^9 words.
          "a: &a [x]\nname: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]"
        }) {
      assertThatThrownBy(() -> DetectorConfig.read(ConfigNode.parse("rubbish.yaml", text)))
          .as(text.substring(0, Math.min(30, text.length())))
          .isInstanceOf(ConfigException.class)
          .hasMessageStartingWith("rubbish.yaml: ")
          .message()
          .doesNotContain("\n")
          .hasSizeLessThan(1000);
    }
  }

  @Test
  void filesThatAreNoTextAreNamed() throws IOException {
    Path file = folder.resolve("x.yaml");
    Files.write(file, new byte[] {'a', ':', ' ', (byte) 0xff});
    assertThatThrownBy(() -> DetectorConfig.load(file.toString()))
        .isInstanceOf(ConfigException.class)
        .hasMessage(file + ": not a text in UTF-8, so not a configuration");
    Files.write(file, new byte[(1 << 20) + 1]);
    assertThatThrownBy(() -> DetectorConfig.load(file.toString()))
        .isInstanceOf(ConfigException.class)
        .hasMessage(file + ": larger than 1048576 bytes, not a configuration");
  }
}
