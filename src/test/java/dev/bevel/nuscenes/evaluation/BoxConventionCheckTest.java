package dev.bevel.nuscenes.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.nuscenes.Box3d;
import dev.bevel.nuscenes.BoxConvention;
import dev.bevel.nuscenes.DetectionClass;
import dev.bevel.nuscenes.NuScenes;
import dev.bevel.nuscenes.NuScenesException;
import dev.bevel.nuscenes.Splits;
import dev.bevel.nuscenes.evaluation.BoxConventionCheck.Frame;
import dev.bevel.nuscenes.evaluation.BoxConventionCheck.Result;
import dev.bevel.testing.TestData;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class BoxConventionCheckTest {
  private static NuScenes synthetic() {
    try {
      return NuScenes.load(
          Path.of(
              Objects.requireNonNull(
                      BoxConventionCheckTest.class.getResource("/evaluation/synthetic-set"))
                  .toURI()));
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static List<String> scenes(NuScenes set) {
    return Splits.scenes(set, "mini_val");
  }

  @ParameterizedTest
  @EnumSource
  void groundTruthScoresWithoutErrorInEveryFrame(BoxConvention convention) {
    NuScenes set = synthetic();
    for (Frame frame : Frame.values()) {
      Result result = BoxConventionCheck.run(set, scenes(set), convention, frame);
      result.require(frame == Frame.GLOBAL ? BoxConventionCheck.ROUNDING : 1e-3);
      assertThat(result.classes()).containsExactlyInAnyOrder(DetectionClass.values());
    }
  }

  @ParameterizedTest
  @EnumSource
  void realGroundTruthScoresWithoutError(BoxConvention convention) {
    NuScenes set = NuScenes.load(TestData.require("nuscenes-mini-val"));
    BoxConventionCheck.run(set, scenes(set), convention, Frame.GLOBAL)
        .require(BoxConventionCheck.ROUNDING);
    for (Frame frame : List.of(Frame.EGO, Frame.LIDAR)) {
      Result tilted = BoxConventionCheck.run(set, scenes(set), convention, frame);
      System.out.printf(
          Locale.ROOT, "%s in the %s frame, real boxes: %s%n", convention, frame, tilted);
      tilted.require(1e-3);
      assertThat(tilted.translation()).isLessThan(BoxConventionCheck.ROUNDING);
      assertThat(tilted.scale()).isLessThan(BoxConventionCheck.ROUNDING);
    }
    NuScenes one = NuScenes.load(TestData.require("nuscenes-one-sample"));
    Result sample = BoxConventionCheck.run(one, List.of("scene-0061"), convention, Frame.GLOBAL);
    sample.require(BoxConventionCheck.ROUNDING);
    assertThat(sample.classes()).contains(DetectionClass.CAR, DetectionClass.PEDESTRIAN);
  }

  /** Every way to mistake one convention for another shows. */
  static Stream<Arguments> mistakes() {
    BoxConvention old = BoxConvention.MMDET3D_0;
    BoxConvention recent = BoxConvention.MMDET3D_1;
    return Stream.of(
        mistake("old read as new", box -> recent.decode(old.encode(box))),
        mistake("new read as old", box -> old.decode(recent.encode(box))),
        mistake("yaw mirrored", box -> with(box, 6, -recent.encode(box)[6])),
        mistake("yaw turned", box -> with(box, 6, recent.encode(box)[6] + Math.PI / 2)),
        mistake("sides swapped", box -> with(box, 3, box.width(), box.length())),
        mistake("height doubled", box -> with(box, 5, 2 * box.height())),
        mistake("centre shifted", box -> with(box, 0, box.x() + 0.01)));
  }

  private static Arguments mistake(String name, UnaryOperator<Box3d> thereAndBack) {
    return Arguments.of(name, thereAndBack);
  }

  private static Box3d with(Box3d box, int first, double... values) {
    double[] numbers = BoxConvention.MMDET3D_1.encode(box);
    System.arraycopy(values, 0, numbers, first, values.length);
    return BoxConvention.MMDET3D_1.decode(numbers);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("mistakes")
  void mistakesShow(String name, UnaryOperator<Box3d> thereAndBack) {
    NuScenes set = synthetic();
    Result result = BoxConventionCheck.run(set, scenes(set), Frame.GLOBAL, thereAndBack);
    assertThat(result.translation() + result.scale() + result.orientation())
        .as(name)
        .isGreaterThan(0.009);
    assertThatThrownBy(() -> result.require(1e-3))
        .isInstanceOf(NuScenesException.class)
        .hasMessageContaining("ground truth as prediction")
        .hasMessageContaining("mAOE");
  }

  /** A few wrong boxes among hundreds must show: all errors count, not the first match's alone. */
  @Test
  void fewWrongBoxesShow() {
    NuScenes set = synthetic();
    int[] count = new int[1];
    Result result =
        BoxConventionCheck.run(
            set,
            scenes(set),
            Frame.GLOBAL,
            box -> count[0]++ % 100 == 50 ? with(box, 5, 1.1 * box.height()) : box);
    assertThat(count[0]).isGreaterThan(300);
    assertThat(result.scale()).isBetween(1e-5, 1e-2);
    assertThatThrownBy(() -> result.require(1e-6)).isInstanceOf(NuScenesException.class);
  }

  @Test
  void whatIsNotFoundShows() {
    NuScenes set = synthetic();
    Result result =
        BoxConventionCheck.run(set, scenes(set), Frame.GLOBAL, box -> with(box, 0, box.x() + 5));
    assertThat(result.complete()).isFalse();
    assertThatThrownBy(() -> result.require(1e9)).hasMessageContaining("objects not found");
  }

  @ParameterizedTest
  @EnumSource
  void stampsAreReadBackAndAllElseRefused(BoxConvention convention) {
    assertThat(BoxConvention.ofStamp(convention.stamp(), "prediction p")).isEqualTo(convention);
    assertThatThrownBy(() -> BoxConvention.ofStamp(null, "prediction p"))
        .isInstanceOf(NuScenesException.class)
        .hasMessage(
            "prediction p does not say which box convention it is in, expected one of"
                + " [mmdet3d-0, mmdet3d-1]");
    assertThatThrownBy(() -> BoxConvention.ofStamp(convention.stamp() + " ", "prediction p"))
        .hasMessageContaining("prediction p is in an unknown box convention");
  }
}
