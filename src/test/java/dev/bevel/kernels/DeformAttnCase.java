package dev.bevel.kernels;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.bevel.bench.deformattn.DeformAttnReference;
import dev.bevel.bench.deformattn.DeformAttnShape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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

  /** Writes the numbers and puts what was stored, rounded, in their place. */
  private TensorView store(double[] values, DType type, long[] dimensions) {
    TensorView view = TensorView.allocate(arena, type, dimensions);
    for (int i = 0; i < values.length; i++) {
      switch (type) {
        case FLOAT64 -> view.segment().setAtIndex(JAVA_DOUBLE, i, values[i]);
        case FLOAT32 -> view.segment().setAtIndex(JAVA_FLOAT, i, (float) values[i]);
        case FLOAT16 ->
            view.segment().setAtIndex(JAVA_SHORT, i, Float.floatToFloat16((float) values[i]));
        case BFLOAT16 ->
            view.segment()
                .setAtIndex(
                    JAVA_SHORT, i, (short) (Float.floatToRawIntBits((float) values[i]) >>> 16));
        default -> throw new IllegalArgumentException(type.toString());
      }
    }
    System.arraycopy(numbers(view), 0, values, 0, values.length);
    return view;
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
    if (view.dtype() == DType.FLOAT64) {
      return view.toDoubleArray();
    }
    if (view.dtype() == DType.FLOAT32) {
      return TensorValues.doubles(view.toFloatArray());
    }
    double[] values = new double[Math.toIntExact(view.elementCount())];
    for (int i = 0; i < values.length; i++) {
      short bits = view.segment().getAtIndex(JAVA_SHORT, i);
      values[i] =
          view.dtype() == DType.FLOAT16
              ? Float.float16ToFloat(bits)
              : Float.intBitsToFloat(bits << 16);
    }
    return values;
  }

  MsdaInputs msdaInputs() {
    return new MsdaInputs(value, shape.levels(), offsets, logits);
  }

  DeformAttnInputs inputs() {
    return new DeformAttnInputs(
        value,
        shape.levels(),
        Objects.requireNonNull(reference),
        offsets,
        logits,
        visible,
        shape.kind(),
        shape.combination());
  }

  void forward() {
    if (shape.isFused()) {
      DeformAttn.forward(new DeformAttnForward(inputs(), out));
    } else {
      Msda.forward(new MsdaForward(msdaInputs(), out));
    }
  }

  void backward() {
    if (shape.isFused()) {
      DeformAttn.backward(backwardCall());
    } else {
      Msda.backward(
          new MsdaBackward(msdaInputs(), gradOut)
              .gradValue(gradValue)
              .gradLocations(gradOffsets)
              .gradWeights(gradLogits));
    }
  }

  DeformAttnBackward backwardCall() {
    return new DeformAttnBackward(inputs(), gradOut)
        .gradValue(gradValue)
        .gradReference(Objects.requireNonNull(gradReference))
        .gradOffsets(gradOffsets)
        .gradLogits(gradLogits);
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
