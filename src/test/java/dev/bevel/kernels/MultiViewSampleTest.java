package dev.bevel.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.bench.CameraRig;
import dev.bevel.bench.References;
import dev.bevel.bench.multiview.MultiViewNumbers;
import dev.bevel.bench.multiview.MultiViewProblem;
import dev.bevel.bench.multiview.MultiViewShape;
import dev.bevel.testing.Seed;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Feature sampling through the binding, against its definition in double. */
class MultiViewSampleTest {
  private static final Random RANDOM = Seed.random(MultiViewSampleTest.class);
  private static final PointRange RANGE = new PointRange(-51.2, -51.2, -5, 51.2, 51.2, 3);
  private static final List<MultiViewShape.Level> LEVELS =
      List.of(new MultiViewShape.Level(14, 25), new MultiViewShape.Level(7, 12));
  private static final List<MultiViewShape> SHAPES =
      List.of(
          new MultiViewShape(2, 6, 31, 1, 16, 1, LEVELS, false, RANGE, 1600, 928),
          new MultiViewShape(1, 6, 7, 5, 24, 3, LEVELS, false, null, 1600, 900),
          new MultiViewShape(2, 3, 9, 2, 6, 2, LEVELS, true, null, 0, 0));

  private final Arena arena = Arena.ofConfined();

  @AfterEach
  void close() {
    arena.close();
  }

  private final class Case {
    final MultiViewShape shape;
    final boolean channelsLast;
    final MultiViewNumbers in;
    final MultiViewSampleInputs inputs;
    final List<TensorView> gradFeatures = new ArrayList<>();
    final TensorView gradPlaces;
    final TensorView gradWeights;
    final TensorView out;

    Case(MultiViewShape shape, boolean channelsLast) {
      this.shape = shape;
      this.channelsLast = channelsLast;
      in = MultiViewProblem.random(shape, CameraRig.sixCameras(), RANDOM);
      List<TensorView> features = new ArrayList<>();
      for (int level = 0; level < shape.levels().size(); level++) {
        features.add(TensorView.copyOf(arena, in.features().get(level), featureShape(level)));
        gradFeatures.add(poisoned(featureShape(level)));
      }
      TensorView weights = TensorView.copyOf(arena, in.weights(), shape.weightShape());
      TensorView places = TensorView.copyOf(arena, in.places(), shape.placeShape());
      Layout layout = channelsLast ? Layout.CHANNELS_LAST : Layout.CHANNELS_FIRST;
      if (shape.located()) {
        inputs = MultiViewSampleInputs.located(features, layout, places, weights);
      } else {
        TensorView matrices = TensorView.copyOf(arena, in.lidarToImage(), shape.matrixShape());
        MultiViewSampleInputs inMetres =
            MultiViewSampleInputs.projected(features, layout, matrices, places, weights)
                .withImageSize(shape.imageWidth(), shape.imageHeight());
        inputs = shape.range() == null ? inMetres : inMetres.withPointRange(shape.range());
      }
      gradPlaces = poisoned(shape.placeShape());
      gradWeights = poisoned(shape.weightShape());
      out = poisoned(shape.outShape());
    }

    long[] featureShape(int level) {
      long[] s = shape.featureShape(level);
      return channelsLast ? new long[] {s[0], s[1], s[3], s[4], s[2]} : s;
    }

    /** Of places, of weights, and of each level's features. */
    List<TensorView> allGradients() {
      List<TensorView> all = new ArrayList<>(List.of(gradPlaces, gradWeights));
      all.addAll(gradFeatures);
      return all;
    }

    MultiViewSampleGradients of(List<TensorView> gradients) {
      MultiViewSampleGradients all = MultiViewSampleGradients.none().withWeights(gradients.get(1));
      for (int level = 0; level + 2 < gradients.size(); level++) {
        all = all.withFeatures(level, gradients.get(level + 2));
      }
      TensorView places = gradients.get(0);
      return shape.located() ? all.withLocations(places) : all.withPoints(places);
    }

