package dev.bevel.torch.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.bench.CameraRig;
import dev.bevel.bench.References;
import dev.bevel.bench.multiview.ComposedMultiView;
import dev.bevel.bench.multiview.MultiViewNumbers;
import dev.bevel.bench.multiview.MultiViewProblem;
import dev.bevel.bench.multiview.MultiViewShape;
import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.PointRange;
import dev.bevel.testing.GradientCheck;
import dev.bevel.testing.OneThreadScope;
import dev.bevel.testing.Seed;
import dev.bevel.testing.TestData;
import dev.bevel.torch.nn.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.function.Consumer;
import org.assertj.core.data.Offset;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Feature sampling in several cameras against DETR3D's own steps composed of LibTorch's operators,
 * against a reference in double, and against finite differences.
 */
@ExtendWith(OneThreadScope.class)
class MultiViewSampleFunctionTest {
  private static final Random RANDOM = Seed.random(MultiViewSampleFunctionTest.class);
  private static final PointRange RANGE = new PointRange(-51.2, -51.2, -5, 51.2, 51.2, 3);
  private static final List<MultiViewShape.Level> LEVELS =
      List.of(new MultiViewShape.Level(14, 25), new MultiViewShape.Level(7, 12));

  private static final MultiViewShape DETR3D =
      new MultiViewShape(2, 6, 31, 1, 16, 1, LEVELS, false, RANGE, 1600, 928);
  private static final MultiViewShape SPARSE4D =
      new MultiViewShape(1, 6, 7, 5, 24, 3, LEVELS, false, null, 1600, 900);
  private static final MultiViewShape LOCATED =
      new MultiViewShape(2, 3, 9, 2, 6, 2, LEVELS, true, null, 0, 0);

  /** Tensors of a problem: features, then places, then weights are leaves. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Leaves(MultiViewShape shape, Tensor lidarToImage, Tensor[] tensors) {
    static Leaves random(MultiViewShape shape, boolean channelsLast) {
      return of(
          shape,
          MultiViewProblem.random(shape, CameraRig.sixCameras(), RANDOM),
          ScalarType.Double,
          channelsLast);
    }

    static Leaves of(
        MultiViewShape shape, MultiViewNumbers in, ScalarType features, boolean channelsLast) {
      ScalarType real = features == ScalarType.Double ? ScalarType.Double : ScalarType.Float;
      List<Tensor> all = new ArrayList<>();
      for (int level = 0; level < shape.levels().size(); level++) {
        Tensor map = Tensors.of(in.features().get(level), shape.featureShape(level)).to(features);
        all.add(
            channelsLast ? map.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3) : map);
      }
      all.add(Tensors.of(in.places(), shape.placeShape()).to(real));
      all.add(Tensors.of(in.weights(), shape.weightShape()).to(real));
      Tensor[] leaves =
          all.stream().map(t -> t.detach().requires_grad_(true)).toArray(Tensor[]::new);
      return new Leaves(shape, Tensors.of(in.lidarToImage(), shape.matrixShape()).to(real), leaves);
    }

    /** The same numbers in double. */
    Leaves wide() {
      return new Leaves(
          shape,
          lidarToImage.to(ScalarType.Double),
          Arrays.stream(tensors).map(t -> t.detach().to(ScalarType.Double)).toArray(Tensor[]::new));
    }

    Leaves copy() {
      return new Leaves(
          shape,
          lidarToImage,
          Arrays.stream(tensors)
              .map(t -> t.detach().clone().requires_grad_(true))
              .toArray(Tensor[]::new));
    }

    Tensor bevel() {
      return bevel(tensors);
    }

    Tensor bevel(Tensor... in) {
      int levels = shape.levels().size();
      MultiViewSampleOptions options = MultiViewSampleOptions.DEFAULT;
      if (shape.range() != null) {
        options = options.withPointRange(shape.range());
      }
      MultiViewSampleFunction function = new MultiViewSampleFunction(options);
      List<Tensor> features = List.of(in).subList(0, levels);
      return shape.located()
          ? function.sampleAt(features, in[levels], in[levels + 1])
          : function.sample(
              features,
              lidarToImage,
              shape.imageWidth(),
              shape.imageHeight(),
              in[levels],
              in[levels + 1]);
    }

