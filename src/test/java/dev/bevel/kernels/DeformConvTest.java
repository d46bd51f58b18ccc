package dev.bevel.kernels;

import static dev.bevel.kernels.TensorViewTest.refused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.bench.References;
import dev.bevel.bench.deformconv.DeformConvShape;
import dev.bevel.bench.deformconv.DeformConvValues;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Deformable convolution through the binding, against its definition in double. */
class DeformConvTest {
  private static final long SEED = 20260421;

  private final int threads = Bevel.threads();

  @AfterEach
  void restoreThreads() {
    Bevel.setThreads(threads);
  }

  /** Random numbers of a shape; offsets reach beyond the border. */
  private static final class Case {
    final DeformConvShape shape;
    final DeformConvValues values;

    Case(DeformConvShape shape, long seed) {
      this.shape = shape;
      Random random = new Random(seed);
      values =
          new DeformConvValues(
              numbers(random, 1, shape.inputShape()),
              numbers(random, 2.5, shape.offsetShape()),
              shape.masked() ? numbers(random, 1, shape.maskShape()) : null,
              numbers(random, 0.5, shape.weightShape()),
              numbers(random, 1, shape.outputs()),
              numbers(random, 1, shape.outShape()));
    }

    private static double[] numbers(Random random, double bound, long... shape) {
      long count = 1;
      for (long size : shape) {
        count *= size;
      }
      // Representable in float32, so that the reference sees what a float32 run sees.
      return random.doubles(count, -bound, bound).map(value -> (float) value).toArray();
    }
  }

  /** Tensors of a case in one dtype, and the calls on them. */
  private static final class Tensors {
    final DeformConvInputs inputs;
    final DeformConvInputs biased;
    final TensorView bias;
    final TensorView gradOut;
    final TensorView out;
    final TensorView gradInput;
    final TensorView gradOffset;
    final @Nullable TensorView gradMask;
    final TensorView gradWeight;
    final TensorView gradBias;

    Tensors(Arena arena, Case c, DType dtype) {
      DeformConvShape s = c.shape;
      double @Nullable [] mask = c.values.mask();
      inputs =
          new DeformConvInputs(
              copy(arena, dtype, c.values.input(), s.inputShape()),
              copy(arena, dtype, c.values.offset(), s.offsetShape()),
              mask == null ? null : copy(arena, dtype, mask, s.maskShape()),
              copy(arena, dtype, c.values.weight(), s.weightShape()),
              s.settings());
      bias = copy(arena, dtype, Objects.requireNonNull(c.values.bias()), s.outputs());
      biased = inputs.withBias(bias);
      gradOut = copy(arena, dtype, c.values.gradOut(), s.outShape());
      out = poisoned(arena, dtype, s.outShape());
      gradInput = poisoned(arena, dtype, s.inputShape());
      gradOffset = poisoned(arena, dtype, s.offsetShape());
      gradMask = mask == null ? null : poisoned(arena, dtype, s.maskShape());
      gradWeight = poisoned(arena, dtype, s.weightShape());
      gradBias = poisoned(arena, dtype, s.outputs());
    }

    private static TensorView copy(Arena arena, DType dtype, double[] values, long... shape) {
      return dtype == DType.FLOAT64
          ? TensorView.copyOf(arena, values, shape)
          : TensorView.copyOf(arena, TensorValues.floats(values), shape);
    }

    private static TensorView poisoned(Arena arena, DType dtype, long... shape) {
      TensorView view = TensorView.allocate(arena, dtype, shape);
      view.segment().fill((byte) 0xff);
      return view;
    }

    /** Of input, offset, weight, bias and, where there is one, mask. */
    List<TensorView> allGradients() {
      List<TensorView> all = new ArrayList<>(List.of(gradInput, gradOffset, gradWeight, gradBias));
      if (gradMask != null) {
        all.add(gradMask);
      }
      return all;
    }

    private static DeformConvGradients of(List<TensorView> gradients) {
      return DeformConvGradients.none()
          .withInput(gradients.get(0))
          .withOffset(gradients.get(1))
          .withWeight(gradients.get(2))
          .withBias(gradients.get(3))
          .withMask(gradients.size() > 4 ? gradients.get(4) : null);
    }

    DeformConvGradients gradients() {
      return of(allGradients());
    }

    double[] expectedOut() {
      return TensorValues.reference(exact -> DeformConv.forward(biased, exact), out.shape());
    }

    List<double[]> expectedGradients() {
      return References.of(
          exact -> DeformConv.backward(inputs, gradOut, of(exact)),
          allGradients().stream().map(TensorView::shape).toList());
    }

    void forward(CallSettings settings) {
      DeformConv.forward(biased, out, settings);
    }

    void backward(CallSettings settings) {
      DeformConv.backward(inputs, gradOut, gradients(), settings);
    }

    List<float[]> run() {
      forward(CallSettings.DEFAULT);
      backward(CallSettings.DEFAULT);
      List<float[]> results = new ArrayList<>();
      for (TensorView view : new TensorView[] {out, gradInput, gradOffset, gradWeight, gradBias}) {
        results.add(view.toFloatArray());
      }
      if (gradMask != null) {
        results.add(gradMask.toFloatArray());
      }
      return results;
    }
  }

