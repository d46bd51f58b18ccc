package dev.bevel.torch.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.kernels.DType;
import dev.bevel.kernels.Device;
import dev.bevel.torch.TensorScope;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ModuleTest {
  private TensorScope scope;

  private static final class Small extends Module implements Layer {
    private final ConvModule first;
    private final Conv2d last;

    Small(long seed) {
      try (Initializer init = Initializer.seeded(seed)) {
        first = child("first", new ConvModule(Conv2d.Shape.same(3, 4, 3), init));
        last = child("last", new Conv2d(Conv2d.Shape.same(4, 2, 1).withBias(), init));
      }
    }

    @Override
    public Tensor forward(Tensor input) {
      return last.forward(first.forward(input));
    }
  }

  @BeforeEach
  void open() {
    scope = TensorScope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @Test
  void namesAreDottedPaths() {
    try (Small small = new Small(1)) {
      assertThat(small.namedParameters().keySet())
          .containsExactly(
              "first.conv.weight", "first.bn.weight", "first.bn.bias", "last.weight", "last.bias");
      assertThat(small.namedBuffers().keySet())
          .containsExactly(
              "first.bn.running_mean", "first.bn.running_var", "first.bn.num_batches_tracked");
      assertThat(small.stateDict().keySet())
          .containsAll(small.namedParameters().keySet())
          .containsAll(small.namedBuffers().keySet())
          .hasSize(8);
    }
  }

  @Test
  void tensorsOutliveTheScopeTheyWereMadeInAndDieWithTheModule() {
    Small small;
    try (TensorScope inner = TensorScope.open()) {
      assertThat(TensorScope.current()).isSameAs(inner);
      small = new Small(1);
    }
    Tensor weight = small.tensor("last.weight");
    assertThat(weight.isNull()).isFalse();
    assertThat(weight.requires_grad()).isTrue();
    assertThat(small.forward(torch.randn(1, 3, 5, 5)).shape()).containsExactly(1, 2, 5, 5);
    small.close();
    assertThat(weight.isNull()).isTrue();
  }

  @Test
  void sameSeedSameWeights() {
    try (Small a = new Small(7);
        Small b = new Small(7);
        Small c = new Small(8)) {
      assertThat(values(a, "first.conv.weight")).isEqualTo(values(b, "first.conv.weight"));
      assertThat(values(a, "first.conv.weight")).isNotEqualTo(values(c, "first.conv.weight"));
    }
  }

  @Test
  void modeReachesEveryChild() {
    try (Small small = new Small(1)) {
      small.eval();
      small.forEachModule((path, module) -> assertThat(module.isTraining()).as(path).isFalse());
      small.train(true);
      small.forEachModule((path, module) -> assertThat(module.isTraining()).as(path).isTrue());
    }
  }

  @Test
  void conversionKeepsTensorObjectsAndIntegerBuffers() {
    try (Small small = new Small(1)) {
      Tensor weight = small.tensor("first.conv.weight");
      double[] before = Tensors.toDoubles(weight);
      small.to(ScalarType.Double);
      small.toChannelsLast();
      assertThat(weight.scalar_type().intern()).isEqualTo(ScalarType.Double);
      assertThat(weight.is_contiguous(MemoryFormat.ChannelsLast)).isTrue();
      assertThat(Tensors.toDoubles(weight)).isEqualTo(before);
      assertThat(small.tensor("first.bn.num_batches_tracked").scalar_type().intern())
          .isEqualTo(ScalarType.Long);
      Tensor out = small.forward(torch.randn(2, 3, 4, 4).to(ScalarType.Double));
      out.sum().backward();
      assertThat(weight.grad().defined()).isTrue();
    }
  }

  /** A gradient that stayed behind would be added to one of another dtype. */
  @Test
  void gradientsMoveAlong() {
    try (Small small = new Small(1)) {
      Tensor bias = small.tensor("last.bias");
      small.forward(torch.ones(1, 3, 4, 4)).sum().backward();
      double[] once = Tensors.toDoubles(bias.grad());
      small.to(Device.CPU, DType.FLOAT64);
      assertThat(bias.scalar_type().intern()).isEqualTo(ScalarType.Double);
      assertThat(bias.grad().scalar_type().intern()).isEqualTo(ScalarType.Double);
      assertThat(Tensors.toDoubles(bias.grad())).isEqualTo(once);
      small.forward(torch.ones(1, 3, 4, 4).to(ScalarType.Double)).sum().backward();
      assertThat(Tensors.toDoubles(bias.grad())).containsExactly(2 * once[0], 2 * once[1]);
      assertThat(small.tensor("first.bn.num_batches_tracked").scalar_type().intern())
          .isEqualTo(ScalarType.Long);
      small.to(Device.CPU);
      assertThat(bias.scalar_type().intern()).isEqualTo(ScalarType.Double);
    }
  }

  @Test
  void aDeviceOrDtypeThatCannotBeIsToldAndNothingMoves() {
    try (Small small = new Small(1)) {
      assertThatThrownBy(() -> small.to(Device.CPU, DType.INT32))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("Small.to: dtype must be one of floating-point numbers, got INT32");
      assertThatThrownBy(() -> small.to(Device.cuda(99), DType.FLOAT16))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("LibTorch has no cuda:99");
      assertThat(small.tensor("last.bias").scalar_type().intern()).isEqualTo(ScalarType.Float);
    }
  }

  /** Whole numbers would cut the weights off, for good. */
  @Test
  void onlyDtypesOfWeightsAreTaken() {
    try (Small small = new Small(1)) {
      small.tensor("first.conv.weight").set_requires_grad(false);
      for (ScalarType dtype : new ScalarType[] {ScalarType.Long, ScalarType.ComplexFloat}) {
        assertThatThrownBy(() -> small.to(dtype))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("Small.to: dtype must be one of ")
            .hasMessageContaining("got " + dtype);
      }
      assertThat(small.tensor("first.conv.weight").scalar_type().intern())
          .isEqualTo(ScalarType.Float);
    }
  }

  @Test
  void gradientsAreCleared() {
    try (Small small = new Small(1)) {
      small.forward(torch.randn(1, 3, 4, 4)).sum().backward();
      assertThat(small.tensor("last.bias").grad().defined()).isTrue();
      small.zeroGrad();
      assertThat(small.tensor("last.bias").grad().defined()).isFalse();
    }
  }

  @Test
  void stateOfOneModuleLoadsIntoAnother() {
    try (Small a = new Small(1);
        Small b = new Small(2)) {
      b.to(ScalarType.Double);
      assertThat(b.loadStateDict(a.stateDict(), true).isComplete()).isTrue();
      assertThat(values(b, "last.weight")).isEqualTo(values(a, "last.weight"));
    }
  }

  @Test
  void strictLoadingNamesWhatDoesNotFitAndCopiesNothing() {
    try (Small a = new Small(1);
        Small b = new Small(2)) {
      Map<String, Tensor> state = new LinkedHashMap<>(a.stateDict());
      state.remove("last.bias");
      state.put("extra", torch.zeros(1));
      state.put("first.bn.weight", torch.zeros(5));
      double[] before = values(b, "last.weight");
      assertThatThrownBy(() -> b.loadStateDict(state, true))
          .hasMessage(
              "state dictionary does not fit the module: 1 missing (last.bias); 1 unexpected (extra); 1 of another shape"
                  + " (first.bn.weight must be [4], got [5])");
      assertThat(values(b, "last.weight")).isEqualTo(before);

      LoadReport report = b.loadStateDict(state, false);
      assertThat(report.missing()).containsExactly("last.bias");
      assertThat(values(b, "last.weight")).isEqualTo(values(a, "last.weight"));
    }
  }

  @Test
  void namesMustBeNewAndWithoutDots() {
    try (NamedModules names = new NamedModules()) {
      names.addBuffer("x", torch.zeros(1));
      assertThatThrownBy(() -> names.addBuffer("x", torch.zeros(1)))
          .hasMessageContaining("a member 'x' already");
      assertThatThrownBy(() -> names.addBuffer("a.b", torch.zeros(1)))
          .hasMessageContaining("without a dot");
    }
  }

  @Test
  void tidyFreesWhatLiesBetween() {
    Tensor[] between = new Tensor[1];
    Tensor result =
        Scopes.tidy(
            () -> {
              between[0] = torch.ones(4);
              return between[0].mul(between[0]);
            });
    assertThat(between[0].isNull()).isTrue();
    assertThat(Tensors.toDoubles(result)).containsExactly(1, 1, 1, 1);
  }

  private static double[] values(Module module, String name) {
    return Tensors.toDoubles(module.tensor(name));
  }
}