    Tensor composed() {
      int levels = shape.levels().size();
      return ComposedMultiView.sample(
          shape,
          List.of(tensors).subList(0, levels),
          lidarToImage,
          tensors[levels],
          tensors[levels + 1]);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void gradientsAgreeWithFiniteDifferences(int which) {
    List<MultiViewShape.Level> tiny = List.of(new MultiViewShape.Level(2, 3));
    MultiViewShape shape =
        List.of(
                new MultiViewShape(1, 6, 7, 1, 2, 1, tiny, false, RANGE, 1600, 928),
                new MultiViewShape(1, 3, 3, 3, 4, 2, tiny, false, null, 1600, 900),
                new MultiViewShape(1, 2, 3, 2, 3, 3, tiny, true, null, 0, 0))
            .get(which);
    Leaves leaves = Leaves.random(shape, false);
    GradientCheck.check(in -> new Tensor[] {leaves.bevel(in)}, RANDOM, 1e-6, leaves.tensors());
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void agreesWithTheCompositionAndItsGradients(boolean channelsLast) {
    for (MultiViewShape shape : List.of(DETR3D, SPARSE4D, LOCATED)) {
      Leaves ours = Leaves.random(shape, channelsLast);
      Leaves theirs = ours.copy();
      Tensor out = ours.bevel();
      Tensor expected = theirs.composed();
      assertClose(out, expected, 1e-11);
      Tensor weights = torch.randn_like(expected.detach());
      Autograd.backward(out.mul(weights).sum());
      Autograd.backward(expected.mul(weights).sum());
      for (int i = 0; i < ours.tensors().length; i++) {
        assertClose(ours.tensors()[i].grad(), theirs.tensors()[i].grad(), 1e-9);
      }
      if (channelsLast) {
        assertThat(ours.tensors()[0].grad().permute(0, 1, 3, 4, 2).is_contiguous()).isTrue();
      }
    }
  }

  /** Coordinates stay in 32 bits; sums too. */
  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"Half", "BFloat16"})
  void errorOfSixteenBitsIsAtMostTwiceThePlainCompositions(ScalarType type) {
    for (MultiViewShape shape : List.of(DETR3D, SPARSE4D, LOCATED)) {
      MultiViewNumbers in = MultiViewProblem.random(shape, CameraRig.sixCameras(), RANDOM);
      Leaves narrow = Leaves.of(shape, in, type, true);
      double[] exact = exact(narrow);
      double ours = worst(exact, Tensors.toDoubles(narrow.bevel().detach()));
      double theirs = worst(exact, Tensors.toDoubles(narrow.composed().detach()));
      assertThat(ours).isLessThanOrEqualTo(2 * theirs).isLessThan(0.02);
      Tensor gradient = torch.ones_like(narrow.bevel().detach());
      Tensor out = narrow.bevel();
      assertThat(out.scalar_type().intern()).isEqualTo(type);
      Autograd.backward(out.mul(gradient).sum());
      assertThat(narrow.tensors()[0].grad().scalar_type().intern()).isEqualTo(type);
    }
  }

  /** The definition's result of what the tensors hold. */
  private static double[] exact(Leaves leaves) {
    double[][] result = new double[1][];
    References.run(() -> result[0] = Tensors.toDoubles(leaves.wide().bevel().detach()));
    return result[0];
  }

  @Test
  void agreesWithTheReferenceBeforeRealCameras() {
    CameraRig rig = CameraRig.ofFirstSample(TestData.require("nuscenes-one-sample"));
    MultiViewShape shape = new MultiViewShape(1, 6, 400, 1, 8, 1, LEVELS, false, RANGE, 1600, 900);
    MultiViewNumbers in = MultiViewProblem.random(shape, rig, RANDOM);
    Leaves leaves = Leaves.of(shape, in, ScalarType.Double, true);
    Leaves defined = leaves.copy();
    Tensor weights = torch.randn_like(leaves.bevel().detach());
    Autograd.backward(leaves.bevel().mul(weights).sum());
    References.run(() -> Autograd.backward(defined.bevel().mul(weights).sum()));
    double[] expected = exact(leaves);
    assertThat(worst(expected, Tensors.toDoubles(leaves.bevel().detach()))).isLessThan(1e-11);
    for (int i = 0; i < leaves.tensors().length; i++) {
      double bound = i == LEVELS.size() ? 1e-7 : 1e-10; // places are divided by depths
      assertThat(worst(gradient(defined, i), gradient(leaves, i))).isLessThan(bound);
    }
    double
        seen = // by a weight's gradient, which is 0 exactly where a camera does not see the point
        Arrays.stream(gradient(defined, LEVELS.size() + 1)).filter(g -> g != 0).count();
    assertThat(seen / LEVELS.size() / 400).isBetween(0.7, 1.4); // cameras a point
    Leaves single = Leaves.of(shape, in, ScalarType.Float, true);
    assertThat(worst(expected, Tensors.toDoubles(single.bevel().detach()))).isLessThan(2e-3);
  }

  private static double[] gradient(Leaves leaves, int input) {
    return Tensors.toDoubles(leaves.tensors()[input].grad());
  }

