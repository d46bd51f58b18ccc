package dev.bevel.torch.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.torch.TensorScope;
import dev.bevel.torch.nn.Scopes;
import dev.bevel.torch.nn.Tensors;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whole detectors at reduced sizes, with the composed reference in place of the kernels. */
class DetectorTest {
  private static final long SEED = 11;

  /** A named configuration with a small image, a small grid and a shallow backbone. */
  private static DetectorConfig reduced(String name) throws IOException {
    DetectorConfig c = DetectorConfig.load(name);
    List<Double> axis = List.of(-25.6, 25.6, 1.6);
    return new DetectorConfig(
        c.name(),
        c.family(),
        c.frame(),
        new DetectorConfig.Image(64, 96, c.image().stride()),
        c.normalization(),
        new DetectorConfig.Backbone(18, c.backbone().width()),
        64,
        new DetectorConfig.Lift(1, 20, 1, 8, c.lift().depthNetWidth() == 0 ? 0 : 16, 0),
        new DetectorConfig.Grid(axis, axis, c.grid().z()),
        new DetectorConfig.Encoder(List.of(8, 16, 32), 16),
        new DetectorConfig.Head(
            c.head().tasks(), 8, 8, c.head().nmsThresholds(), c.head().maxPerTask()));
  }

  private static Detector create(DetectorConfig config) {
    return Detector.create(config, SEED, new ComposedViewPooling(FrustumSpec.of(config)));
  }

  /**
   * Two cameras, one forward and one backward along x of an ego frame; element b stands b metres
   * further left.
   */
  private static Calibration calibration(int... elements) {
    List<Double> intrinsics = new ArrayList<>();
    List<Double> toBev = new ArrayList<>();
    List<Double> augmentation = new ArrayList<>();
    for (int b : elements) {
      for (double sign : new double[] {1, -1}) {
        intrinsics.addAll(List.of(60.0, 0.0, 48.0, 0.0, 60.0, 32.0, 0.0, 0.0, 1.0));
        toBev.addAll(
            List.of(
                0.0,
                0.0,
                sign,
                1.0,
                -sign,
                0.0,
                0.0,
                (double) b,
                0.0,
                -1.0,
                0.0,
                1.5,
                0.0,
                0.0,
                0.0,
                1.0));
        augmentation.addAll(
            List.of(
                1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0));
      }
    }
    return new Calibration(
        elements.length, 2, array(intrinsics), array(toBev), array(augmentation), null);
  }

