package dev.bevel.torch.autograd;

import static dev.bevel.torch.autograd.TestFunctions.identity;
import static dev.bevel.torch.autograd.TestFunctions.outputs;
import static dev.bevel.torch.autograd.TestFunctions.present;
import static dev.bevel.torch.autograd.TestFunctions.product;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.testing.GradientCheck;
import dev.bevel.testing.Seed;
import dev.bevel.torch.TensorScope;
import java.util.Random;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Values and gradients of {@link Function}: shapes, dtypes, layouts, and which parts of a graph
 * take part.
 */
class FunctionTest {
  private static final Random RANDOM = Seed.random(FunctionTest.class);

  private TensorScope scope;

  @BeforeEach
  void openScope() {
    scope = TensorScope.open();
  }

  @AfterEach
  void closeScope() {
    scope.close();
  }

  @Test
  void gradientsAgreeWithFiniteDifferences() {
    Tensor x = leaf(3, 4);
    Tensor y = leaf(3, 4);
    GradientCheck.check(in -> product().apply(in), RANDOM, 1e-8, x, y);
  }

  /** An optional tensor that is absent keeps its place. */
  @Test
  @SuppressWarnings("NullAway") // of a null array, which is tested too
  void absentInputsAreNull() {
    for (boolean first : new boolean[] {true, false}) {
      Function function =
          TestFunctions.of(
              (context, in) -> {
                assertThat(in).hasSize(2);
                assertThat(in[first ? 0 : 1]).isNull();
                assertThat(context.needsInputGrad(first ? 0 : 1)).isFalse();
                context.saveForBackward(in);
                return outputs(present(in[first ? 1 : 0]).exp());
              },
              (context, gradOutputs) -> {
                @Nullable Tensor[] saved = context.savedTensors();
                Tensor gradient = present(gradOutputs[0]).mul(present(saved[first ? 1 : 0]).exp());
                // What is said of an absent one is ignored.
                return first
                    ? new @Nullable Tensor[] {null, gradient}
                    : new @Nullable Tensor[] {gradient, gradient};
              });
      GradientCheck.check(
          in -> first ? function.apply(null, in[0]) : function.apply(in[0], null),
          RANDOM,
          1e-7,
          leaf(2, 3));
    }
    Function constant =
        TestFunctions.of(
            (context, in) -> outputs(torch.ones(2)), (context, gradOutputs) -> gradOutputs);
    assertThat(constant.apply((Tensor) null)[0].requires_grad()).isFalse();
    assertThatThrownBy(() -> constant.apply((Tensor[]) null))
        .hasMessage("TestFunction: inputs is null");
    Tensor closed = torch.ones(2);
    closed.close();
    assertThatThrownBy(() -> constant.apply(null, closed))
        .hasMessageContaining("inputs[1] is closed");
  }

  @Test
  void theSameTensorMayBeSeveralInputs() {
    GradientCheck.check(in -> product().apply(in[0], in[0]), RANDOM, 1e-8, leaf(5));
  }

  @Test
  void anInputUsedTwiceSumsItsGradients() {
    GradientCheck.check(
        in -> outputs(product().apply(in)[0].add(in[0].exp()).mul(product().apply(in)[0])),
        RANDOM,
        1e-7,
        leaf(4),
        leaf(4));
  }

  @Test
  void functionsChainOverIntermediateTensors() {
    GradientCheck.check(
        in -> product().apply(product().apply(in[0].sin(), in[1])[0].tanh(), in[0]),
        RANDOM,
        1e-7,
        leaf(2, 3),
        leaf(2, 3));
  }

  @Test
  void scalarsAndEmptyTensors() {
    GradientCheck.check(in -> product().apply(in), RANDOM, 1e-8, leaf(), leaf());
    for (long[] shape : new long[][] {{0}, {0, 3}, {2, 0, 3}}) {
      Tensor x = leaf(shape);
      Tensor out = product().apply(x, leaf(shape))[0];
      assertThat(out.shape()).isEqualTo(shape);
      Autograd.backward(out.sum());
      assertThat(x.grad().shape()).isEqualTo(shape);
    }
  }

