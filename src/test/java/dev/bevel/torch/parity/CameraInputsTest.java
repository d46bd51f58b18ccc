package dev.bevel.torch.parity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.testing.SmallConfig;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.model.Calibration;
import dev.bevel.torch.model.Detector;
import dev.bevel.torch.model.DetectorConfig;
import dev.bevel.torch.model.FrustumSpec;
import dev.bevel.torch.model.Taps;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CameraInputsTest {
  private static final int CAMERAS = 6;

  private final Random random = new Random(20260412);
  private final double[] intrinsics = numbers(CAMERAS * 9);
  private final double[] poses = affine(CAMERAS);
  private final double[] augmentation = affine(CAMERAS);
  private final double[] bev = affine(1);

  @TempDir private Path folder;

  private double[] numbers(int count) {
    return random.ints(count, -999, 1000).mapToDouble(n -> n / 8.0).toArray();
  }

  private double[] affine(int count) {
    double[] matrices = numbers(count * 16);
    for (int i = 0; i < matrices.length; i++) {
      matrices[i] = i % 16 == 15 ? 1 : i % 16 > 11 ? 0 : matrices[i];
    }
    return matrices;
  }

  /** Rows and columns of 4×4 matrices. */
  private static double[] part(double[] matrices, int rows, int firstColumn, int columns) {
    return IntStream.range(0, matrices.length)
        .filter(i -> i % 16 / 4 < rows && i % 4 >= firstColumn && i % 4 < firstColumn + columns)
        .mapToDouble(i -> matrices[i])
        .toArray();
  }

  private double[] intrinsics4() {
    double[] matrices = new double[CAMERAS * 16];
    for (int i = 0; i < intrinsics.length; i++) {
      matrices[i / 9 * 16 + i % 9 / 3 * 4 + i % 3] = intrinsics[i];
    }
    return matrices;
  }

  private static String field(String name, double[] values) {
    return "\"" + name + "\": [[" + Arrays.toString(values) + "]]";
  }

  private CameraInputs read(String... inputs) throws IOException {
    Path file = folder.resolve("fixture.json");
    Files.writeString(
        file,
        "{\"formula\": {\"version\": \"formula 1\"}, \"inputs\": {"
            + String.join(", ", inputs)
            + "}}");
    return new CameraInputs(DetectorFixture.read(file));
  }

  @Test
  void matricesByEitherDetectorsNamesAreTheSameCalibration() throws IOException {
    Calibration expected = new Calibration(1, CAMERAS, intrinsics, poses, augmentation, bev);
    assertThat(
            read(
                    field("sensor2ego_mats", poses),
                    field("intrin_mats", intrinsics4()),
                    field("ida_mats", augmentation),
                    field("bda_mat", bev))
                .calibration())
        .isEqualTo(expected);
    assertThat(
            read(
                    field("rots", part(poses, 3, 0, 3)),
                    field("trans", part(poses, 3, 3, 1)),
                    field("intrins", intrinsics),
                    field("post_rots", part(augmentation, 3, 0, 3)),
                    field("post_trans", part(augmentation, 3, 3, 1)),
                    field("bda", bev))
                .calibration())
        .isEqualTo(expected);
  }

  @Test
  void theAugmentationOfTheGridMayBeMissingOrARotation() throws IOException {
    String[] rig = {
      field("sensor2ego", poses), field("intrins", intrinsics), field("ida_mat", augmentation)
    };
    double[] identity = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
    assertThat(read(rig).calibration().bevAugmentation()).isEqualTo(identity);
    double[] rotation = {0, -1, 0, 1, 0, 0, 0, 0, 1};
    assertThat(
            read(rig[0], rig[1], rig[2], field("bda_mat", rotation))
                .calibration()
                .bevAugmentation())
        .isEqualTo(new double[] {0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1});
  }

  @Test
  void whatIsMissingOrOfAnotherSizeIsNamed() throws IOException {
    CameraInputs none = read(field("intrins", intrinsics));
    assertThatThrownBy(none::calibration)
        .isInstanceOf(FixtureException.class)
        .hasMessageContaining(
            "inputs must have the cameras' poses under one of the names sensor2ego");
    CameraInputs odd = read(field("intrins", numbers(7)));
    assertThatThrownBy(odd::calibration)
        .hasMessageContaining("inputs.intrins must be 54 numbers, got 7 numbers");
    CameraInputs images = read("\"sweep_imgs\": {\"key\": \"k\", \"shape\": [1, 6, 3, 2, 4]}");
    assertThatThrownBy(() -> images.images(2, 5))
        .hasMessageContaining("inputs.sweep_imgs.shape must be [6, 3, 2, 5], got [1, 6, 3, 2, 4]");
    try (TensorScope scope = TensorScope.open()) {
      assertThat(TensorScope.current()).isSameAs(scope);
      assertThat(images.images(2, 4).shape()).containsExactly(6, 3, 2, 4);
    }
  }

  @Test
  void cellsOfBorderPointsStandInEitherPlaceOrNowhere() throws IOException {
    FrustumSpec spec = FrustumSpec.of(DetectorConfig.load("bevdepth-r50-256x704"));
    assertThat(read().borderCells(spec)).isEmpty();
    Path file = folder.resolve("border.json");
    for (String place :
        new String[] {
          "\"border_points\": [[5, -1], [9, 77]]",
          "\"frustum_cells\": {\"border_points\": [[5, -1], [9, 77]]}"
        }) {
      Files.writeString(file, "{\"formula\": {\"version\": \"formula 1\"}, " + place + "}");
      assertThat(new CameraInputs(DetectorFixture.read(file)).borderCells(spec))
          .isEqualTo(Map.of(5L, -1, 9L, 77));
    }
  }

  /** Every other name stands for a tap that the detector has. */
  @Test
  void otherNamesOfTapsStandForTaps() throws IOException {
    Path file = folder.resolve("small.yaml");
    Files.writeString(file, SmallConfig.yaml(1, "none"));
    DetectorConfig config = DetectorConfig.load(file.toString());
    Set<String> seen = new HashSet<>();
    Taps taps =
        new Taps() {
          @Override
          public boolean wants(String name) {
            return true;
          }

          @Override
          public void accept(String name, Tensor tensor) {
            seen.add(name);
          }
        };
    double[] identity = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
    try (TensorScope scope = TensorScope.open();
        Detector detector = Detector.create(config, 1)) {
      assertThat(TensorScope.current()).isSameAs(scope);
      detector.eval();
      double[] camera = {100, 0, 96, 0, 100, 32, 0, 0, 1};
      detector.forward(
          torch.zeros(1, 1, 3, 64, 192),
          new Calibration(1, 1, camera, identity, identity, null),
          taps);
    }
    Set<String> unknown =
        BevDepthTapNames.ALL.values().stream()
            .filter(name -> !seen.contains(name))
            .collect(Collectors.toCollection(TreeSet::new));
    assertThat(unknown).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"view.mlp_input", "depth_net.aspp", "trunk.stage1", "head.neck"})
  void upstreamsNamesAreKnown(String name) {
    assertThat(BevDepthTapNames.ALL).containsKey(name);
  }
}
