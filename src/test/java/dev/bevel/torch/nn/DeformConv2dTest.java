package dev.bevel.torch.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.bench.deformconv.DeformConvComposition;
import dev.bevel.kernels.DeformConvSettings;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.autograd.Autograd;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The deformable layers. */
class DeformConv2dTest {
  private static final long SEED = 20260429;
  private static final Conv2d.Shape SHAPE = Conv2d.Shape.same(8, 12, 3).withGroups(4);

  private final Random random = new Random(SEED);
  private TensorScope scope;
  private Initializer init;

  @BeforeEach
  void open() {
    scope = TensorScope.open();
    init = Initializer.seeded(SEED);
  }

  @AfterEach
  void close() {
    init.close();
    scope.close();
  }

  private Tensor numbers(double bound, long... shape) {
    long count = Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    return Tensors.of(random.doubles(count, -bound, bound).toArray(), shape);
  }

  private DeformConv2d layer(boolean modulated, Conv2d.Shape shape, int deformGroups) {
    DeformConv2d layer =
        modulated
            ? DeformConv2d.modulated(shape, deformGroups, init)
            : DeformConv2d.plain(shape, deformGroups, init);
    layer.to(ScalarType.Double);
    return layer;
  }

  /** Gives the offset convolution random weights: offsets of a pixel or two. */
  private void deform(DeformConv2d layer) {
    Scopes.withoutGradient(
        () ->
            List.of("conv_offset.weight", "conv_offset.bias")
                .forEach(
                    name -> {
                      Tensor tensor = layer.tensor(name);
                      tensor.copy_(numbers(0.5, tensor.shape()));
                    }));
  }

  private static void assertClose(Tensor actual, Tensor expected) {
    assertThat(actual.shape()).isEqualTo(expected.shape());
    assertThat(Tensors.toDoubles(actual.detach()))
        .containsExactly(Tensors.toDoubles(expected.detach()), within(1e-11));
  }

