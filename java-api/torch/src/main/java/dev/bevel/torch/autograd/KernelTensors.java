package dev.bevel.torch.autograd;

import dev.bevel.kernels.TensorView;
import dev.bevel.torch.TensorViews;
import java.util.function.Supplier;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/** Tensors for and of kernels. */
final class KernelTensors {
  private KernelTensors() {}

  static boolean isDouble(Tensor tensor) {
    return tensor.scalar_type().intern() == ScalarType.Double;
  }

  /** A compact tensor with undefined elements on the device of another. */
  static Tensor empty(long[] shape, Tensor like, ScalarType dtype) {
    TensorOptions options = like.options().dtype(new ScalarTypeOptional(dtype));
    return torch.empty(shape, options, new MemoryFormatOptional());
  }

  /** A compact tensor with undefined elements and the shape, dtype and device of another. */
  static Tensor emptyLike(Tensor like) {
    return empty(like.shape(), like, like.scalar_type());
  }

  /**
   * A tensor for the gradient of an input, if it is wanted; else null.
   *
   * @param context of the application
   * @param input index of the input
   * @param make makes the tensor
   */
  static @Nullable Tensor gradient(Context context, int input, Supplier<Tensor> make) {
    return context.needsInputGrad(input) ? make.get() : null;
  }

  static @Nullable TensorView view(@Nullable Tensor tensor) {
    return tensor == null ? null : TensorViews.of(tensor);
  }

  /** Whether these dimensions, outermost first, lie without gaps in row-major order. */
  static boolean isCompact(Tensor tensor, int... dimensions) {
    long expected = 1;
    for (int i = dimensions.length - 1; i >= 0; i--) {
      long size = tensor.size(dimensions[i]);
      if (size > 1 && tensor.stride(dimensions[i]) != expected) {
        return false;
      }
      expected *= size;
    }
    return true;
  }
}