  @Test
  void anEmptyInputAndAScalarOutput() {
    Function sum =
        TestFunctions.of(
            (context, in) -> outputs(in[0].sum()),
            (context, grad) -> outputs(present(grad[0]).expand(new long[] {0, 2}, false)));
    Tensor x = leaf(0, 2);
    Tensor out = sum.apply(x)[0];
    assertThat(out.dim()).isZero();
    Autograd.backward(out);
    assertThat(x.grad().shape()).containsExactly(0, 2);
  }

  @Test
  void dtypesMayDiffer() {
    Function scaled =
        TestFunctions.of(
            (context, in) -> outputs(in[0].add(in[1]).to(ScalarType.BFloat16)),
            (context, grad) -> {
              assertThat(present(grad[0]).scalar_type().intern()).isEqualTo(ScalarType.BFloat16);
              return outputs(
                  present(grad[0]).to(ScalarType.Float), present(grad[0]).to(ScalarType.Half));
            });
    Tensor x = leaf(6).to(ScalarType.Float).detach().requires_grad_(true);
    Tensor y = leaf(6).to(ScalarType.Half).detach().requires_grad_(true);
    Tensor out = scaled.apply(x, y)[0];
    assertThat(out.scalar_type().intern()).isEqualTo(ScalarType.BFloat16);
    Autograd.backward(out.to(ScalarType.Float).mul(new Scalar(3f)).sum());
    assertThat(x.grad().scalar_type().intern()).isEqualTo(ScalarType.Float);
    assertThat(GradientCheck.doubles(x.grad())).containsOnly(3);
    assertThat(y.grad().scalar_type().intern()).isEqualTo(ScalarType.Half);
    assertThat(GradientCheck.doubles(y.grad())).containsOnly(3);
  }

  @Test
  void integerInputsTakePart() {
    Function gather =
        TestFunctions.of(
            (context, in) -> {
              assertThat(context.needsInputGrad(1)).isFalse();
              context.saveForBackward(in[1]);
              return outputs(in[0].index_select(0, in[1]));
            },
            (context, grad) -> {
              Tensor index = present(context.savedTensors()[0]);
              Tensor zeros = torch.zeros(4).to(ScalarType.Double);
              return new @Nullable Tensor[] {zeros.index_add(0, index, present(grad[0])), null};
            });
    Tensor index = Tensor.create(new long[] {3, 0, 3});
    GradientCheck.check(in -> gather.apply(in[0], index), RANDOM, 1e-8, leaf(4));
  }

  @Test
  void severalOutputsArriveInOneBackward() {
    int[] calls = {0};
    Function sinCos =
        TestFunctions.of(
            (context, in) -> {
              context.saveForBackward(in[0].sin(), in[0].cos());
              return outputs(in[0].sin(), in[0].cos());
            },
            (context, grad) -> {
              calls[0]++;
              @Nullable Tensor[] saved = context.savedTensors();
              return outputs(
                  present(saved[1])
                      .mul(present(grad[0]))
                      .sub(present(saved[0]).mul(present(grad[1]))));
            });
    GradientCheck.check(in -> sinCos.apply(in), RANDOM, 1e-8, leaf(3));
    assertThat(calls[0]).isEqualTo(1);
    GradientCheck.check(in -> outputs(sinCos.apply(in)[1]), RANDOM, 1e-8, leaf(3));
    GradientCheck.check(in -> outputs(sinCos.apply(in)[0]), RANDOM, 1e-8, leaf(3));
  }

  @Test
  void anOutputWithoutGradientIsZeroOrNull() {
    for (boolean materialize : new boolean[] {true, false}) {
      Function twice =
          TestFunctions.of(
              (context, in) -> {
                context.setMaterializeGrads(materialize);
                return outputs(in[0].clone(), in[0].to(ScalarType.Float));
              },
              (context, grad) -> {
                if (materialize) {
                  assertThat(present(grad[1]).scalar_type().intern()).isEqualTo(ScalarType.Float);
                  assertThat(GradientCheck.doubles(present(grad[1]))).containsOnly(0);
                } else {
                  assertThat(grad[1]).isNull();
                }
                return outputs(grad[0]);
              });
      Tensor x = leaf(3);
      Autograd.backward(twice.apply(x)[0].sum());
      assertThat(GradientCheck.doubles(x.grad())).containsOnly(1);
    }
  }