  @Test
  void parametersHaveTheNamesOfMmcv() {
    try (DeformConv2d plain = layer(false, SHAPE, 2);
        DeformConv2d modulated = layer(true, SHAPE.withBias(), 2)) {
      assertThat(plain.stateDict().keySet())
          .containsExactly("weight", "conv_offset.weight", "conv_offset.bias");
      assertThat(plain.tensor("weight").shape()).containsExactly(12, 2, 3, 3);
      assertThat(plain.tensor("conv_offset.weight").shape()).containsExactly(36, 8, 3, 3);
      assertThat(modulated.stateDict().keySet())
          .containsExactly("weight", "bias", "conv_offset.weight", "conv_offset.bias");
      assertThat(modulated.tensor("conv_offset.bias").shape()).containsExactly(54);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void startsAsAConvolution(boolean modulated) {
    Tensor input = numbers(1, 2, 8, 6, 7);
    try (DeformConv2d layer = layer(modulated, SHAPE, 1);
        Conv2d plain = new Conv2d(SHAPE, init)) {
      double factor = modulated ? 0.5 : 1; // the sigmoid of zero
      plain.to(ScalarType.Double);
      Tensor weight = layer.weight().mul(torch.scalar_tensor(new Scalar(factor)));
      assertThat(Tensors.toDoubles(layer.weight())).doesNotContain(0);
      assertClose(layer.forward(input), plain.apply(input, weight, null));
    }
  }

  /** As upstream writes it: chunk in three, offsets of the first two, sigmoid of the third. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void predictsOffsetsAndMask(int stride) {
    Tensor input = numbers(1, 2, 8, 9, 7);
    Conv2d.Shape shape = SHAPE.withStride(stride).withBias();
    DeformConvSettings settings = DeformConvSettings.of(stride, 1, 1).withGroups(4, 2);
    try (DeformConv2d modulated = layer(true, shape, 2);
        DeformConv2d plain = layer(false, shape, 2)) {
      deform(modulated);
      deform(plain);
      TensorVector thirds = modulated.predict(input).chunk(3, 1);
      Tensor offset = torch.cat(new TensorVector(thirds.get(0), thirds.get(1)), 1);
      assertClose(
          modulated.forward(input),
          DeformConvComposition.GATHER.convolve(
              input,
              offset,
              thirds.get(2).sigmoid(),
              modulated.weight(),
              modulated.bias(),
              settings));
      assertClose(
          plain.forward(input),
          DeformConvComposition.GATHER.convolve(
              input, plain.predict(input), null, plain.weight(), plain.bias(), settings));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void everyParameterAndTheInputGetTheCompositionsGradients(boolean modulated) {
    Tensor input = numbers(1, 2, 8, 5, 6).set_requires_grad(true);
    DeformConvSettings settings = DeformConvSettings.of(1, 1, 1).withGroups(4, 1);
    try (DeformConv2d layer = layer(modulated, SHAPE, 1)) {
      deform(layer);
      Autograd.backward(layer.forward(input).square().sum());
      Map<String, Tensor> parameters = layer.namedParameters();
      List<double[]> actual =
          parameters.values().stream().map(p -> Tensors.toDoubles(p.grad())).toList();
      double[] ofInput = Tensors.toDoubles(input.grad());
      layer.zeroGrad();
      input.mutable_grad().reset();

      Tensor predicted = layer.predict(input);
      Tensor composed =
          DeformConvComposition.GRID_SAMPLE.convolve(
              input,
              predicted.narrow(1, 0, 18),
              modulated ? predicted.narrow(1, 18, 9).sigmoid() : null,
              layer.weight(),
              null,
              settings);
      Autograd.backward(composed.square().sum());
      int at = 0;
      for (Map.Entry<String, Tensor> parameter : parameters.entrySet()) {
        double[] expected = Tensors.toDoubles(parameter.getValue().grad());
        assertThat(Arrays.stream(expected).anyMatch(g -> g != 0)).isTrue();
        assertThat(actual.get(at++)).as(parameter.getKey()).containsExactly(expected, within(1e-9));
      }
      assertThat(ofInput).containsExactly(Tensors.toDoubles(input.grad()), within(1e-9));
    }
  }

  @Test
  void theNormIsFoldedIntoTheWeightAlone() {
    Tensor input = numbers(1, 2, 8, 5, 6);
    try (DeformConv2d layer = layer(true, SHAPE, 1);
        BatchNorm norm = new BatchNorm(12)) {
      norm.to(ScalarType.Double);
      deform(layer);
      Scopes.withoutGradient(
          () -> {
            norm.tensor("running_mean").copy_(numbers(1, 12));
            norm.tensor("running_var").copy_(numbers(0.5, 12).add(new Scalar(1.0)));
            norm.tensor("weight").copy_(numbers(2, 12));
          });
      norm.eval();
      Tensor unfolded = ConvNorm.apply(layer, norm, input);
      Scopes.withoutGradient(() -> assertClose(ConvNorm.apply(layer, norm, input), unfolded));
    }
  }

  @Test
  void whatIsFrozenIsNotTrained() {
    Tensor input = numbers(1, 2, 8, 5, 6);
    NamedModules root = new NamedModules();
    try (root) {
      DeformConv2d layer = root.add("layer", layer(true, SHAPE, 1));
      BatchNorm norm = root.add("norm", new BatchNorm(12));
      norm.to(ScalarType.Double);
      norm.freeze();
      root.train(true);
      assertThat(layer.isTraining()).isTrue();
      assertThat(norm.isTraining()).isFalse();
      Autograd.backward(ConvNorm.apply(layer, norm, input).square().sum());
      assertThat(norm.weight().grad().defined()).isFalse();
      assertThat(layer.weight().grad().defined()).isTrue();
      assertThat(Tensors.toDoubles(norm.tensor("running_mean"))).containsOnly(0);
    }
  }
}
