package dev.bevel.testing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.torch.TensorScope;
import dev.bevel.torch.autograd.Autograd;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.function.Function;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Compares a function's backward with central differences of its forward, in double: for outputs
 * o_j and fixed random weights w_j the loss is Σ_j ⟨w_j, o_j⟩, and every element of every input is
 * moved by ±h.
 */
@SuppressWarnings("restricted") // reads tensors in place; the elements are counted by LibTorch
public final class GradientCheck {
  private static final double STEP = 1e-6;

  private GradientCheck() {}

  /**
   * Asserts that each partial derivative differs by at most {@code tolerance · max(1, |difference
   * quotient|)}.
   *
   * @param function from the inputs to its outputs
   * @param random source of the output weights
   * @param tolerance for example 1e-6
   * @param inputs contiguous float64 leaves on the CPU; those that require a gradient are checked
   * @return the largest such deviation, relative as above
   */
  public static double check(
      Function<Tensor[], Tensor[]> function, Random random, double tolerance, Tensor... inputs) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor[] weights = weightsFor(function.apply(inputs), random);
      for (Tensor input : inputs) {
        if (input.grad().defined()) {
          input.mutable_grad().reset();
        }
      }
      Autograd.backward(loss(function.apply(inputs), weights));
      double worst = 0;
      for (int i = 0; i < inputs.length; i++) {
        if (inputs[i].requires_grad()) {
          worst = Math.max(worst, checkInput(function, inputs, i, weights, tolerance));
        }
      }
      return worst;
    }
  }

  private static double checkInput(
      Function<Tensor[], Tensor[]> function,
      Tensor[] inputs,
      int index,
      Tensor[] weights,
      double tolerance) {
    Tensor input = inputs[index];
    assertThat(input.scalar_type().intern()).isEqualTo(ScalarType.Double);
    assertThat(input.is_contiguous()).isTrue();
    long count = input.numel();
    double[] gradient =
        input.grad().defined() ? doubles(input.grad()) : new double[Math.toIntExact(count)];
    MemorySegment elements =
        MemorySegment.ofAddress(input.data_ptr().address()).reinterpret(count * Double.BYTES);
    double worst = 0;
    for (int k = 0; k < count; k++) {
      double value = elements.getAtIndex(ValueLayout.JAVA_DOUBLE, k);
      elements.setAtIndex(ValueLayout.JAVA_DOUBLE, k, value + STEP);
      double above = value(function, inputs, weights);
      elements.setAtIndex(ValueLayout.JAVA_DOUBLE, k, value - STEP);
      double below = value(function, inputs, weights);
      elements.setAtIndex(ValueLayout.JAVA_DOUBLE, k, value);
      double quotient = (above - below) / (2 * STEP);
      double deviation = Math.abs(gradient[k] - quotient) / Math.max(1, Math.abs(quotient));
      assertThat(deviation)
          .as(
              "input %d, element %d: gradient %s, difference quotient %s",
              index, k, gradient[k], quotient)
          .isLessThanOrEqualTo(tolerance);
      worst = Math.max(worst, deviation);
    }
    return worst;
  }

  private static double value(
      Function<Tensor[], Tensor[]> function, Tensor[] inputs, Tensor[] weights) {
    try (TensorScope scope = TensorScope.open();
        NoGradGuard noGrad = new NoGradGuard()) {
      return loss(function.apply(inputs), weights).item_double();
    }
  }

  private static Tensor[] weightsFor(Tensor[] outputs, Random random) {
    Tensor[] weights = new Tensor[outputs.length];
    for (int j = 0; j < outputs.length; j++) {
      double[] values = random.doubles(outputs[j].numel(), -1, 1).toArray();
      weights[j] = Tensor.create(values).view(outputs[j].sizes());
    }
    return weights;
  }

  private static Tensor loss(Tensor[] outputs, Tensor[] weights) {
    Tensor loss = torch.scalar_tensor(new Scalar(0.0)).to(ScalarType.Double);
    for (int j = 0; j < outputs.length; j++) {
      if (outputs[j].is_floating_point()) {
        loss = loss.add(outputs[j].to(ScalarType.Double).mul(weights[j]).sum());
      }
    }
    return loss;
  }

  /** The elements of a tensor on the CPU in row-major order, as doubles. */
  public static double[] doubles(Tensor tensor) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor compact = tensor.detach().to(ScalarType.Double).contiguous();
      long bytes = compact.numel() * Double.BYTES;
      return bytes == 0
          ? new double[0]
          : MemorySegment.ofAddress(compact.data_ptr().address())
              .reinterpret(bytes)
              .toArray(ValueLayout.JAVA_DOUBLE);
    }
  }
}
