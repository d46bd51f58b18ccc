package dev.bevel.kernels;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.bevel.bench.TensorData;
import dev.bevel.bench.deformattn.DeformAttnReference;
import dev.bevel.bench.deformattn.DeformAttnShape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
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
  final DeformAttnReference.Inputs numbers;
  final double[] gradOutNumbers;
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
    gradOutNumbers = random.doubles(DeformAttnShape.count(shape.outShape()), -1, 1).toArray();
    gradOut = store(gradOutNumbers, dtype, shape.outShape());
    gradValue = poisoned(dtype, shape.valueShape());
    gradReference = reference == null ? null : poisoned(exact(), shape.referenceShape());
    gradOffsets = poisoned(exact(), shape.offsetShape());
    gradLogits = poisoned(exact(), shape.logitShape());
  }

  /** About a third of the samples fall outside their level. */
  private static DeformAttnReference.Inputs random(
      DeformAttnShape shape, Random random, boolean someVisible) {
    double[] value = random.doubles(DeformAttnShape.count(shape.valueShape()), -1, 1).toArray();
    int offsetCount = DeformAttnShape.count(shape.offsetShape());
    int logitCount = DeformAttnShape.count(shape.logitShape());
    double[] logits = random.doubles(logitCount, -2, 2).toArray();
    if (!shape.isFused()) {
      double[] locations = random.doubles(offsetCount, -0.1, 1.1).toArray();
      return new DeformAttnReference.Inputs(value, null, locations, logits, null);
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
    return new DeformAttnReference.Inputs(value, reference, offsets, logits, visible);
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

  /** The elements of a compact tensor. */
  static double[] numbers(TensorView view) {
    double[] values = new double[Math.toIntExact(view.elementCount())];
    Arrays.setAll(values, i -> TensorData.at(view, i));
    return values;
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
    if (shape.isFused()) {
      DeformAttn.forward(inputs(), out);
    } else {
      Msda.forward(msdaInputs(), out);
    }
  }

  void backward() {
    if (shape.isFused()) {
      DeformAttn.backward(inputs(), gradOut, gradients());
    } else {
      Msda.backward(
          msdaInputs(),
          gradOut,
          MsdaGradients.none()
              .withValue(gradValue)
              .withLocations(gradOffsets)
              .withWeights(gradLogits));
    }
  }

  /** All of them. */
  DeformAttnGradients gradients() {
    return DeformAttnGradients.none()
        .withValue(gradValue)
        .withReference(Objects.requireNonNull(gradReference))
        .withOffsets(gradOffsets)
        .withLogits(gradLogits);
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
    DeformAttnReference expected = new DeformAttnReference(shape, numbers);
    TensorValues.assertClose(numbers(out), expected.forward(), featureBound);
    DeformAttnReference.Gradients gradients = expected.backward(gradOutNumbers);
    TensorValues.assertClose(numbers(gradValue), gradients.value(), featureBound);
    TensorValues.assertClose(numbers(gradOffsets), gradients.offsets(), bound);
    TensorValues.assertClose(numbers(gradLogits), gradients.logits(), bound);
    if (gradReference != null) {
      TensorValues.assertClose(numbers(gradReference), gradients.reference(), bound);
    }
  }
}
