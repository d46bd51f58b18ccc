package dev.bevel.torch.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.nuscenes.Detection;
import dev.bevel.nuscenes.DetectionSample;
import dev.bevel.nuscenes.ImageAugmentation;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.SampleSelection;
import dev.bevel.testing.SmallConfig;
import dev.bevel.testing.TestData;
import dev.bevel.torch.model.ConfigException;
import dev.bevel.torch.model.Detector;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A small detector on the real sample. */
class DetectorTrainingTest {
  @TempDir private Path folder;

  private List<DetectionSample> samples = List.of();

  @BeforeEach
  void load() {
    samples =
        SampleSelection.toDetectIn(NuScenes.load(TestData.require("nuscenes-one-sample")), null)
            .samples();
  }

  private static ConfigDocument config(int batch, boolean augmentation) throws IOException {
    return ConfigDocument.parse(
        "small.yaml", SmallConfig.yaml(batch, augmentation ? "bevdepth" : "none"));
  }

  @Test
  void aFewStepsLowerEveryTermOfTheLoss() throws IOException {
    List<StepReport> reports = new ArrayList<>();
    try (DetectorTraining training = new DetectorTraining(config(1, false), samples, 1)) {
      training.run(12, reports::add);
    }
    assertThat(reports).hasSize(12);
    assertThat(reports.getFirst().terms()).containsOnlyKeys("heatmap", "box", "depth");
    assertThat(reports).allSatisfy(r -> assertThat(r.loss()).isFinite());
    reports
        .getFirst()
        .terms()
        .forEach(
            (name, first) ->
                assertThat(reports.getLast().terms().get(name)).as(name).isLessThan(first));
  }

  @Test
  void fourStepsEqualTwoAndTwoBitForBit() throws IOException {
    for (boolean augmentation : new boolean[] {false, true}) {
      ConfigDocument config = config(augmentation ? 2 : 1, augmentation);
      Path straight = folder.resolve("straight.safetensors");
      Path half = folder.resolve("half.safetensors");
      Path resumed = folder.resolve("resumed.safetensors");
      try (DetectorTraining training = new DetectorTraining(config, samples, 3)) {
        training.run(4, report -> {});
        training.save(straight);
      }
      try (DetectorTraining training = new DetectorTraining(config, samples, 3)) {
        training.run(2, report -> {});
        training.save(half);
      }
      try (DetectorTraining training = new DetectorTraining(config, samples, 3)) {
        training.resume(half);
        assertThat(training.step()).isEqualTo(2);
        training.run(4, report -> {});
        training.save(resumed);
      }
      assertThat(resumed).hasSameBinaryContentAs(straight);
    }
  }

  @Test
  void aStoppedTrainingEndsAfterItsStepAndGoesOnFromItsCheckpoint() throws IOException {
    ConfigDocument config = config(1, true);
    Path straight = folder.resolve("straight.safetensors");
    Path stopped = folder.resolve("stopped.safetensors");
    Path resumed = folder.resolve("resumed.safetensors");
    try (DetectorTraining training = new DetectorTraining(config, samples, 3)) {
      training.run(4, report -> {});
      training.save(straight);
    }
    try (DetectorTraining training = new DetectorTraining(config, samples, 3)) {
      training.run(
          4,
          report -> {
            if (report.step() == 2) {
              training.stop();
            }
          });
      assertThat(training.step()).isEqualTo(2);
      training.run(4, report -> {});
      assertThat(training.step()).as("stopped for good").isEqualTo(2);
      training.save(stopped);
    }
    try (DetectorTraining training = new DetectorTraining(config, samples, 3)) {
      assertThatThrownBy(
              () ->
                  training.run(
                      4,
                      report -> {
                        throw new IllegalStateException("enough");
                      }))
          .hasMessage("enough");
      // What was read ahead, the batch of the second step, is not what comes next.
      training.resume(stopped);
      training.run(4, report -> {});
      training.save(resumed);
    }
    assertThat(resumed).hasSameBinaryContentAs(straight);
  }

  @Test
  void inferenceCarriesItsConfigurationAndRepeatsItself() throws IOException {
    Path file = folder.resolve("small.safetensors");
    try (DetectorTraining training = new DetectorTraining(config(1, false), samples, 3)) {
      training.run(3, report -> {});
      training.save(file);
    }
    try (DetectorInference inference = DetectorInference.load(file)) {
      assertThat(inference.config().detector().name()).isEqualTo("small");
      List<Detection> detections = inference.detect(samples.getFirst(), 0);
      assertThat(detections).isNotEmpty().isEqualTo(inference.detect(samples.getFirst(), 0));
    }
  }

