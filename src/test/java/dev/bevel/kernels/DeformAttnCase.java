package dev.bevel.kernels;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.bevel.bench.References;
import dev.bevel.bench.TensorData;
import dev.bevel.bench.deformattn.DeformAttnNumbers;
import dev.bevel.bench.deformattn.DeformAttnShape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Random inputs of a shape as tensors, and the results of the binding beside those of the
 * reference. Value, out and their gradients have one dtype; in float64 everything has.
 */
final class DeformAttnCase {
  final DeformAttnShape shape;
  final DType dtype;
  final DeformAttnNumbers numbers;
  final TensorView value;
  final @Nullable TensorView reference;
  final TensorView offsets;
  final TensorView logits;
  final @Nullable TensorView visible;
  final TensorView out;
  final TensorView gradOut;
  final TensorView gradValue;
  final @Nullable TensorView gradReference;
  final TensorView gradOffsets;
  final TensorView gradLogits;
  private final Arena arena;

  DeformAttnCase(
      Arena arena, DeformAttnShape shape, DType dtype, Random random, boolean someVisible) {
    this.arena = arena;
    this.shape = shape;
    this.dtype = dtype;
    numbers = random(shape, random, someVisible);
    value = store(numbers.value(), dtype, shape.valueShape());
    reference =
        numbers.reference() == null
            ? null
            : store(numbers.reference(), exact(), shape.referenceShape());
    offsets = store(numbers.offsets(), exact(), shape.offsetShape());
    logits = store(numbers.logits(), exact(), shape.logitShape());
    visible = numbers.visible() == null ? null : bytes(numbers.visible());
    out = poisoned(dtype, shape.outShape());
    double[] gradients = random.doubles(DeformAttnShape.count(shape.outShape()), -1, 1).toArray();
    gradOut = store(gradients, dtype, shape.outShape());
    gradValue = poisoned(dtype, shape.valueShape());
    gradReference = reference == null ? null : poisoned(exact(), shape.referenceShape());
    gradOffsets = poisoned(exact(), shape.offsetShape());
    gradLogits = poisoned(exact(), shape.logitShape());
  }

  /** About a third of the samples fall outside their level. */
  private static DeformAttnNumbers random(
      DeformAttnShape shape, Random random, boolean someVisible) {
    double[] value = random.doubles(DeformAttnShape.count(shape.valueShape()), -1, 1).toArray();
    int offsetCount = DeformAttnShape.count(shape.offsetShape());
    int logitCount = DeformAttnShape.count(shape.logitShape());
    double[] logits = random.doubles(logitCount, -2, 2).toArray();
    if (!shape.isFused()) {
      double[] locations = random.doubles(offsetCount, -0.1, 1.1).toArray();
      return new DeformAttnNumbers(value, null, locations, logits, null);
    }
    double[] reference =
        random.doubles(DeformAttnShape.count(shape.referenceShape()), 0, 1).toArray();
    double[] offsets = random.doubles(offsetCount, -3, 3).toArray();
    byte[] visible = null;
    if (someVisible) {
      visible = new byte[shape.batch() * shape.maps() * shape.queries()];
      for (int i = 0; i < visible.length; i++) {
        visible[i] = (byte) (random.nextInt(3) == 0 ? 0 : 1 + random.nextInt(120));
      }
    }
    return new DeformAttnNumbers(value, reference, offsets, logits, visible);
  }

  private DType exact() {
    return dtype == DType.FLOAT64 ? DType.FLOAT64 : DType.FLOAT32;
  }

  private TensorView store(double[] values, DType type, long[] dimensions) {
    return TensorData.store(arena, type, values, dimensions);
  }

  private TensorView bytes(byte[] values) {
    TensorView view =
        TensorView.allocate(arena, DType.UINT8, shape.batch(), shape.maps(), shape.queries());
    MemorySegment.copy(values, 0, view.segment(), JAVA_BYTE, 0, values.length);
    return view;
  }

  private TensorView poisoned(DType type, long[] dimensions) {
    TensorView view = TensorView.allocate(arena, type, dimensions);
    view.segment().fill((byte) 0x7f);
    return view;
  }

  MsdaInputs msdaInputs() {
    return new MsdaInputs(value, shape.levels(), offsets, logits);
  }

  DeformAttnInputs inputs() {
    return new DeformAttnInputs(
            value, shape.levels(), Objects.requireNonNull(reference), offsets, logits)
        .withVisible(visible)
        .withReferenceKind(shape.kind())
        .withCombination(shape.combination());
  }

  void forward() {
    forward(out);
  }

  void backward() {
    backward(allGradients());
  }

  private void forward(TensorView to) {
    if (shape.isFused()) {
      DeformAttn.forward(inputs(), to);
    } else {
      Msda.forward(msdaInputs(), to);
    }
  }

  private void backward(List<TensorView> to) {
    if (shape.isFused()) {
      DeformAttn.backward(inputs(), gradOut, fused(to));
    } else {
      Msda.backward(
          msdaInputs(),
          gradOut,
          MsdaGradients.none()
              .withValue(to.get(0))
              .withLocations(to.get(1))
              .withWeights(to.get(2)));
    }
  }

  /** Of value, offsets, logits and, in the fused form, of the references. */
  private List<TensorView> allGradients() {
    List<TensorView> all = new ArrayList<>(List.of(gradValue, gradOffsets, gradLogits));
    if (gradReference != null) {
      all.add(gradReference);
    }
    return all;
  }

  /** All of them. */
  DeformAttnGradients gradients() {
    return fused(allGradients());
  }

  private static DeformAttnGradients fused(List<TensorView> of) {
    return DeformAttnGradients.none()
        .withValue(of.get(0))
        .withOffsets(of.get(1))
        .withLogits(of.get(2))
        .withReference(of.get(3));
  }

  /**
   * Runs both passes and compares with the reference.
   *
   * @param bound of what is stored exactly
   * @param featureBound of out and the gradient of value
   */
  void check(double bound, double featureBound) {
    forward();
    backward();
    double[] expected = TensorValues.reference(this::forward, out.shape());
    TensorValues.assertClose(TensorValues.numbers(out), expected, featureBound);
    List<TensorView> gradients = allGradients();
    List<double[]> exact =
        References.of(this::backward, gradients.stream().map(TensorView::shape).toList());
    for (int i = 0; i < gradients.size(); i++) {
      double[] actual = TensorValues.numbers(gradients.get(i));
      TensorValues.assertClose(actual, exact.get(i), i == 0 ? featureBound : bound);
    }
  }
}
