package dev.bevel.torch.autograd;

import static dev.bevel.testing.TensorAssert.assertClose;
import static dev.bevel.testing.TensorAssert.largestDifference;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.bevel.bench.deformattn.ComposedDeformAttn;
import dev.bevel.bench.deformattn.DeformAttnShape;
import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.MapCombination;
import dev.bevel.kernels.ValueLevels;
import dev.bevel.testing.GradientCheck;
import dev.bevel.testing.Memory;
import dev.bevel.testing.ModuleFixture;
import dev.bevel.testing.NativeObjects;
import dev.bevel.testing.OneThreadScope;
import dev.bevel.testing.Seed;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.nn.Tensors;
import java.io.IOException;
import java.util.Random;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Both forms of deformable attention against their composition of LibTorch's grid_sample, its
 * autograd, and finite differences.
 */
@ExtendWith(OneThreadScope.class)
class DeformAttnFunctionTest {
  private static final Random RANDOM = Seed.random(DeformAttnFunctionTest.class);
  private static final ValueLevels ONE = ValueLevels.of(4, 5);
  private static final ValueLevels FIVE = ValueLevels.of(6, 7, 3, 4, 2, 3, 1, 1, 2, 1);

  static Stream<DeformAttnShape> smallShapes() {
    DeformAttnShape two = DeformAttnShape.msda(1, 3, 2, 3, ValueLevels.of(3, 4, 2, 2), 2);
    return Stream.of(
        two,
        DeformAttnShape.msda(2, 2, 1, 5, ONE, 3),
        two.fused(3, true).withAnchors(2),
        two.fused(2, false),
        two.fused(1, true).withBoxes(),
        two.fused(2, true).separate());
  }

  @ParameterizedTest
  @MethodSource("smallShapes")
  void gradientsAgreeWithFiniteDifferences(DeformAttnShape shape) {
    for (boolean someVisible : shape.isFused() ? new boolean[] {false, true} : new boolean[1]) {
      Problem problem = new Problem(shape, someVisible);
      GradientCheck.check(in -> new Tensor[] {problem.bevel(in)}, RANDOM, 1e-6, problem.leaves());
    }
  }

