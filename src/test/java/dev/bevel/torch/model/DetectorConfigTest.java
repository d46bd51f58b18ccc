package dev.bevel.torch.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
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
    assertThat(config.grid().cells()).containsExactly(128, 128, 1);
  }

  @Test
  void valuesArriveWhereTheyBelong() throws IOException {
    DetectorConfig config = DetectorConfig.load("bevdepth-r18-128x352");
    assertThat(config.family()).isEqualTo(DetectorConfig.Family.BEVDEPTH);
    assertThat(config.frame()).isEqualTo(DetectorConfig.Frame.EGO);
    assertThat(config.image()).isEqualTo(new DetectorConfig.Image(128, 352, 16));
    assertThat(config.lift()).isEqualTo(new DetectorConfig.Lift(1, 60, 1, 64, 256, 0));
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
        "depth: 50 | depth: 34 | backbone.depth must be 18 or 50, got '34'",
        "depth: [1, 60, 1] | depth: [60, 1, 1] | view.depth must be [start, end, step] with 0 < start < end and step > 0",
        "depth: [1, 60, 1] | depth: [1, 60] | view.depth must be a list of 3 numbers, got the list [1, 60]",
        "z: [-10, 10, 20] | z: [-10, 10, 3] | grid.z must be [lower, upper, cell] with a whole number of cells",
        "z: [-10, 10, 20] | z: [-10, .nan, 20] | grid.z must be a list of 3 numbers",
        "channels: [128, 256, 512] | channels: [128, -1, 512] | bev_encoder.channels must be a list of positive whole numbers",
        "tasks: [[car]] | tasks: [car] | head.tasks must be a list of lists of names, got the list [car]",
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
         head: {tasks: [[car]], shared_channels: 64, branch_channels: 64}}
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
    assertThatThrownBy(() -> DetectorConfig.load("bevdepth-r19"))
        .hasMessageStartingWith("unknown configuration 'bevdepth-r19'; known: bevdet-r50,");
    Path file = folder.resolve("no.yaml");
    assertThatThrownBy(() -> DetectorConfig.load(file.toString()))
        .hasMessage(file + ": no such configuration file");
  }

  @Test
  void binaryRubbishIsNotAConfiguration() {
    for (String text :
        new String[] {"", "- 1", "\0\1\2", "a: &x [*x]", "!!java.util.Date 1", "\uFFFE"}) {
      InputStream in = new java.io.ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
      assertThatThrownBy(() -> DetectorConfig.read(ConfigNode.read("rubbish.yaml", in)))
          .as(text)
          .isInstanceOf(ConfigException.class)
          .hasMessageStartingWith("rubbish.yaml: ");
    }
  }
}