  private static DeformConvShape shape(DeformConvSettings settings, boolean masked) {
    return new DeformConvShape("test", 2, 8, 4, 7, 6, 3, 2, settings, masked);
  }

  private static void assertMatches(
      String what, TensorView actual, double[] expected, double bound) {
    double[] values =
        actual.dtype() == DType.FLOAT64 ? actual.toDoubleArray() : TensorValues.doubles(actual);
    assertThat(values.length).as(what).isPositive();
    TensorValues.assertClose(values, expected, bound);
  }

  private static void assertAll(Case c, Tensors t, double bound) {
    t.forward(CallSettings.DEFAULT);
    t.backward(CallSettings.DEFAULT);
    assertMatches("out", t.out, t.expectedOut(), bound);
    List<double[]> expected = t.expectedGradients();
    List<TensorView> gradients = t.allGradients();
    for (int i = 0; i < gradients.size(); i++) {
      assertMatches("gradient " + i, gradients.get(i), expected.get(i), bound);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1,1,1,1,1,1,1,1,true",
    "1,1,1,1,1,1,4,1,false",
    "2,1,0,2,1,2,2,4,true",
    "3,2,2,0,2,3,1,8,false"
  })
  void everyElementIsThatOfTheDefinition(
      int strideY,
      int strideX,
      int paddingY,
      int paddingX,
      int dilationY,
      int dilationX,
      int groups,
      int deformGroups,
      boolean masked) {
    DeformConvSettings settings =
        new DeformConvSettings(
            strideY, strideX, paddingY, paddingX, dilationY, dilationX, groups, deformGroups);
    Case c = new Case(shape(settings, masked), SEED);
    try (Arena arena = Arena.ofConfined()) {
      Tensors doubles = new Tensors(arena, c, DType.FLOAT64);
      assertThat(doubles.out.shape()).isEqualTo(c.shape.outShape());
      assertAll(c, doubles, 1e-12);
      assertAll(c, new Tensors(arena, c, DType.FLOAT32), 1e-5);
    }
  }

  @Test
  void gradientsNotAskedForAreNotNeeded() {
    Case c = new Case(shape(DeformConvSettings.of(1, 1, 1), true), SEED);
    try (Arena arena = Arena.ofConfined()) {
      Tensors t = new Tensors(arena, c, DType.FLOAT64);
      List<double[]> expected = t.expectedGradients();
      DeformConv.backward(t.inputs, t.gradOut, DeformConvGradients.none().withWeight(t.gradWeight));
      assertMatches("gradWeight", t.gradWeight, expected.get(2), 1e-12);
      DeformConv.backward(t.inputs, t.gradOut, DeformConvGradients.none().withOffset(t.gradOffset));
      assertMatches("gradOffset", t.gradOffset, expected.get(1), 1e-12);
      DeformConv.forward(t.inputs, t.out);
      double[] withoutBias =
          TensorValues.reference(exact -> DeformConv.forward(t.inputs, exact), t.out.shape());
      assertMatches("out without bias", t.out, withoutBias, 1e-12);
    }
  }

  @Test
  void sixteenBitFeaturesAreTakenAndGiven() {
    Case c = new Case(shape(DeformConvSettings.of(1, 1, 1), true), SEED);
    try (Arena arena = Arena.ofConfined()) {
      Tensors t = new Tensors(arena, c, DType.FLOAT32);
      TensorView out = TensorView.allocate(arena, DType.BFLOAT16, c.shape.outShape());
      out.segment().fill((byte) 0xff);
      DeformConv.forward(t.biased, out);
      double[] reference = t.expectedOut();
      for (int i = 0; i < out.elementCount(); i++) {
        short bits = out.segment().getAtIndex(ValueLayout.JAVA_SHORT, i);
        double value = Float.intBitsToFloat(bits << 16);
        double expected = reference[i];
        assertThat(value)
            .as("element %d", i)
            .isCloseTo(expected, within(Math.abs(expected) / 250 + 1e-5));
      }
    }
  }