    MultiViewSampleGradients gradients() {
      return of(allGradients());
    }
  }

  private TensorView poisoned(long... shape) {
    TensorView view = TensorView.allocate(arena, DType.FLOAT64, shape);
    view.segment().fill((byte) 0xff);
    return view;
  }

  @ParameterizedTest
  @EnumSource(Layout.class)
  void forwardAndBackwardInDoublePrecision(Layout layout) {
    for (MultiViewShape shape : SHAPES) {
      Case c = new Case(shape, layout == Layout.CHANNELS_LAST);
      TensorView visible =
          TensorView.allocate(
              arena, DType.UINT8, shape.batch(), shape.cameras(), shape.queries(), shape.points());
      visible.segment().fill((byte) 0x5a);
      MultiViewSample.forward(c.inputs, MultiViewSampleOutputs.of(c.out).withVisible(visible));
      TensorView seen = TensorView.allocate(arena, DType.UINT8, visible.shape());
      double[] expected =
          TensorValues.reference(
              exact ->
                  MultiViewSample.forward(
                      c.inputs, MultiViewSampleOutputs.of(exact).withVisible(seen)),
              shape.outShape());
      TensorValues.assertClose(c.out.toDoubleArray(), expected, 1e-11);
      assertThat(visible.segment().toArray(ValueLayout.JAVA_BYTE))
          .isEqualTo(seen.segment().toArray(ValueLayout.JAVA_BYTE));

      double[] gradOut = RANDOM.doubles(c.out.elementCount(), -1, 1).toArray();
      TensorView gradient = TensorView.copyOf(arena, gradOut, shape.outShape());
      assertThat(MultiViewSample.workspaceBytes(c.inputs, gradient, c.gradients())).isPositive();
      MultiViewSample.backward(c.inputs, gradient, c.gradients());
      List<TensorView> actual = c.allGradients();
      List<double[]> exact =
          References.of(
              to -> MultiViewSample.backward(c.inputs, gradient, c.of(to)),
              actual.stream().map(TensorView::shape).toList());
      for (int i = 0; i < actual.size(); i++) {
        double bound = i == 0 ? 1e-8 : 1e-11;
        TensorValues.assertClose(actual.get(i).toDoubleArray(), exact.get(i), bound);
      }
    }
  }

  @Test
  void aWrongCallLeavesOutputsAsTheyWere() {
    Case c = new Case(SHAPES.get(0), true);
    TensorView small = TensorView.allocate(arena, DType.FLOAT64, 2, 31, 15);
    assertThatThrownBy(() -> MultiViewSample.forward(c.inputs, small))
        .isInstanceOf(BevelException.class)
        .hasMessage(
            "multi_view_sample_forward: out must be [2, 31, 16] to match features and points, got"
                + " [2, 31, 15]");
    assertThat(small.toDoubleArray()).containsOnly(0);
    MultiViewSampleInputs ofNoWidth = c.inputs.withImageSize(0, 928);
    assertThatThrownBy(() -> MultiViewSample.forward(ofNoWidth, c.out))
        .isInstanceOf(BevelException.class)
        .hasMessageContaining("imageWidth and imageHeight must be positive");
    assertThat(c.out.toDoubleArray()).containsOnly(Double.NaN);
  }

  @Test
  void levelsAndRangesAreChecked() {
    TensorView any = TensorView.allocate(arena, DType.FLOAT32, 1);
    for (int count : new int[] {0, 9}) {
      List<TensorView> levels = Collections.nCopies(count, any);
      assertThatThrownBy(
              () -> MultiViewSampleInputs.located(levels, Layout.CHANNELS_LAST, any, any))
          .isInstanceOf(BevelException.class)
          .hasMessage("multi_view_sample: features must have 1 to 8 levels, got " + count);
    }
  }
}