  @Test
  void nonDifferentiableOutputsHaveNoHistory() {
    Function maximum =
        TestFunctions.of(
            (context, in) -> {
              Tensor index = in[0].argmax();
              Tensor range = in[0].max().sub(in[0].min());
              context.markNonDifferentiable(range);
              context.saveForBackward(index);
              return outputs(in[0].max(), index, range);
            },
            (context, grad) -> {
              assertThat(grad).hasSize(3);
              assertThat(grad[1]).isNull();
              assertThat(grad[2]).isNull();
              Tensor zeros = torch.zeros(7).to(ScalarType.Double);
              Tensor index = present(context.savedTensors()[0]).view(1);
              return outputs(zeros.index_add(0, index, present(grad[0]).view(1)));
            });
    Tensor x = leaf(7);
    Tensor[] out = maximum.apply(x);
    assertThat(out[0].requires_grad()).isTrue();
    assertThat(out[1].requires_grad()).isFalse();
    assertThat(out[2].requires_grad()).isFalse();
    GradientCheck.check(in -> outputs(maximum.apply(in)[0]), RANDOM, 1e-8, x);
  }

  @Test
  void nothingIsRecordedWithoutNeed() {
    Context[] seen = new Context[1];
    Function observed =
        TestFunctions.of(
            (context, in) -> {
              seen[0] = context;
              context.saveForBackward(in[0]);
              return outputs(in[0].clone());
            },
            (context, grad) -> grad);
    Tensor plain = leaf(2).detach();
    assertThat(observed.apply(plain)[0].requires_grad()).isFalse();
    assertThat(seen[0].needsInputGrad(0)).isFalse();
    try (NoGradGuard noGrad = new NoGradGuard()) {
      assertThat(observed.apply(leaf(2))[0].requires_grad()).isFalse();
      assertThat(seen[0].needsAnyInputGrad()).isFalse();
    }
  }

  @Test
  void gradientsMayBeExpandedOrPermuted() {
    Tensor x = leaf(3, 4, 5);
    Autograd.backward(identity().apply(x)[0].sum());
    assertThat(GradientCheck.doubles(x.grad())).containsOnly(1);
    GradientCheck.check(
        in -> outputs(identity().apply(in)[0].permute(2, 0, 1).contiguous()), RANDOM, 1e-8, x);
    GradientCheck.check(in -> outputs(identity().apply(in)[0].t()), RANDOM, 1e-8, leaf(2, 3));
  }

  @Test
  void inputsMayBePermutedOrExpanded() {
    GradientCheck.check(
        in -> product().apply(in[0].t(), in[1].expand(new long[] {3, 2}, false)),
        RANDOM,
        1e-8,
        leaf(2, 3),
        leaf(1, 2));
  }

  @Test
  void outputsKeepTheirMemoryAndLayout() {
    Tensor[] made = new Tensor[1];
    Function channelsLast =
        TestFunctions.of(
            (context, in) -> {
              made[0] = in[0].permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
              return outputs(made[0].retainReference());
            },
            (context, grad) -> outputs(present(grad[0]).clone()));
    Tensor x = leaf(2, 3, 4, 5);
    Tensor out = channelsLast.apply(x)[0];
    assertThat(out.data_ptr().address()).isEqualTo(made[0].data_ptr().address());
    assertThat(out.stride(1)).isEqualTo(1);
    made[0].close();
    GradientCheck.check(in -> channelsLast.apply(in), RANDOM, 1e-8, x);
  }

