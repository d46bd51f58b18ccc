package dev.bevel.torch.autograd;

import java.util.function.BiFunction;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/** Functions under test, and helpers to make tensors. */
final class TestFunctions {
  private TestFunctions() {}

  /** A function given by two lambdas. */
  static Function of(
      BiFunction<Context, @Nullable Tensor[], Tensor[]> forward,
      BiFunction<Context, @Nullable Tensor[], @Nullable Tensor[]> backward) {
    return new Function() {
      @Override
      protected String name() {
        return "TestFunction";
      }

      @Override
      protected Tensor[] forward(Context context, @Nullable Tensor... inputs) {
        return forward.apply(context, inputs);
      }

      @Override
      protected @Nullable Tensor[] backward(Context context, @Nullable Tensor... gradOutputs) {
        return backward.apply(context, gradOutputs);
      }
    };
  }

  /** Element-wise product of two tensors of one shape. */
  static Function product() {
    return of(
        (context, inputs) -> {
          context.saveForBackward(inputs);
          return outputs(inputs[0].mul(inputs[1]));
        },
        (context, gradOutputs) -> {
          @Nullable Tensor[] saved = context.savedTensors();
          Tensor gradient = present(gradOutputs[0]);
          return outputs(gradient.mul(present(saved[1])), gradient.mul(present(saved[0])));
        });
  }

  /** The input as it is, in memory of its own; its gradient passes unchanged. */
  static Function identity() {
    return of(
        (context, inputs) -> outputs(inputs[0].clone()), (context, gradOutputs) -> gradOutputs);
  }

  static Tensor[] outputs(Tensor... tensors) {
    return tensors;
  }

  static Tensor present(@Nullable Tensor tensor) {
    if (tensor == null) {
      throw new AssertionError("a tensor is missing");
    }
    return tensor;
  }
}
