package dev.bevel.torch.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.torch.TensorScope;
import dev.bevel.torch.model.ResNet.Settings;
import dev.bevel.torch.model.ResNet.Variant;
import dev.bevel.torch.nn.Initializer;
import java.util.List;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Variants of the backbone, at a small width. */
class ResNetTest {
  private static final long SEED = 20260430;

  private static Settings small(Variant variant) {
    return new Settings(true, List.of(1, 2, 2), List.of(1, 2, 2), 3, 8, true, variant);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void stagesHaveTheirStridesWhereverTheyStand(boolean strideFirst) {
    try (TensorScope scope = TensorScope.open();
        Initializer init = Initializer.seeded(SEED);
        ResNet network =
            new ResNet(small(new Variant(strideFirst, Set.of(2, 3), -1, false)), init)) {
      assertThat(TensorScope.current()).isSameAs(scope);
      torch.manual_seed(SEED);
      List<Tensor> stages = network.forward(torch.randn(2, 3, 64, 96));
      assertThat(stages.get(0).shape()).containsExactly(2, 32, 16, 24);
      assertThat(stages.get(1).shape()).containsExactly(2, 64, 8, 12);
      assertThat(stages.get(2).shape()).containsExactly(2, 128, 4, 6);
      assertThat(network.stateDict().keySet())
          .contains("layer2.0.conv2.conv_offset.weight", "layer3.1.conv2.conv_offset.bias")
          .doesNotContain("layer1.0.conv2.conv_offset.weight");
      stages.get(2).square().mean().backward();
      network
          .namedParameters()
          .forEach((name, p) -> assertThat(p.grad().defined()).as(name).isTrue());
    }
  }

  /** The stride in the first convolution reads every second pixel of the block's input only. */
  @Test
  void aStrideInTheFirstConvolutionSkipsPixels() {
    try (TensorScope scope = TensorScope.open();
        Initializer init = Initializer.seeded(SEED);
        ResidualBlock first = ResidualBlock.bottleneck(8, 8, 2, true, false, init);
        ResidualBlock second = ResidualBlock.bottleneck(8, 8, 2, false, false, init)) {
      assertThat(TensorScope.current()).isSameAs(scope);
      torch.manual_seed(SEED);
      for (ResidualBlock block : List.of(first, second)) {
        Tensor input = torch.randn(1, 8, 8, 8).set_requires_grad(true);
        block.eval();
        block.forward(input).square().sum().backward();
        boolean odd = input.grad().select(2, 1).abs().max().item_float() > 0;
        assertThat(odd).isEqualTo(block == second);
      }
    }
  }

  @Test
  void frozenPartsStayAsTheyAre() {
    try (TensorScope scope = TensorScope.open();
        Initializer init = Initializer.seeded(SEED);
        ResNet network = new ResNet(small(new Variant(true, Set.of(3), 1, true)), init)) {
      assertThat(TensorScope.current()).isSameAs(scope);
      network.train(true);
      torch.manual_seed(SEED);
      network.forward(torch.randn(1, 3, 64, 64)).get(2).square().mean().backward();
      network
          .namedParameters()
          .forEach(
              (name, parameter) -> {
                boolean frozen =
                    name.startsWith("conv1.")
                        || name.startsWith("layer1.")
                        || name.contains("bn")
                        || name.contains("downsample.1.");
                assertThat(parameter.grad().defined()).as(name).isEqualTo(!frozen);
              });
      assertThat(network.tensor("layer3.0.bn1.num_batches_tracked").item_long()).isZero();
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    assertThatThrownBy(() -> small(new Variant(false, Set.of(4), -1, false)))
        .hasMessage("ResNet: deformable stages must be 1 to 3, got 4");
    assertThatThrownBy(() -> small(new Variant(false, Set.of(), 5, false)))
        .hasMessage("ResNet: frozen stages must be -1 to 3, got 5");
    assertThatThrownBy(
            () ->
                new Settings(
                    false,
                    List.of(1),
                    List.of(1),
                    3,
                    8,
                    true,
                    new Variant(false, Set.of(1), -1, false)))
        .hasMessageContaining("basic blocks have no first 1×1 and no deformable convolution");
  }
}
