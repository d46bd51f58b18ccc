package dev.bevel.torch.autograd;

import dev.bevel.kernels.CallSettings;
import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.TensorView;
import dev.bevel.kernels.Workspace;
import dev.bevel.torch.CudaStreams;
import dev.bevel.torch.TensorViews;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/** What functions over Bevel's kernels have in common. */
final class KernelTensors {
  private KernelTensors() {}

  static boolean isDouble(Tensor tensor) {
    return tensor.scalar_type().intern() == ScalarType.Double;
  }

  /** Double if any of the tensors is, else Float: the dtype of what kernels never take narrower. */
  static ScalarType realOf(Tensor... tensors) {
    for (Tensor tensor : tensors) {
      if (isDouble(tensor)) {
        return ScalarType.Double;
      }
    }
    return ScalarType.Float;
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

  /** How a call works: on LibTorch's current stream for the device of a tensor. */
  static CallSettings settings(Tensor like, Determinism determinism) {
    return CallSettings.DEFAULT.withStream(CudaStreams.current(like)).withDeterminism(determinism);
  }

  /**
   * The same with scratch memory on the device of the tensor where that is CUDA, from LibTorch's
   * allocator; on the CPU kernels keep their own.
   *
   * @param bytes tells how much
   */
  static CallSettings withWorkspace(CallSettings settings, Tensor like, LongSupplier bytes) {
    return like.is_cuda() ? settings.withWorkspace(workspace(bytes.getAsLong(), like)) : settings;
  }

  /** The rank that a function's argument must have, with the shape in words. */
  static void requireRank(String function, String argument, Tensor tensor, int rank, String shape) {
    if (tensor.dim() != rank) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: %s must be %s, got %s",
              function,
              argument,
              shape,
              Arrays.toString(tensor.shape())));
    }
  }

  static @Nullable TensorView view(@Nullable Tensor tensor) {
    return tensor == null ? null : TensorViews.of(tensor);
  }

  /** Scratch memory on the device of a tensor, which ends with the innermost scope. */
  private static Workspace workspace(long bytes, Tensor like) {
    return Workspace.of(TensorViews.of(empty(new long[] {bytes}, like, ScalarType.Byte)));
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

  /** A tensor without an autograd history, for an argument that gets no gradient. */
  static Tensor withoutGradient(String function, String argument, Tensor tensor) {
    if (tensor.requires_grad()) {
      throw new IllegalArgumentException(
          function + ": no gradient flows to " + argument + "; pass a detached tensor");
    }
    return tensor;
  }
}