  /** Sizes a camera, expanded over the batch: upstream's first image for all. */
  @Test
  void imageSizesMayBeExpanded() {
    Leaves leaves = Leaves.random(DETR3D, true);
    Tensor sizes = Tensors.of(new double[] {1600, 928}, 1, 1, 2).expand(2, 6, 2);
    MultiViewSampleFunction function =
        new MultiViewSampleFunction(
            MultiViewSampleOptions.DEFAULT.withPointRange(RANGE).withDeterminism(Determinism.FAST));
    Tensor[] in = leaves.tensors();
    Tensor out = function.sample(List.of(in[0], in[1]), leaves.lidarToImage(), sizes, in[2], in[3]);
    assertThat(Tensors.toDoubles(out.detach()))
        .isEqualTo(Tensors.toDoubles(leaves.bevel().detach()));
    Autograd.backward(out.sum());
    assertThat(in[2].grad().abs().sum().item_double()).isGreaterThan(0);
  }

  @Test
  void onlyGradientsThatAreNeededAreComputed() {
    Leaves all = Leaves.random(DETR3D, true);
    Autograd.backward(all.bevel().sum());
    for (int wanted = 0; wanted < all.tensors().length; wanted++) {
      Leaves one = all.copy();
      for (int i = 0; i < one.tensors().length; i++) {
        one.tensors()[i].set_requires_grad(i == wanted);
      }
      Autograd.backward(one.bevel().sum());
      for (int i = 0; i < one.tensors().length; i++) {
        assertThat(one.tensors()[i].grad().defined()).isEqualTo(i == wanted);
      }
      assertThat(gradient(one, wanted)).isEqualTo(gradient(all, wanted));
    }
  }

  /** Weights as a permuted view, features of every other camera: strides that the kernel takes. */
  @Test
  void viewsNeedNotBeCompact() {
    Leaves plain = Leaves.random(SPARSE4D, false);
    Tensor[] in = plain.tensors();
    Tensor turned = in[3].permute(0, 3, 2, 1, 4, 5).contiguous().permute(0, 3, 2, 1, 4, 5);
    Tensor wide = torch.zeros(1, 12, 24, 14, 25).to(ScalarType.Double);
    Tensor view = wide.slice(1, optional(0), optional(12), 2);
    view.copy_(in[0].detach());
    assertThat(view.is_contiguous()).isFalse();
    assertThat(Tensors.toDoubles(plain.bevel(view, in[1], in[2], turned).detach()))
        .isEqualTo(Tensors.toDoubles(plain.bevel().detach()));
  }

  private static LongOptional optional(long value) {
    return new LongOptional(value);
  }

  @Test
  void wrongArgumentsAreRefusedWithTheReason() {
    Leaves leaves = Leaves.random(DETR3D, true);
    Tensor[] in = leaves.tensors();
    refused(
        leaves,
        BevelException.class,
        "multi_view_sample_forward: points must be [2, 31, 1, 3] to match features",
        t -> t[2] = in[2].narrow(0, 0, 1));
    refused(
        leaves,
        BevelException.class,
        "weights must be [2, 31, 6, 1, 2, any]",
        t -> t[3] = in[3].narrow(2, 0, 5));
    Leaves single =
        Leaves.of(
            DETR3D,
            MultiViewProblem.random(DETR3D, CameraRig.sixCameras(), RANDOM),
            ScalarType.Float,
            true);
    refused(
        single,
        BevelException.class,
        "features[1] must have the dtype of features[0]",
        t -> t[1] = t[1].to(ScalarType.Half));
    Tensor trained = leaves.lidarToImage().clone().requires_grad_(true);
    Leaves wrong = new Leaves(DETR3D, trained, in);
    assertThatThrownBy(wrong::bevel)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "MultiViewSampleFunction: no gradient flows to lidarToImage; pass a detached tensor");
  }

  private static void refused(
      Leaves leaves,
      Class<? extends RuntimeException> type,
      String message,
      Consumer<Tensor[]> change) {
    Tensor[] changed = leaves.tensors().clone();
    change.accept(changed);
    assertThatThrownBy(() -> leaves.bevel(changed))
        .isInstanceOf(type)
        .hasMessageContaining(message);
  }

  private static void assertClose(
      @Nullable Tensor actual, @Nullable Tensor expected, double tolerance) {
    Tensor a = Objects.requireNonNull(actual);
    Tensor b = Objects.requireNonNull(expected);
    assertThat(a.shape()).isEqualTo(b.shape());
    double[] values = Tensors.toDoubles(b.detach());
    double scale = Math.max(1, Arrays.stream(values).map(Math::abs).max().orElse(0));
    assertThat(Tensors.toDoubles(a.detach()))
        .containsExactly(values, Offset.offset(tolerance * scale));
  }

  /** The largest difference, relative to the largest expected magnitude. */
  private static double worst(double[] expected, double[] actual) {
    assertThat(actual).hasSameSizeAs(expected);
    double scale = 1e-30;
    double difference = 0;
    for (int i = 0; i < expected.length; i++) {
      scale = Math.max(scale, Math.abs(expected[i]));
      difference = Math.max(difference, Math.abs(expected[i] - actual[i]));
    }
    return difference / scale;
  }
}