  private static double[] array(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).toArray();
  }

  private static Tensor map(DetectorOutput output, int task, String name) {
    return Objects.requireNonNull(output.tasks().get(task).get(name), name);
  }

  @ParameterizedTest
  @ValueSource(strings = {"bevdet-r50", "bevdet-dev2-r50-cbgs", "bevdepth-r18-128x352"})
  void batchElementsDoNotMix(String name) throws IOException {
    try (TensorScope scope = TensorScope.open();
        Detector detector = create(reduced(name))) {
      assertThat(TensorScope.current()).isSameAs(scope);
      detector.eval();
      torch.manual_seed(SEED);
      Tensor images = torch.randn(2, 2, 3, 64, 96);
      Scopes.withoutGradient(
          () -> {
            DetectorOutput both = detector.forward(images, calibration(0, 3));
            DetectorOutput second =
                detector.forward(images.narrow(0, 1, 1).contiguous(), calibration(3));
            for (int t = 0; t < both.tasks().size(); t++) {
              for (Map.Entry<String, Tensor> map : both.tasks().get(t).entrySet()) {
                double[] expected = Tensors.toDoubles(map.getValue().narrow(0, 1, 1));
                double[] actual = Tensors.toDoubles(map(second, t, map.getKey()));
                assertThat(actual)
                    .as("task %d %s", t, map.getKey())
                    .containsExactly(expected, within(1e-4));
              }
            }
          });
    }
  }

  @Test
  void headHasTheMapsOfItsTasks() throws IOException {
    DetectorConfig config = reduced("bevdepth-r18-128x352");
    try (TensorScope scope = TensorScope.open();
        Detector detector = create(config)) {
      assertThat(TensorScope.current()).isSameAs(scope);
      detector.eval();
      DetectorOutput output = detector.forward(torch.zeros(1, 2, 3, 64, 96), calibration(0));
      assertThat(output.depthLogits().shape()).containsExactly(2, 19, 4, 6);
      assertThat(output.bev().shape()).containsExactly(1, 8, 32, 32);
      assertThat(output.tasks()).hasSize(6);
      for (int t = 0; t < 6; t++) {
        Map<String, Tensor> maps = output.tasks().get(t);
        assertThat(maps.keySet()).containsExactly("reg", "height", "dim", "rot", "vel", "heatmap");
        int[] channels = {2, 1, 3, 2, 2, config.head().classCounts().get(t)};
        int at = 0;
        for (Tensor map : maps.values()) {
          assertThat(map.shape()).containsExactly(1, channels[at++], 32, 32);
        }
      }
    }
  }

  @Test
  void halfTheStrideGivesTwiceTheRowsAndColumns() throws IOException {
    DetectorConfig config = reduced("bevdepth-demo");
    try (TensorScope scope = TensorScope.open();
        Detector detector = create(config)) {
      assertThat(TensorScope.current()).isSameAs(scope);
      detector.eval();
      DetectorOutput output = detector.forward(torch.zeros(1, 2, 3, 64, 96), calibration(0));
      assertThat(output.depthLogits().shape()).containsExactly(2, 19, 8, 12);
      assertThat(output.bev().shape()).containsExactly(1, 8, 32, 32);
      assertThat(detector.stateDict())
          .as("half of the published width")
          .hasEntrySatisfying(
              "model.backbone.img_backbone.conv1.weight",
              weight -> assertThat(weight.shape()).containsExactly(32, 3, 7, 7));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"bevdet-r50", "bevdepth-r18-128x352", "bevdepth-demo"})
  void everyParameterGetsAGradient(String name) throws IOException {
    try (TensorScope scope = TensorScope.open();
        Detector detector = create(reduced(name))) {
      assertThat(TensorScope.current()).isSameAs(scope);
      torch.manual_seed(SEED);
      DetectorOutput output = detector.forward(torch.randn(1, 2, 3, 64, 96), calibration(0));
      Tensor loss = output.depthLogits().square().mean();
      for (Map<String, Tensor> maps : output.tasks()) {
        for (Tensor map : maps.values()) {
          loss = loss.add(map.square().mean());
        }
      }
      loss.backward();
      detector
          .namedParameters()
          .forEach(
              (parameter, tensor) -> {
                assertThat(tensor.grad().defined()).as(parameter).isTrue();
                double[] gradient = Tensors.toDoubles(tensor.grad());
                assertThat(Arrays.stream(gradient).allMatch(Double::isFinite))
                    .as(parameter)
                    .isTrue();
                // A constant added before a batch norm of the batch changes nothing, so its
                // gradient is zero.
                boolean cancelled = parameter.endsWith("reduce_conv.0.bias");
                assertThat(Arrays.stream(gradient).anyMatch(g -> g != 0) || cancelled)
                    .as(parameter)
                    .isTrue();
              });
    }
  }

  @Test
  void evaluationEqualsTheUnfoldedNetwork() throws IOException {
    try (TensorScope scope = TensorScope.open();
        Detector detector = create(reduced("bevdepth-r18-128x352"))) {
      assertThat(TensorScope.current()).isSameAs(scope);
      torch.manual_seed(SEED);
      Tensor images = torch.randn(1, 2, 3, 64, 96);
      detector.forward(
          images, calibration(0)); // moves the running statistics away from their start
      detector.eval();
      Tensor recorded = map(detector.forward(images, calibration(0)), 0, "heatmap");
      Scopes.withoutGradient(
          () -> {
            Tensor folded = map(detector.forward(images, calibration(0)), 0, "heatmap");
            assertThat(Tensors.toDoubles(folded))
                .containsExactly(Tensors.toDoubles(recorded), within(1e-4));
          });
    }
  }

  @Test
  void wrongImagesAreRefused() throws IOException {
    try (TensorScope scope = TensorScope.open();
        Detector detector = create(reduced("bevdet-r50"))) {
      assertThat(TensorScope.current()).isSameAs(scope);
      Tensor images = torch.zeros(1, 3, 3, 64, 96);
      assertThatThrownBy(() -> detector.forward(images, calibration(0)))
          .hasMessage(
              "bevdet-r50: images must be [1, 2, 3, 64, 96] to match calibration and configuration, got [1, 3, 3, 64, 96]");
    }
  }
}
