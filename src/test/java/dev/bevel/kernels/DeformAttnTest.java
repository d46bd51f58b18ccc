package dev.bevel.kernels;

import static dev.bevel.kernels.TensorViewTest.refused;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.bench.deformattn.DeformAttnShape;
import dev.bevel.testing.Seed;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Both forms of deformable attention through the binding, against their definition in double. */
@Timeout(120)
class DeformAttnTest {
  private static final Random RANDOM = Seed.random(DeformAttnTest.class);
  private static final ValueLevels ONE = ValueLevels.of(5, 7);
  private static final ValueLevels FIVE = ValueLevels.of(9, 13, 5, 7, 3, 4, 1, 1, 2, 1);

  static Stream<DeformAttnShape> shapes() {
    DeformAttnShape wide = DeformAttnShape.msda(2, 13, 8, 32, FIVE, 8);
    return Stream.of(
        DeformAttnShape.msda(2, 37, 8, 32, ONE, 4),
        DeformAttnShape.msda(1, 11, 3, 10, FIVE, 8),
        DeformAttnShape.msda(1, 1, 1, 1, ValueLevels.of(1, 1), 1),
        DeformAttnShape.msda(2, 5, 2, 150, ONE, 20),
        DeformAttnShape.msda(0, 5, 2, 4, ONE, 2),
        DeformAttnShape.msda(2, 0, 2, 4, ONE, 2),
        DeformAttnShape.msda(1, 6, 2, 8, apart(), 2),
        wide.fused(6, true).withAnchors(4),
        DeformAttnShape.msda(2, 13, 4, 16, ONE, 4).fused(2, false),
        DeformAttnShape.msda(1, 13, 4, 16, FIVE, 4).fused(1, true).withBoxes(),
        DeformAttnShape.msda(2, 9, 2, 20, FIVE, 3).fused(2, true).separate(),
        DeformAttnShape.msda(1, 7, 2, 5, ONE, 5)
            .fused(3, false)
            .withAnchors(2)
            .withBoxes()
            .separate());
  }

