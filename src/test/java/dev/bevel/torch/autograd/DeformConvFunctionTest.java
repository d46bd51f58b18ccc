package dev.bevel.torch.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.bench.deformconv.DeformConvComposition;
import dev.bevel.kernels.DeformConvSettings;
import dev.bevel.kernels.Determinism;
import dev.bevel.testing.GradientCheck;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.nn.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Deformable convolution under autograd. */
class DeformConvFunctionTest {
  private static final long SEED = 20260428;
  private static final int MASK = 3;

  private final Random random = new Random(SEED);
  private TensorScope scope;

  @BeforeEach
  void open() {
    scope = TensorScope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static DeformConvFunction function(DeformConvSettings settings) {
    return new DeformConvFunction(settings, Determinism.STRICT);
  }

  private Tensor leaf(double bound, long... shape) {
    long count = Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    Tensor tensor = Tensors.of(random.doubles(count, -bound, bound).toArray(), shape);
    return tensor.set_requires_grad(true);
  }

  /** Offsets whose coordinates keep clear of whole numbers, where the slope jumps. */
  private Tensor offsetLeaf(long... shape) {
    long count = Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    double[] values =
        random.doubles(count, 0.05, 0.95).map(f -> f + random.nextInt(5) - 2).toArray();
    return Tensors.of(values, shape).set_requires_grad(true);
  }

  /** Input, offset, weight, and if asked for mask and bias: float64 leaves. */
  private Tensor[] inputs(DeformConvSettings s, boolean masked, boolean biased) {
    long rows = s.outRows(5, 3);
    long columns = s.outColumns(6, 2);
    long samples = s.deformGroups() * 6L;
    List<Tensor> all = new ArrayList<>();
    all.add(leaf(1, 2, 4, 5, 6));
    all.add(offsetLeaf(2, 2 * samples, rows, columns));
    all.add(leaf(1, 6, 4 / s.groups(), 3, 2));
    if (masked) {
      all.add(leaf(1, 2, samples, rows, columns));
    }
    if (biased) {
      all.add(leaf(1, 6));
    }
    return all.toArray(new Tensor[0]);
  }

  private interface Convolver {
    Tensor convolve(
        Tensor input, Tensor offset, @Nullable Tensor mask, Tensor weight, @Nullable Tensor bias);
  }

  private static Tensor convolve(Convolver convolver, boolean masked, Tensor... in) {
    int next = masked ? MASK + 1 : MASK;
    return convolver.convolve(
        in[0], in[1], masked ? in[MASK] : null, in[2], in.length > next ? in[next] : null);
  }

  @ParameterizedTest(
      name = "stride {0},{1} padding {2},{3} dilation {4},{5} groups {6},{7} {8} {9}")
  @CsvSource({
    "1,1,1,1,1,1,1,1,true,true",
    "1,1,1,0,1,1,2,1,false,false",
    "2,1,1,1,1,2,2,4,true,false",
    "1,2,2,1,2,1,1,2,false,true"
  })
  void gradientsAreDifferenceQuotientsAndThoseOfTheComposition(
      int strideY,
      int strideX,
      int paddingY,
      int paddingX,
      int dilationY,
      int dilationX,
      int groups,
      int deformGroups,
      boolean masked,
      boolean biased) {
    DeformConvSettings s =
        new DeformConvSettings(
            strideY, strideX, paddingY, paddingX, dilationY, dilationX, groups, deformGroups);
    Tensor[] in = inputs(s, masked, biased);
    DeformConvFunction function = function(s);
    GradientCheck.check(
        x -> new Tensor[] {convolve(function::convolve, masked, x)}, random, 1e-6, in);

    for (DeformConvComposition composition : DeformConvComposition.values()) {
      Tensor ours = convolve(function::convolve, masked, in);
      Tensor composed =
          convolve((x, o, m, w, b) -> composition.convolve(x, o, m, w, b, s), masked, in);
      assertClose(ours, composed, 1e-12);
      Tensor weights = leaf(1, ours.shape()).detach();
      List<double[]> expected = gradients(composed.mul(weights).sum(), in);
      List<double[]> actual = gradients(ours.mul(weights).sum(), in);
      for (int i = 0; i < in.length; i++) {
        assertThat(actual.get(i))
            .as("%s, input %d", composition, i)
            .containsExactly(expected.get(i), within(1e-11));
      }
    }
  }

  private static List<double[]> gradients(Tensor loss, Tensor... leaves) {
    for (Tensor leaf : leaves) {
      leaf.mutable_grad().reset();
    }
    Autograd.backward(loss);
    return Arrays.stream(leaves).map(leaf -> Tensors.toDoubles(leaf.grad())).toList();
  }

  private static void assertClose(Tensor actual, Tensor expected, double bound) {
    assertThat(actual.shape()).isEqualTo(expected.shape());
    assertThat(Tensors.toDoubles(actual.detach()))
        .containsExactly(Tensors.toDoubles(expected.detach()), within(bound));
  }

  @ParameterizedTest
  @CsvSource({"1,1,1,1", "2,0,1,2", "1,2,2,4"})
  void withoutOffsetsItIsAConvolution(int stride, int padding, int dilation, int groups) {
    DeformConvSettings s = DeformConvSettings.of(stride, padding, dilation).withGroups(groups, 2);
    Tensor input = leaf(1, 3, 8, 9, 11);
    Tensor weight = leaf(1, 12, 8 / groups, 3, 3);
    Tensor bias = leaf(1, 12);
    long rows = s.outRows(9, 3);
    long columns = s.outColumns(11, 3);
    Tensor offset = torch.zeros(3, 36, rows, columns).to(ScalarType.Double);
    Tensor mask = torch.ones(3, 18, rows, columns).to(ScalarType.Double);
    long[] pairs = {stride, stride};
    Tensor expected =
        torch.conv2d(
            input,
            weight,
            new TensorOptional(bias),
            pairs,
            new long[] {padding, padding},
            new long[] {dilation, dilation},
            groups);
    List<double[]> expectedGradients = gradients(expected.square().sum(), input, weight, bias);
    for (Tensor given : new @Nullable Tensor[] {mask, null}) {
      Tensor actual = function(s).convolve(input, offset, given, weight, bias);
      assertClose(actual, expected, 1e-12);
      List<double[]> actualGradients = gradients(actual.square().sum(), input, weight, bias);
      for (int i = 0; i < 3; i++) {
        assertThat(actualGradients.get(i)).containsExactly(expectedGradients.get(i), within(1e-10));
      }
    }
  }

  @Test
  void onlyWantedGradientsAreMade() {
    DeformConvSettings s = DeformConvSettings.of(1, 1, 1);
    Tensor[] in = inputs(s, true, true);
    double[] all = gradients(convolve(function(s)::convolve, true, in).sum(), in).get(2);
    for (int i = 0; i < in.length; i++) {
      in[i].mutable_grad().reset();
      in[i].set_requires_grad(i == 2);
    }
    Autograd.backward(convolve(function(s)::convolve, true, in).sum());
    for (int i = 0; i < in.length; i++) {
      assertThat(in[i].grad().defined()).as("input %d", i).isEqualTo(i == 2);
    }
    assertThat(Tensors.toDoubles(in[2].grad())).isEqualTo(all);
  }

  @Test
  void anyStridesAreTaken() {
    DeformConvSettings s = DeformConvSettings.of(1, 1, 1).withGroups(2, 1);
    Tensor[] in = inputs(s, true, true);
    Tensor expected = convolve(function(s)::convolve, true, in);
    List<double[]> expectedGradients = gradients(expected.sum(), in);
    Tensor[] strided = new Tensor[in.length];
    for (int i = 0; i < in.length; i++) {
      strided[i] = in[i].dim() == 4 ? in[i].contiguous(MemoryFormat.ChannelsLast) : in[i];
    }
    Tensor actual = convolve(function(s)::convolve, true, strided);
    assertThat(Tensors.toDoubles(actual.detach())).isEqualTo(Tensors.toDoubles(expected.detach()));
    // The gradient of a sum is expanded from one element.
    List<double[]> actualGradients = gradients(actual.sum(), in);
    for (int i = 0; i < in.length; i++) {
      assertThat(actualGradients.get(i)).isEqualTo(expectedGradients.get(i));
    }
  }

  /** The error of 16-bit features is at most twice that of the composition in the same dtype. */
  @ParameterizedTest
  @EnumSource(names = {"BFloat16", "Half"})
  void sixteenBitFeatures(ScalarType dtype) {
    DeformConvSettings s = DeformConvSettings.of(1, 1, 1);
    Tensor[] in = inputs(s, true, false);
    Tensor input = in[0].detach().to(dtype);
    Tensor weight = in[2].detach().to(dtype);
    Tensor offset = in[1].detach().to(ScalarType.Float);
    Tensor mask = in[MASK].detach().to(ScalarType.Float);
    Tensor exact =
        DeformConvComposition.GATHER.convolve(
            input.to(ScalarType.Double),
            offset.to(ScalarType.Double),
            mask.to(ScalarType.Double),
            weight.to(ScalarType.Double),
            null,
            s);
    Tensor actual = function(s).convolve(input, offset, mask, weight, null);
    assertThat(actual.scalar_type().intern()).isEqualTo(dtype);
    Tensor composed =
        DeformConvComposition.GATHER.convolve(
            input, offset.to(dtype), mask.to(dtype), weight, null, s);
    assertThat(error(actual, exact)).isPositive().isLessThan(2 * error(composed, exact));
  }

  private static double error(Tensor actual, Tensor exact) {
    return actual.to(ScalarType.Double).sub(exact).abs().max().item_double();
  }

  @Test
  void sixteenBitGradientsHaveTheirInputsDtypes() {
    DeformConvSettings s = DeformConvSettings.of(1, 1, 1);
    Tensor[] in = inputs(s, true, true);
    ScalarType[] dtypes = {
      ScalarType.BFloat16, ScalarType.Float, ScalarType.Half, ScalarType.Float, ScalarType.Half
    };
    Tensor[] narrow = new Tensor[in.length];
    for (int i = 0; i < in.length; i++) {
      narrow[i] = in[i].detach().to(dtypes[i]).set_requires_grad(true);
    }
    Tensor out = convolve(function(s)::convolve, true, narrow);
    Autograd.backward(out.to(ScalarType.Float).square().mean());
    for (int i = 0; i < in.length; i++) {
      assertThat(narrow[i].grad().scalar_type().intern()).as("input %d", i).isEqualTo(dtypes[i]);
      assertThat(narrow[i].grad().abs().max().to(ScalarType.Float).item_float()).isPositive();
    }
  }

  @Test
  void theSameGraphTwiceNeedsRetention() {
    DeformConvSettings s = DeformConvSettings.of(1, 1, 1);
    Tensor[] in = inputs(s, false, false);
    Tensor loss = convolve(function(s)::convolve, false, in).square().sum();
    Autograd.backward(loss, null, true);
    double[] once = Tensors.toDoubles(in[0].grad());
    Autograd.backward(loss, null, false);
    assertThat(Tensors.toDoubles(in[0].grad()))
        .containsExactly(Arrays.stream(once).map(g -> 2 * g).toArray(), within(1e-12));
  }

  @Test
  void wrongShapesAreNamed() {
    DeformConvSettings s = DeformConvSettings.of(1, 1, 1);
    Tensor[] in = inputs(s, false, false);
    assertThatThrownBy(() -> function(s).convolve(in[0].flatten(2, 3), in[1], null, in[2], null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("input must be [B, C, H, W], got [2, 4, 30]");
    assertThatThrownBy(() -> function(s).convolve(in[0], in[0], null, in[2], null))
        .hasMessageContaining("deform_conv_forward: offset must be");
    // A mask by its rank, and not by its place: it is no mask.
    assertThatThrownBy(() -> function(s).convolve(in[0], in[1], null, in[2], in[0]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("bias must be [O], got [");
    assertThatThrownBy(
            () ->
                function(DeformConvSettings.of(1, 0, 9)).convolve(in[0], in[1], null, in[2], null))
        .hasMessageContaining("deform_conv_forward: ")
        .hasMessageContaining("fits into the padded input");
  }

  @Test
  void anEmptyBatchGivesAnEmptyResult() {
    DeformConvSettings s = DeformConvSettings.of(1, 1, 1);
    Tensor weight = leaf(1, 6, 4, 3, 2);
    Tensor input = torch.zeros(0, 4, 5, 6).to(ScalarType.Double);
    Tensor offset = torch.zeros(0, 12, 5, 7).to(ScalarType.Double);
    Tensor out = function(s).convolve(input, offset, null, weight, null);
    assertThat(out.shape()).containsExactly(0, 6, 5, 7);
    Autograd.backward(out.sum().add(weight.sum().mul(new Scalar(0.0))));
    assertThat(Tensors.toDoubles(weight.grad())).containsOnly(0);
  }
}