  static Stream<DeformAttnShape> shapes() {
    Stream<DeformAttnShape> levels =
        Stream.of(
                ONE,
                ValueLevels.of(9, 5, 4, 3),
                ValueLevels.of(9, 5, 4, 3, 2, 2),
                ValueLevels.of(6, 7, 3, 4, 2, 3, 1, 1),
                FIVE)
            .map(each -> DeformAttnShape.msda(2, 11, 4, 10, each, 4));
    Stream<DeformAttnShape> points =
        Stream.of(1, 2, 3, 5, 8, 20).map(count -> DeformAttnShape.msda(1, 7, 8, 32, ONE, count));
    DeformAttnShape wide = DeformAttnShape.msda(2, 5, 2, 33, FIVE, 8);
    return Stream.of(
            levels,
            points,
            Stream.of(
                DeformAttnShape.msda(1, 3, 1, 300, ONE, 4),
                DeformAttnShape.msda(2, 1, 1, 1, ValueLevels.of(1, 1), 1),
                wide.fused(6, true).withAnchors(4),
                DeformAttnShape.msda(2, 13, 4, 16, ONE, 4).fused(2, false),
                wide.fused(1, true).withBoxes(),
                wide.fused(3, false).withAnchors(3).withBoxes().separate(),
                wide.fused(2, true).separate()))
        .flatMap(each -> each);
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void agreesWithTheComposition(DeformAttnShape shape) {
    for (boolean someVisible : shape.isFused() ? new boolean[] {false, true} : new boolean[1]) {
      Problem problem = new Problem(shape, someVisible);
      Tensor[] leaves = problem.leaves();
      Tensor out = problem.bevel(leaves);
      Tensor weights = torch.randn_like(out);
      Autograd.backward(out.mul(weights).sum());
      Tensor[] expected = problem.leaves();
      Tensor composed = problem.composed(expected);
      Autograd.backward(composed.mul(weights).sum());
      assertClose(out, composed, 1e-12);
      for (int i = 0; i < leaves.length; i++) {
        assertClose(leaves[i].grad(), expected[i].grad(), 1e-10);
      }
    }
  }

  /** Softmax and locations by LibTorch, then the field's form. */
  @Test
  void fusedEqualsUnfused() {
    DeformAttnShape shape = DeformAttnShape.msda(2, 11, 4, 10, FIVE, 4).fused(1, true);
    Problem problem = new Problem(shape, false);
    Tensor[] leaves = problem.leaves();
    Tensor fused = problem.bevel(leaves);
    Tensor weights = torch.randn_like(fused);
    Autograd.backward(fused.mul(weights).sum());

    Tensor[] again = problem.leaves();
    Tensor locations =
        ComposedDeformAttn.locations(FIVE, again[1], again[2], shape.kind()).squeeze(1);
    Tensor attention = again[3].squeeze(1).flatten(-2, -1).softmax(-1, new ScalarTypeOptional());
    Tensor unfused =
        new MsdaFunction(FIVE)
            .attend(again[0].squeeze(1), locations, attention.view(2, 11, 4, 5, 4));
    Autograd.backward(unfused.mul(weights).sum());
    assertClose(fused, unfused, 1e-12);
    for (int i = 0; i < leaves.length; i++) {
      assertClose(leaves[i].grad(), again[i].grad(), 1e-11);
    }
  }

  /** The composition rounds coordinates, weights and every product; the kernel only ends. */
  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"BFloat16", "Half"})
  void sixteenBitsErrAtMostTwiceAsMuchAsTheComposition(ScalarType dtype) {
    DeformAttnShape base = DeformAttnShape.msda(2, 50, 4, 16, ValueLevels.of(20, 30, 10, 15), 4);
    for (DeformAttnShape shape : new DeformAttnShape[] {base, base.fused(2, true)}) {
      Problem problem = new Problem(shape, false);
      Tensor[] exact = problem.leaves();
      exact[0] = exact[0].to(dtype).to(ScalarType.Double).detach().requires_grad_(true);
      Tensor expected = problem.composed(exact);
      Tensor weights = torch.randn_like(expected).to(dtype);
      Autograd.backward(expected.mul(weights.to(ScalarType.Double)).sum());

      Tensor[] mixed = cast(exact, ScalarType.Float);
      mixed[0] = exact[0].to(dtype).detach().requires_grad_(true);
      Tensor out = problem.bevel(mixed);
      assertThat(out.scalar_type().intern()).isEqualTo(dtype);
      Autograd.backward(out, weights, false);
      Tensor[] plain = cast(exact, dtype);
      Tensor composed = problem.composed(plain);
      Autograd.backward(composed, weights, false);

      assertThat(largestDifference(out, expected))
          .isLessThanOrEqualTo(2 * largestDifference(composed, expected));
      for (int i = 0; i < exact.length; i++) {
        assertThat(largestDifference(mixed[i].grad(), exact[i].grad()))
            .as("gradient of input %d", i)
            .isLessThanOrEqualTo(2 * largestDifference(plain[i].grad(), exact[i].grad()));
      }
    }
  }

  private static Tensor[] cast(Tensor[] leaves, ScalarType dtype) {
    return Stream.of(leaves)
        .map(leaf -> leaf.detach().to(dtype).requires_grad_(true))
        .toArray(Tensor[]::new);
  }

  @Test
  void narrowLocationsAreCastAndGetTheirGradientBack() {
    Problem problem = new Problem(DeformAttnShape.msda(1, 5, 2, 8, ONE, 2), false);
    Tensor[] half = cast(problem.leaves(), ScalarType.Half);
    Autograd.backward(problem.bevel(half).sum());
    for (Tensor leaf : half) {
      assertThat(leaf.grad().scalar_type().intern()).isEqualTo(ScalarType.Half);
    }
  }

  /** As BEVFormer's temporal self-attention has them: one linear layer's [B, Q, M, N, L, P, 2]. */
  @Test
  void permutedViewsServe() {
    DeformAttnFunction function = new DeformAttnFunction(ONE, DeformAttnOptions.DEFAULT);
    Tensor value = random(2, 2, 20, 3, 5);
    Tensor reference = random(2, 1, 7, 1, 2).expand(2, 2, 7, 1, 2);
    Tensor wide = leaf(2, 7, 3, 2, 1, 4, 2);
    Tensor wideLogits = leaf(2, 7, 3, 2, 1, 4);
    Tensor compact = wide.detach().permute(0, 3, 1, 2, 4, 5, 6).contiguous().requires_grad_(true);
    Tensor compactLogits =
        wideLogits.detach().permute(0, 3, 1, 2, 4, 5).contiguous().requires_grad_(true);
    Tensor viewed =
        function.attend(
            value,
            reference,
            wide.permute(0, 3, 1, 2, 4, 5, 6),
            wideLogits.permute(0, 3, 1, 2, 4, 5));
    Tensor copied = function.attend(value, reference.contiguous(), compact, compactLogits);
    assertThat(largestDifference(viewed, copied)).isZero();
    Tensor weights = torch.randn_like(viewed);
    Autograd.backward(viewed.mul(weights).sum());
    Autograd.backward(copied.mul(weights).sum());
    assertThat(largestDifference(wide.grad().permute(0, 3, 1, 2, 4, 5, 6), compact.grad()))
        .isZero();
    assertThat(largestDifference(wideLogits.grad().permute(0, 3, 1, 2, 4, 5), compactLogits.grad()))
        .isZero();
  }

  @Test
  void aPairSamplesTheSamePlaces() {
    Tensor student = leaf(1, 20, 2, 5);
    Tensor teacher = random(1, 20, 2, 5);
    Tensor reference = random(1, 6, 1, 2).abs().clamp_max(new Scalar(1.0));
    Tensor offsets = leaf(1, 6, 2, 1, 3, 2);
    Tensor logits = leaf(1, 6, 2, 1, 3);
    DeformAttnFunction.Pair pair =
        DeformAttnFunction.pair(ONE, student, teacher, reference, offsets, logits);
    DeformAttnFunction one = new DeformAttnFunction(ONE, DeformAttnOptions.DEFAULT);
    for (int i = 0; i < 2; i++) {
      Tensor alone =
          one.attend(
              (i == 0 ? student : teacher).detach().unsqueeze(1),
              reference.unsqueeze(1),
              offsets.detach().unsqueeze(1),
              logits.detach().unsqueeze(1));
      assertClose(i == 0 ? pair.student() : pair.teacher(), alone, 1e-12);
    }
    Autograd.backward(pair.student().sub(pair.teacher()).square().sum());
    assertThat(GradientCheck.doubles(student.grad().abs().sum())[0]).isPositive();
    assertThat(GradientCheck.doubles(offsets.grad().abs().sum())[0]).isPositive();
    assertThat(teacher.grad().defined()).isFalse();
  }

  @Test
  void onlyWhatIsNeededIsDifferentiated() {
    Problem problem = new Problem(DeformAttnShape.msda(1, 3, 2, 3, ONE, 2).fused(2, true), true);
    for (int wanted = 0; wanted < 4; wanted++) {
      Tensor[] leaves = problem.leaves();
      for (int i = 0; i < 4; i++) {
        leaves[i].set_requires_grad(i == wanted);
      }
      GradientCheck.check(in -> new Tensor[] {problem.bevel(in)}, RANDOM, 1e-6, leaves);
    }
  }

  @Test
  void nothingIsLeftAfterAStep() throws InterruptedException {
    Problem problem =
        new Problem(DeformAttnShape.msda(1, 200, 4, 16, FIVE, 4).fused(2, true), true);
    Tensor[] leaves = problem.leaves();
    step(problem, leaves); // the first one makes constants
    long before = NativeObjects.count();
    for (int i = 0; i < 20; i++) {
      step(problem, leaves);
    }
    assertThat(NativeObjects.count()).isEqualTo(before);
    long grown =
        Memory.growth(
            () -> {
              for (int i = 0; i < 50; i++) {
                step(problem, leaves);
              }
            });
    assertThat(grown).as("bytes, of which one tensor of offsets has 256,000").isLessThan(4 << 20);
  }

  private static void step(Problem problem, Tensor[] leaves) {
    try (TensorScope step = TensorScope.open()) {
      Autograd.backward(problem.bevel(leaves).sum());
      for (Tensor leaf : leaves) {
        leaf.mutable_grad().reset();
      }
      assertThat(step).isNotNull();
    }
  }

  @Test
  void errorsNameTheArgument() {
    MsdaFunction function = new MsdaFunction(ONE, Determinism.FAST);
    assertThatThrownBy(() -> function.attend(random(2, 3), random(1), random(1)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("MsdaFunction: value must be [B, S, M, D], got [2, 3]");
    assertThatThrownBy(
            () ->
                function.attend(
                    random(1, 20, 2, 4), random(1, 3, 2, 2, 2, 2), random(1, 3, 2, 2, 2)))
        .hasMessage(
            "msda_forward: locations must be [1, 3, 2, 1, any, 2] to match value and levels, got [1, 3, 2, 2, 2, 2]");
    DeformAttnFunction fused =
        new DeformAttnFunction(
            ONE, DeformAttnOptions.DEFAULT.withCombination(MapCombination.SEPARATE));
    assertThatThrownBy(() -> fused.attend(random(1, 20, 2, 4), random(1), random(1), random(1)))
        .hasMessage("DeformAttnFunction: value must be [B, N, S, M, D], got [1, 20, 2, 4]");
    assertThatThrownBy(
            () ->
                fused.attend(
                    random(1, 1, 20, 2, 4),
                    random(1, 1, 3, 1, 2),
                    random(1, 1, 3, 2, 1, 2, 2),
                    random(1, 1, 3, 2, 1, 2),
                    random(1, 1, 4)))
        .hasMessageStartingWith("deform_attn_forward: visible must be [1, 1, 3]");
    assertThatThrownBy(() -> MsdaFunction.levels(random(2, 3)))
        .hasMessage("MsdaFunction: spatialShapes must be [L, 2], got [2, 3]");
  }

  @Test
  void emptyBatchesAndNoQueries() {
    Tensor value = leaf(0, 20, 2, 4);
    Tensor out =
        new MsdaFunction(ONE).attend(value, random(0, 3, 2, 1, 2, 2), random(0, 3, 2, 1, 2));
    assertThat(out.shape()).containsExactly(0, 3, 8);
    Autograd.backward(out.sum());
    assertThat(value.grad().shape()).containsExactly(0, 20, 2, 4);
    Tensor used = leaf(1, 20, 2, 4);
    Autograd.backward(
        new MsdaFunction(ONE).attend(used, random(1, 0, 2, 1, 2, 2), random(1, 0, 2, 1, 2)).sum());
    assertThat(GradientCheck.doubles(used.grad())).containsOnly(0);
  }

  /** What the upstream projects' own core gave. */
  @Test
  void fixture() throws IOException {
    ModuleFixture fixture = ModuleFixture.read("msda");
    ValueLevels levels = MsdaFunction.levels(fixture.tensor("spatial_shapes"));
    assertThat(levels).isEqualTo(ValueLevels.of(3, 4, 2, 2));
    Tensor out =
        new MsdaFunction(levels)
            .attend(
                fixture.tensor("value"),
                fixture.tensor("sampling_locations"),
                fixture.tensor("attention_weights"));
    assertClose(out, fixture.tensor("out"), 1e-5);
  }

  /** Random inputs of a shape; about a third of the samples fall outside. */
  private static final class Problem {
    private final DeformAttnShape shape;
    private final double[][] values;
    private final long[][] shapes;
    private final @Nullable Tensor visible;

    Problem(DeformAttnShape shape, boolean someVisible) {
      this.shape = shape;
      shapes =
          shape.isFused()
              ? new long[][] {
                shape.valueShape(), shape.referenceShape(), shape.offsetShape(), shape.logitShape()
              }
              : new long[][] {shape.valueShape(), shape.offsetShape(), shape.logitShape()};
      values = new double[shapes.length][];
      for (int i = 0; i < shapes.length; i++) {
        double reach = shape.isFused() && i == 2 ? 3 : 1;
        double lower = shape.isFused() && i == 1 ? 0 : i == 1 ? -0.1 : -reach;
        double upper = !shape.isFused() && i == 1 ? 1.1 : reach;
        values[i] = RANDOM.doubles(DeformAttnShape.count(shapes[i]), lower, upper).toArray();
      }
      Tensor chance = random(shape.batch(), shape.maps(), shape.queries());
      visible = someVisible ? chance.gt(new Scalar(-1.0)) : null;
    }

    Tensor[] leaves() {
      Tensor[] leaves = new Tensor[values.length];
      for (int i = 0; i < leaves.length; i++) {
        leaves[i] = Tensors.of(values[i], shapes[i]).requires_grad_(true);
      }
      return leaves;
    }

    Tensor bevel(Tensor[] in) {
      if (!shape.isFused()) {
        return new MsdaFunction(shape.levels()).attend(in[0], in[1], in[2]);
      }
      DeformAttnOptions options =
          DeformAttnOptions.DEFAULT
              .withReferenceKind(shape.kind())
              .withCombination(shape.combination());
      return new DeformAttnFunction(shape.levels(), options)
          .attend(in[0], in[1], in[2], in[3], visible);
    }

    Tensor composed(Tensor[] in) {
      return shape.isFused()
          ? ComposedDeformAttn.fused(shape, in[0], in[1], in[2], in[3], visible)
          : ComposedDeformAttn.msda(in[0], shape.levels(), in[1], in[2]);
    }
  }

  private static Tensor leaf(long... shape) {
    return random(shape).requires_grad_(true);
  }

  private static Tensor random(long... shape) {
    return Tensors.of(RANDOM.doubles(DeformAttnShape.count(shape), -2, 2).toArray(), shape);
  }
}