  @Test
  void theSameBitsForAnyNumberOfThreadsAndInAnyThread() throws Exception {
    DeformConvSettings settings = DeformConvSettings.of(1, 1, 1).withGroups(2, 2);
    Case c = new Case(new DeformConvShape("test", 3, 16, 24, 13, 17, 3, 3, settings, true), SEED);
    try (Arena arena = Arena.ofShared();
        ExecutorService pool = Executors.newFixedThreadPool(4)) {
      Bevel.setThreads(1);
      List<float[]> expected = new Tensors(arena, c, DType.FLOAT32).run();
      for (int count : new int[] {2, 3, 5}) {
        Bevel.setThreads(count);
        assertSame(new Tensors(arena, c, DType.FLOAT32).run(), expected);
      }
      List<Future<List<float[]>>> results = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        Tensors own = new Tensors(arena, c, DType.FLOAT32);
        results.add(pool.submit(own::run));
      }
      for (Future<List<float[]>> result : results) {
        assertSame(get(result), expected);
      }
    }
  }

  private static List<float[]> get(Future<List<float[]>> result) throws InterruptedException {
    try {
      return result.get();
    } catch (ExecutionException e) {
      throw new AssertionError("a call in another thread failed", e.getCause());
    }
  }

  private static void assertSame(List<float[]> actual, List<float[]> expected) {
    for (int i = 0; i < expected.size(); i++) {
      assertThat(actual.get(i)).as("result %d", i).isEqualTo(expected.get(i));
    }
  }

  @Test
  void aKeptWorkspaceServesManyCallsAndATooSmallOneIsRefused() {
    Case c = new Case(shape(DeformConvSettings.of(1, 1, 1), true), SEED);
    try (Arena arena = Arena.ofConfined();
        Workspace kept = Workspace.cpu()) {
      Tensors t = new Tensors(arena, c, DType.FLOAT32);
      CallSettings settings = CallSettings.DEFAULT.withWorkspace(kept);
      t.forward(settings);
      float[] once = t.out.toFloatArray();
      t.backward(settings);
      t.forward(settings);
      assertThat(t.out.toFloatArray()).isEqualTo(once);
      long bytes = DeformConv.workspaceBytes(t.biased, t.out);
      assertThat(kept.byteSize()).isGreaterThanOrEqualTo(bytes);
      if (bytes > 64) {
        Workspace small = Workspace.of(TensorView.allocate(arena, DType.UINT8, 64));
        refused(() -> t.forward(settings.withWorkspace(small)), "workspace must have");
      }
    }
  }

  @Test
  void wrongArgumentsAreNamedAndNothingIsWritten() {
    Case c = new Case(shape(DeformConvSettings.of(1, 1, 1), true), SEED);
    try (Arena arena = Arena.ofConfined()) {
      Tensors t = new Tensors(arena, c, DType.FLOAT32);
      float[] before = t.out.toFloatArray();
      DeformConvInputs i = t.inputs;
      forwardRefused(
          t,
          new DeformConvInputs(
              i.input(), i.offset(), i.mask(), i.weight(), i.settings().withGroups(3, 1)),
          "deform_conv_forward: settings.groups must be at least 1 and divide the 8 channels of"
              + " input, got 3");
      forwardRefused(
          t,
          new DeformConvInputs(i.input(), i.weight(), i.mask(), i.weight(), i.settings()),
          "deform_conv_forward: offset must be ");
      forwardRefused(
          t,
          new DeformConvInputs(i.input(), i.offset(), i.offset(), i.weight(), i.settings()),
          "deform_conv_forward: mask must be ");
      forwardRefused(
          t,
          new DeformConvInputs(t.out, i.offset(), i.mask(), i.weight(), i.settings()),
          "deform_conv_forward: ");
      refused(
          () -> DeformConv.backward(t.inputs, t.gradOut, DeformConvGradients.none()),
          "deform_conv_backward: no gradient is asked for");
      refused(
          () ->
              DeformConv.backward(
                  t.inputs, t.gradOut, DeformConvGradients.none().withInput(t.gradWeight)),
          "deform_conv_backward: gradInput must be ");
      assertThat(t.out.toFloatArray()).isEqualTo(before);
    }
  }

  private static void forwardRefused(Tensors t, DeformConvInputs inputs, String message) {
    refused(() -> DeformConv.forward(inputs.withBias(t.bias), t.out), message);
  }

  @Test
  void closedMemoryIsRefused() {
    Case c = new Case(shape(DeformConvSettings.of(1, 1, 1), true), SEED);
    Arena arena = Arena.ofConfined();
    Tensors t = new Tensors(arena, c, DType.FLOAT32);
    arena.close();
    assertThatThrownBy(() -> t.forward(CallSettings.DEFAULT))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("is closed");
  }

  @Test
  void settingsAreEqualWhereAllNumbersAre() {
    int[] numbers = {2, 3, 1, 0, 2, 1, 4, 5};
    DeformConvSettings settings = of(numbers);
    assertThat(of(numbers)).isEqualTo(settings).hasSameHashCodeAs(settings);
    assertThat(settings).hasToString("DeformConvSettings[2, 3, 1, 0, 2, 1, 4, 5]");
    for (int i = 0; i < numbers.length; i++) {
      int[] other = numbers.clone();
      other[i]++;
      assertThat(of(other)).as("number %d", i).isNotEqualTo(settings);
    }
    assertThat(settings.withGroups(1, 2)).isEqualTo(of(2, 3, 1, 0, 2, 1, 1, 2));
  }

  private static DeformConvSettings of(int... n) {
    return new DeformConvSettings(n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]);
  }

  @Test
  void sidesOfTheOutputFollowTheSettings() {
    DeformConvSettings s = new DeformConvSettings(2, 3, 1, 0, 2, 1, 1, 1);
    assertThat(s.outRows(7, 3)).isEqualTo((7 + 2 - 4 - 1) / 2 + 1);
    assertThat(s.outColumns(9, 2)).isEqualTo((9 - 1 - 1) / 3 + 1);
    assertThat(s.outRows(1, 3)).isZero();
  }
}