  /** Levels with a gap before and between them. */
  private static ValueLevels apart() {
    return new ValueLevels(
        List.of(new ValueLevels.Level(3, 4, 5), new ValueLevels.Level(2, 2, 20)));
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void agreesWithTheDefinition(DeformAttnShape shape) {
    try (Arena arena = Arena.ofConfined()) {
      for (boolean someVisible : shape.isFused() ? new boolean[] {false, true} : new boolean[1]) {
        new DeformAttnCase(arena, shape, DType.FLOAT64, RANDOM, someVisible).check(1e-11, 1e-11);
        new DeformAttnCase(arena, shape, DType.FLOAT32, RANDOM, someVisible).check(1e-4, 1e-4);
        // Half a unit in the last place of what is stored, and the float32 in between.
        new DeformAttnCase(arena, shape, DType.FLOAT16, RANDOM, someVisible).check(1e-4, 6e-4);
        new DeformAttnCase(arena, shape, DType.BFLOAT16, RANDOM, someVisible).check(1e-4, 4.5e-3);
      }
    }
  }

  @Test
  void coordinatesThatAreNoNumbersGiveZero() {
    try (Arena arena = Arena.ofConfined()) {
      DeformAttnCase bad =
          new DeformAttnCase(
              arena, DeformAttnShape.msda(1, 5, 1, 4, ONE, 1), DType.FLOAT32, RANDOM, false);
      float[] coordinates = {
        Float.NaN, 0.5f, 0.5f, Float.NaN, Float.POSITIVE_INFINITY, 0.5f, 0.5f, -3e38f, 1e30f, 1e30f
      };
      for (int i = 0; i < coordinates.length; i++) {
        bad.offsets.segment().setAtIndex(JAVA_FLOAT, i, coordinates[i]);
      }
      bad.forward();
      bad.backward();
      for (TensorView zero : List.of(bad.out, bad.gradValue, bad.gradOffsets, bad.gradLogits)) {
        assertThat(Arrays.stream(TensorValues.numbers(zero)))
            .allMatch(each -> each == 0); // −0 is zero too
      }
    }
  }

  @Test
  void aValueThatNoSampleMeetsMayBeNaN() {
    try (Arena arena = Arena.ofConfined()) {
      DeformAttnCase one =
          new DeformAttnCase(
              arena, DeformAttnShape.msda(1, 1, 1, 4, ONE, 1), DType.FLOAT32, RANDOM, false);
      for (int i = 4; i < one.value.elementCount(); i++) {
        one.value.segment().setAtIndex(JAVA_FLOAT, i, Float.NaN);
      }
      one.offsets.segment().setAtIndex(JAVA_FLOAT, 0, 0.25f / 7); // x = −0.25
      one.offsets.segment().setAtIndex(JAVA_FLOAT, 1, 0.25f / 5);
      one.logits.segment().setAtIndex(JAVA_FLOAT, 0, 1);
      one.forward();
      float[] value = one.value.toFloatArray();
      for (int c = 0; c < 4; c++) {
        assertThat(one.out.toFloatArray()[c]).isCloseTo(0.5625f * value[c], within(1e-6f));
      }
    }
  }

  /** TSA's offsets come as [B, Q, M, N, L, P, 2]; a reference may be one for all maps. */
  @Test
  void viewsOfWiderTensorsServe() {
    DeformAttnShape shape = DeformAttnShape.msda(2, 9, 3, 8, ONE, 4).fused(2, false);
    try (Arena arena = Arena.ofConfined()) {
      DeformAttnCase plain = new DeformAttnCase(arena, shape, DType.FLOAT64, RANDOM, false);
      TensorView wide = TensorView.allocate(arena, DType.FLOAT64, 2, 9, 3, 2, 1, 4, 2);
      TensorView wideGradient = TensorView.allocate(arena, DType.FLOAT64, 2, 9, 3, 2, 1, 4, 2);
      long[] permuted = shape.offsetShape();
      long[] strides = {9 * 3 * 2 * 8, 8, 3 * 2 * 8, 2 * 8, 8, 2, 1};
      double[] compact = plain.offsets.toDoubleArray();
      for (int i = 0; i < compact.length; i++) {
        wide.segment().setAtIndex(JAVA_DOUBLE, place(permuted, strides, i), compact[i]);
      }
      plain.check(1e-11, 1e-11);
      DeformAttnInputs viewed =
          new DeformAttnInputs(
              plain.value,
              shape.levels(),
              plain.inputs().reference(),
              TensorView.ofStrided(wide.segment(), DType.FLOAT64, permuted, strides),
              plain.logits);
      TensorView out = TensorView.allocate(arena, DType.FLOAT64, shape.outShape());
      DeformAttn.forward(viewed, out);
      assertThat(out.toDoubleArray()).isEqualTo(plain.out.toDoubleArray());
      DeformAttn.backward(
          viewed,
          plain.gradOut,
          DeformAttnGradients.none()
              .withOffsets(
                  TensorView.ofStrided(wideGradient.segment(), DType.FLOAT64, permuted, strides)));
      double[] expected = plain.gradOffsets.toDoubleArray();
      double[] actual = wideGradient.toDoubleArray();
      for (int i = 0; i < expected.length; i++) {
        assertThat(actual[place(permuted, strides, i)]).isEqualTo(expected[i]);
      }
    }
  }

  private static int place(long[] shape, long[] strides, int index) {
    long place = 0;
    long rest = index;
    for (int i = shape.length - 1; i >= 0; i--) {
      place += rest % shape[i] * strides[i];
      rest /= shape[i];
    }
    return Math.toIntExact(place);
  }

  @Test
  void onlyWhatIsAskedForIsComputed() {
    DeformAttnShape shape = DeformAttnShape.msda(1, 9, 2, 8, FIVE, 2).fused(2, true);
    try (Arena arena = Arena.ofConfined();
        Workspace workspace = Workspace.cpu()) {
      DeformAttnCase all = new DeformAttnCase(arena, shape, DType.FLOAT32, RANDOM, true);
      all.backward();
      TensorView alone = TensorView.allocate(arena, DType.FLOAT32, shape.logitShape());
      DeformAttnGradients asked = DeformAttnGradients.none().withLogits(alone);
      CallSettings settings =
          CallSettings.DEFAULT.withDeterminism(Determinism.FAST).withWorkspace(workspace);
      DeformAttn.backward(all.inputs(), all.gradOut, asked, settings);
      assertThat(alone.toFloatArray()).isEqualTo(all.gradLogits.toFloatArray());
      assertThat(workspace.byteSize())
          .isGreaterThanOrEqualTo(
              DeformAttn.workspaceBytes(all.inputs(), all.gradOut, asked, settings));
      refused(
          () -> DeformAttn.backward(all.inputs(), all.gradOut, DeformAttnGradients.none()),
          "deform_attn_backward: no gradient is asked for");
    }
  }

  @Test
  void wrongArgumentsAreNamedAndNothingIsWritten() {
    DeformAttnShape shape = DeformAttnShape.msda(1, 3, 2, 4, FIVE, 2).fused(2, true).withAnchors(2);
    try (Arena arena = Arena.ofConfined()) {
      DeformAttnCase good = new DeformAttnCase(arena, shape, DType.FLOAT32, RANDOM, true);
      DeformAttnInputs inputs = good.inputs();
      TensorView wrong = TensorView.allocate(arena, DType.FLOAT32, 1, 2, 3, 5, 2);
      TensorView ofDoubles = TensorView.allocate(arena, DType.FLOAT64, shape.logitShape());
      forwardRefuses(
          inputs.withReferenceKind(ReferenceKind.OF_LEVEL),
          good,
          "reference must be [1, 2, 3, 5, 2]");
      forwardRefuses(
          inputs.withCombination(MapCombination.SEPARATE), good, "out must be [1, 2, 3, 8]");
      forwardRefuses(inputs.withVisible(wrong), good, "visible");
      forwardRefuses(
          with(inputs, ValueLevels.of(9, 13, 5, 7, 3, 4), inputs.logits()),
          good,
          "deform_attn_forward: offsets must be [1, 1, 3, 2, 3, any, 2] to match value and levels");
      forwardRefuses(
          with(inputs, ValueLevels.of(9, 1000, 5, 7, 3, 4, 1, 1, 2, 1), inputs.logits()),
          good,
          "must lie within the");
      forwardRefuses(with(inputs, FIVE, ofDoubles), good, "logits");
      refused(
          () -> DeformAttn.forward(inputs, good.out, CallSettings.DEFAULT.withStream(64)),
          "stream");
      refused(() -> DeformAttn.forward(inputs, good.value), "out");
      for (byte value : good.out.segment().toArray(JAVA_BYTE)) {
        assertThat(value).isEqualTo((byte) 0x7f);
      }
    }
    refused(() -> ValueLevels.of(), "there must be 1 to 8 levels, got 0");
    refused(() -> ValueLevels.of(new int[18]), "at least 1");
    refused(() -> ValueLevels.of(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), "got 9");
    refused(() -> ValueLevels.of(3), "pairs");
    refused(() -> new ValueLevels.Level(1, 1, -1), "row -1");
  }

  private static void forwardRefuses(DeformAttnInputs inputs, DeformAttnCase good, String message) {
    refused(() -> DeformAttn.forward(inputs, good.out), message);
  }

  private static DeformAttnInputs with(
      DeformAttnInputs inputs, ValueLevels levels, TensorView logits) {
    return new DeformAttnInputs(
            inputs.value(), levels, inputs.reference(), inputs.offsets(), logits)
        .withVisible(inputs.visible())
        .withReferenceKind(inputs.referenceKind())
        .withCombination(inputs.combination());
  }

  /** 8 levels of 2^61 points make 2^64 samples, which 64 bits count as none. */
  @Test
  void samplesBeyondSixtyFourBitsAreRefused() {
    try (Arena arena = Arena.ofConfined()) {
      TensorView value = TensorView.allocate(arena, DType.FLOAT32, 1, 8, 1, 1);
      TensorView locations = TensorView.allocate(arena, DType.FLOAT32, 1, 0, 1, 8, 1L << 61, 2);
      TensorView weights = TensorView.allocate(arena, DType.FLOAT32, 1, 0, 1, 8, 0);
      int[] sizes = new int[16];
      Arrays.fill(sizes, 1);
      MsdaInputs inputs = new MsdaInputs(value, ValueLevels.of(sizes), locations, weights);
      refused(
          () -> Msda.forward(inputs, Msda.allocateOut(inputs)),
          "msda_forward: locations has more than 2^63 - 1 elements");
    }
  }

  @Test
  @SuppressWarnings("NullAway") // what callers without a nullness checker can do
  void nullIsNamed() {
    try (Arena arena = Arena.ofConfined()) {
      DeformAttnCase good =
          new DeformAttnCase(
              arena, DeformAttnShape.msda(1, 3, 2, 4, ONE, 2), DType.FLOAT32, RANDOM, false);
      assertThatThrownBy(() -> new MsdaInputs(good.value, ONE, null, good.logits))
          .isInstanceOf(NullPointerException.class)
          .hasMessage("MsdaInputs: locations must not be null");
      assertThatThrownBy(() -> Msda.forward(good.msdaInputs(), null))
          .hasMessage("Msda: out must not be null");
      assertThatThrownBy(() -> CallSettings.DEFAULT.withDeterminism(null))
          .hasMessage("CallSettings: choice must not be null");
      assertThatThrownBy(() -> CallSettings.DEFAULT.withWorkspace(null))
          .hasMessage("CallSettings: scratchMemory must not be null");
    }
  }

  /** One workspace for all: calls that share it take turns; the bits are those of one thread. */
  @Test
  void manyThreadsGiveTheBitsOfOne() throws Exception {
    DeformAttnShape shape = DeformAttnShape.msda(1, 29, 4, 16, FIVE, 4).fused(2, true);
    try (Arena arena = Arena.ofShared();
        Workspace workspace = Workspace.cpu();
        ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Future<float[]>> results = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        DeformAttnCase same = new DeformAttnCase(arena, shape, DType.FLOAT32, new Random(5), true);
        results.add(
            threads.submit(
                () -> {
                  for (int repeat = 0; repeat < 20; repeat++) {
                    DeformAttn.backward(
                        same.inputs(),
                        same.gradOut,
                        same.gradients(),
                        CallSettings.DEFAULT.withWorkspace(workspace));
                  }
                  return same.gradValue.toFloatArray();
                }));
      }
      for (Future<float[]> result : results) {
        assertThat(result.get()).isEqualTo(results.getFirst().get());
      }
    }
  }

  @Test
  void closedMemoryThrows() {
    DeformAttnCase closed;
    try (Arena arena = Arena.ofConfined()) {
      closed =
          new DeformAttnCase(
              arena, DeformAttnShape.msda(1, 3, 2, 4, ONE, 2), DType.FLOAT32, RANDOM, false);
    }
    assertThatThrownBy(closed::forward)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("msda_forward: value is closed");
  }
}
