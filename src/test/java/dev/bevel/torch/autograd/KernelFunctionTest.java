package dev.bevel.torch.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.kernels.CallSettings;
import dev.bevel.kernels.DeformConv;
import dev.bevel.kernels.DeformConvInputs;
import dev.bevel.kernels.DeformConvSettings;
import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.Interpolation;
import dev.bevel.kernels.ValueLevels;
import dev.bevel.kernels.WarpCoordinates;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.TensorViews;
import dev.bevel.torch.nn.Tensors;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the functions over the kernels have in common. */
class KernelFunctionTest {
  private static final ValueLevels LEVELS = ValueLevels.of(2, 3);

  private TensorScope scope;

  @BeforeEach
  void open() {
    scope = TensorScope.open();
    torch.manual_seed(20261130);
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Tensor random(long... shape) {
    return torch.rand(shape);
  }

  private static Tensor leaf(long... shape) {
    return random(shape).set_requires_grad(true);
  }

  private static MsdaFunction msda() {
    return new MsdaFunction(LEVELS);
  }

  private static DeformAttnFunction attention() {
    return new DeformAttnFunction(LEVELS, DeformAttnOptions.DEFAULT);
  }

  private static DeformConvFunction convolution() {
    return new DeformConvFunction(DeformConvSettings.of(1, 1, 1), Determinism.STRICT);
  }

  private static Tensor[] attentionInputs() {
    return new Tensor[] {
      leaf(1, 2, 6, 2, 4), leaf(1, 2, 5, 1, 2), leaf(1, 1, 5, 2, 1, 3, 2), leaf(1, 1, 5, 2, 1, 3)
    };
  }

  @Test
  void aWrongNumberOfInputsIsToldWithTheirNames() {
    for (Function function :
        List.of(
            msda(),
            attention(),
            convolution(),
            new BevWarpFunction(WarpCoordinates.PIXELS, Interpolation.BILINEAR))) {
      assertThatThrownBy(() -> function.apply(random(1, 2)))
          .as(function.name())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith(function.name() + ": inputs must be ")
          .hasMessageContaining("got [1, 2]");
      Tensor[] many = new Tensor[7];
      java.util.Arrays.setAll(many, i -> random(1, 2));
      assertThatThrownBy(() -> function.apply(many))
          .as(function.name())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith(function.name() + ": inputs must be ");
    }
    assertThatThrownBy(() -> convolution().apply(random(1, 2), null))
        .hasMessage(
            "DeformConvFunction: inputs must be input, offset, weight, mask (or null), bias (or null), got [1, 2], null");
  }

  /** Those that may be left out come last: with and without them the result is one. */
  @Test
  void optionalInputsMayBeLeftOut() {
    Tensor[] four = attentionInputs();
    Tensor out = attention().apply(four)[0];
    Autograd.backward(out.sum());
    double[] expected = Tensors.toDoubles(four[2].grad());
    Tensor all = attention().attend(four[0], four[1], four[2], four[3], null);
    assertThat(Tensors.toDoubles(out)).isEqualTo(Tensors.toDoubles(all));
    four[2].mutable_grad().reset();
    Autograd.backward(all.sum());
    assertThat(Tensors.toDoubles(four[2].grad())).isEqualTo(expected);
  }

  @Test
  void oneDoubleMakesTheCallDouble() {
    Tensor value = leaf(1, 6, 2, 4);
    Tensor locations = random(1, 5, 2, 1, 3, 2);
    Tensor weights = random(1, 5, 2, 1, 3);
    assertThat(msda().attend(value, locations, weights).scalar_type().intern())
        .isEqualTo(ScalarType.Float);
    Tensor out = msda().attend(value, locations.to(ScalarType.Double), weights);
    assertThat(out.scalar_type().intern()).isEqualTo(ScalarType.Double);
    Autograd.backward(out.sum());
    assertThat(value.grad().scalar_type().intern()).isEqualTo(ScalarType.Float);
    Tensor half = value.detach().to(ScalarType.Half);
    assertThat(msda().attend(half, locations.to(ScalarType.Half), weights).scalar_type().intern())
        .isEqualTo(ScalarType.Half);
  }

  /** A bias has the weight's dtype, and a mask the call's, whatever they come with. */
  @Test
  void argumentsFollowWhatTheyBelongTo() {
    Tensor input = random(1, 2, 5, 5).to(ScalarType.BFloat16);
    Tensor offset = random(1, 18, 5, 5).to(ScalarType.Half);
    Tensor mask = random(1, 9, 5, 5).to(ScalarType.Half);
    Tensor weight = random(3, 2, 3, 3);
    Tensor bias = random(3).to(ScalarType.Double);
    Tensor out = convolution().convolve(input, offset, mask, weight, bias);
    assertThat(out.scalar_type().intern()).isEqualTo(ScalarType.BFloat16);
    Tensor wide = convolution().convolve(input, offset, mask.to(ScalarType.Double), weight, bias);
    assertThat(wide.scalar_type().intern()).isEqualTo(ScalarType.Double);
  }

  @Test
  void ranksAreToldBeforeAnythingIsComputed() {
    assertThatThrownBy(
            () -> msda().attend(random(6, 2, 4), random(1, 5, 2, 1, 3, 2), random(1, 5, 2, 1, 3)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("MsdaFunction: value must be [B, S, M, D], got [6, 2, 4]");
  }

  @Test
  void whatGetsNoGradientIsRefusedWhereOneIsWaitedFor() {
    BevWarpFunction warp = new BevWarpFunction(WarpCoordinates.PIXELS, Interpolation.BILINEAR);
    assertThatThrownBy(() -> warp.warp(random(1, 2, 4, 4), leaf(1, 2, 3)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("BevWarpFunction: no gradient flows to matrices; pass a detached tensor");
    MultiViewSampleFunction sample = new MultiViewSampleFunction(MultiViewSampleOptions.DEFAULT);
    assertThatThrownBy(
            () ->
                sample.sample(
                    List.of(random(1, 2, 3, 4, 5)),
                    leaf(1, 2, 4, 4),
                    32,
                    32,
                    random(1, 3, 1, 3),
                    random(1, 3, 2, 1, 1)))
        .hasMessage(
            "MultiViewSampleFunction: no gradient flows to lidarToImage; pass a detached tensor");
  }

  @Test
  void applyRefusesItToo() {
    BevWarpFunction warp = new BevWarpFunction(WarpCoordinates.PIXELS, Interpolation.BILINEAR);
    assertThatThrownBy(() -> warp.sample(random(2, 2), random(1, 2, 2, 2)))
        .hasMessage("BevWarpFunction: maps must be [B, T, C, H, W] or [T, C, H, W], got [2, 2]");
    Tensor[] four = attentionInputs();
    Tensor visible = leaf(1, 2, 5);
    assertThatThrownBy(() -> attention().apply(four[0], four[1], four[2], four[3], visible))
        .hasMessageContaining("DeformAttnFunction: no gradient flows to visible");
  }

  /** True is what is not 0, of any dtype. */
  @Test
  void flagsAreTrueWhereTheyAreNotZero() {
    Tensor[] four = attentionInputs();
    double[] all = attend(four, torch.ones(1, 2, 5).to(ScalarType.Bool));
    assertThat(attend(four, torch.ones(1, 2, 5).mul(new Scalar(0.5)))).isEqualTo(all);
    assertThat(attend(four, torch.ones(1, 2, 5).mul(new Scalar(256.0)).to(ScalarType.Int)))
        .isEqualTo(all);
    assertThat(attend(four, torch.zeros(1, 2, 5))).containsOnly(0).isNotEqualTo(all);
  }

  private static double[] attend(Tensor[] four, Tensor visible) {
    return Tensors.toDoubles(attention().attend(four[0], four[1], four[2], four[3], visible));
  }

  @Test
  void levelsAreWholeNumbers() {
    assertThatThrownBy(() -> MsdaFunction.levels(Tensors.of(new double[] {2.7, 4}, 1, 2)))
        .hasMessage("MsdaFunction: spatialShapes must hold whole numbers below 2^31, got 2.7");
    assertThatThrownBy(() -> MsdaFunction.levels(Tensors.of(new double[] {4294967300.0, 4}, 1, 2)))
        .hasMessageContaining("got 4.2949673E9");
  }

  /** The scratch memory that calls on CUDA get, here on the CPU: the same results. */
  @Test
  void scratchMemoryComesFromLibTorchsAllocator() {
    Tensor input = random(1, 4, 6, 6);
    DeformConvInputs inputs =
        new DeformConvInputs(
            TensorViews.of(input),
            TensorViews.of(random(1, 18, 6, 6)),
            null,
            TensorViews.of(random(3, 4, 3, 3)),
            DeformConvSettings.of(1, 1, 1));
    Tensor expected = torch.empty(DeformConv.outShape(inputs));
    Tensor actual = torch.empty(DeformConv.outShape(inputs));
    DeformConv.forward(inputs, TensorViews.of(expected));
    DeformConv.forward(
        inputs,
        TensorViews.of(actual),
        CallSettings.DEFAULT.withWorkspace(KernelFunction.workspace(input)));
    assertThat(Tensors.toDoubles(actual)).isEqualTo(Tensors.toDoubles(expected));
  }
}