  @Test
  void anotherConfigurationIsRefused() throws IOException {
    Path file = folder.resolve("small.safetensors");
    try (DetectorTraining training = new DetectorTraining(config(1, false), samples, 3)) {
      training.run(1, report -> {});
      training.save(file);
    }
    try (DetectorTraining other = new DetectorTraining(config(2, false), samples, 3)) {
      assertThatThrownBy(() -> other.resume(file))
          .isInstanceOf(CheckpointException.class)
          .hasMessage(
              file
                  + ": the training was started with another configuration (training.batch is 2,"
                  + " was 1); give that one, which stands in the file's metadata as bevel.config,"
                  + " or train anew without --resume");
    }
    String yaml =
        SmallConfig.yaml(1, "none")
            .replace("clip: 35", "clip: 34.5")
            .replace("average: {limit: 0.9, ramp: 10, start: 0}", "")
            .replace("depth_net: {width: 32,", "depth_net: {width: 64,")
            .replace("kind: constant", "kind: cosine, steps: 9, last: 0.1")
            .replace("heatmap: 1, box: 0.25,", "heatmap: 2, box: 0.5,");
    try (DetectorTraining other =
        new DetectorTraining(ConfigDocument.parse("x", yaml), samples, 3)) {
      assertThatThrownBy(() -> other.resume(file))
          .hasMessageContaining(
              "(view.depth_net.width is 64, was 32; training.clip is 34.5, was 35;")
          .hasMessageContaining("training.schedule.kind is 'cosine', was 'constant'; ")
          .hasMessageContaining("training.schedule.steps is '9', was nothing; ")
          .hasMessageContaining("; ...); give that one");
    }
  }

  /** What is compared is what the document says. */
  @Test
  void commentsOrderAndFormsOfNumbersDoNotMatter() throws IOException {
    Path file = folder.resolve("small.safetensors");
    try (DetectorTraining training = new DetectorTraining(config(1, false), samples, 3)) {
      training.run(1, report -> {});
      training.save(file);
    }
    String yaml =
        "# another comment\n"
            + SmallConfig.yaml(1, "none")
                .replace("clip: 35", "clip: 3.5e+1 # as published")
                .replace("{width: 32, aspp_dropout: 0.1}", "{aspp_dropout: 0.1, width: 32}");
    try (DetectorTraining other =
        new DetectorTraining(ConfigDocument.parse("x", yaml), samples, 3)) {
      other.resume(file);
      assertThat(other.step()).isEqualTo(1);
      other.save(file);
    }
    assertThat(Checkpoint.read(file).config()).isEqualTo(yaml);
  }

  @Test
  void aTrainingThatCannotBeginFreesItsDetector() throws IOException {
    String text = SmallConfig.yaml(1, "none").replace("[car]", "[tram]");
    ConfigDocument config = ConfigDocument.parse("x.yaml", text);
    Detector detector = Detector.create(config.detector(), 1);
    assertThatThrownBy(() -> new DetectorTraining(config, samples, 1, detector))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("small: head.tasks: ")
        .hasMessageContaining("tram");
    assertThatThrownBy(detector::stateDict)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("closed");
  }

  @Test
  void imagesArePreparedAsUpstreamDoes() throws IOException {
    ConfigDocument first = ConfigDocument.load("bevdet-r50");
    assertThat(first.training().imageAugmentation()).isEqualTo(TrainingConfig.ImageRanges.BEVDET);
    ImageAugmentation.Ranges ranges = first.training().imageAugmentation().ranges(704);
    assertThat(ranges.minResize()).isCloseTo(0.38, within(1e-12));
    assertThat(ranges.maxResize()).isCloseTo(0.55, within(1e-12));
    assertThat(TrainingConfig.ImageRanges.BEVDEPTH.ranges(704).minResize())
        .isCloseTo(0.386, within(1e-12));
    ImageAugmentation enlarged = inference("bevdet-r50");
    assertThat(enlarged.resize()).isCloseTo(0.48, within(1e-12));
    assertThat(enlarged)
        .isEqualTo(new ImageAugmentation(enlarged.resize(), 32, 176, 704, 256, false, 0));
    for (String name : List.of("bevdet-dev2-r50-cbgs", "bevdepth-r50-256x704")) {
      assertThat(inference(name))
          .isEqualTo(new ImageAugmentation(0.44, 0, 140, 704, 256, false, 0));
    }
  }

  private ImageAugmentation inference(String config) throws IOException {
    return new DetectorInputs(ConfigDocument.load(config).detector())
        .inferenceAugmentations(samples.getFirst())
        .getFirst();
  }

  @Test
  void clippingMayBeLeftOut() throws IOException {
    String text = SmallConfig.yaml(1, "none");
    ConfigDocument without = ConfigDocument.parse("x.yaml", text.replaceAll(" *clip: 35\\n", ""));
    assertThat(without.training().optimization().clip()).isEqualTo(Trainer.Settings.NO_CLIP);
    assertThat(ConfigDocument.load("bevdet-r50").training().optimization().clip()).isInfinite();
  }

  @Test
  void configurationsThatMakeNoSenseAreRefused() {
    Map.of(
            "learning_rate: 0.002", "learning_rate: -1",
            "kind: constant", "kind: constantly",
            "batch: 1", "batch: 0",
            "clip: 35", "clips: 35",
            "kind: constant}",
                "kind: one-cycle, steps: 10, rise: 0.1, start_divisor: 2, end_divisor: 3}",
            "1, 1, 0.2, 0.2]", "1, 1, 0.2]",
            "training:", "practice:")
        .forEach(
            (good, bad) -> {
              String text = SmallConfig.yaml(1, "none");
              assertThat(text).contains(good);
              assertThatThrownBy(() -> ConfigDocument.parse("bad.yaml", text.replace(good, bad)))
                  .isInstanceOf(ConfigException.class)
                  .hasMessageStartingWith("bad.yaml: ");
            });
  }
}