  @Test
  void resultsThatShareMemoryAreCopied() {
    Function views =
        TestFunctions.of(
            (context, in) -> {
              Tensor sum = in[0].add(in[0]);
              Tensor row = torch.zeros(1).to(ScalarType.Double).expand(new long[] {4}, false);
              context.markNonDifferentiable(row);
              return outputs(in[0], in[0].view(4), sum, sum.view(4), row);
            },
            (context, grad) -> {
              Tensor own = present(grad[0]).add(present(grad[1]).view(2, 2));
              Tensor twice = present(grad[2]).add(present(grad[3]).view(2, 2));
              return outputs(own.add(twice.mul(new Scalar(2f))));
            });
    Tensor x = leaf(2, 2);
    long version = x._version();
    Tensor[] out = views.apply(x);
    for (int i = 0; i < out.length; i++) {
      assertThat(out[i].is_alias_of(x)).isFalse();
      for (int j = 0; j < i; j++) {
        assertThat(out[i].is_alias_of(out[j])).isFalse();
      }
    }
    assertThat(out[4].requires_grad()).isFalse();
    assertThat(x._version()).isEqualTo(version);
    GradientCheck.check(in -> views.apply(in), RANDOM, 1e-8, x);
  }

  @Test
  void outputsMayBeModifiedInPlace() {
    GradientCheck.check(
        in -> {
          Tensor out = identity().apply(in)[0];
          out.mul_(new Scalar(3.0)).exp_();
          return outputs(out);
        },
        RANDOM,
        1e-6,
        leaf(2, 3));
    GradientCheck.check(
        in -> {
          Tensor out = identity().apply(in)[0];
          out.view(6).mul_(new Scalar(3.0));
          return outputs(out);
        },
        RANDOM,
        1e-7,
        leaf(2, 3));
  }

  @Test
  void aPassMayAskForSomeInputsOnly() {
    Tensor x = leaf(3);
    Tensor y = leaf(3);
    Tensor loss = product().apply(x, y)[0].sum();
    Tensor[] inputs = {x, y};
    for (int i = 1; i >= 0; i--) {
      TensorVector gradients =
          torch.grad(
              new TensorVector(loss),
              new TensorVector(inputs[i]),
              new TensorVector(),
              new BoolOptional(true),
              false,
              false);
      assertThat(GradientCheck.doubles(gradients.get(0)))
          .containsExactly(GradientCheck.doubles(inputs[1 - i]));
    }
    Autograd.backward(loss);
    assertThat(GradientCheck.doubles(x.grad())).containsExactly(GradientCheck.doubles(y));
    assertThat(GradientCheck.doubles(y.grad())).containsExactly(GradientCheck.doubles(x));
  }

  @Test
  void aMissingGradientCountsAsZero() {
    Function first =
        TestFunctions.of(
            (context, in) -> outputs(in[0].add(in[1])),
            (context, grad) -> new @Nullable Tensor[] {grad[0], null});
    Tensor x = leaf(2);
    Tensor y = leaf(2);
    Autograd.backward(first.apply(x, y.exp())[0].sum());
    assertThat(GradientCheck.doubles(x.grad())).containsOnly(1);
    assertThat(y.grad().defined()).isFalse();
  }

  @Test
  void infinityAndNanPass() {
    Tensor x = leaf(3);
    try (NoGradGuard noGrad = new NoGradGuard()) {
      x.get(0).fill_(new Scalar(Double.POSITIVE_INFINITY));
      x.get(1).fill_(new Scalar(Double.NaN));
    }
    Tensor out = identity().apply(x)[0];
    assertThat(GradientCheck.doubles(out)).containsExactly(GradientCheck.doubles(x));
    Autograd.backward(out.sum());
    assertThat(GradientCheck.doubles(x.grad())).containsOnly(1);
  }

  /** A float64 leaf that requires a gradient; it lives as long as the test's scope. */
  private static Tensor leaf(long... shape) {
    long count = 1;
    for (long size : shape) {
      count *= size;
    }
    return Tensor.create(RANDOM.doubles(count, -2, 2).toArray())
        .view(shape)
        .detach()
        .requires_grad_(true);
  }
}
