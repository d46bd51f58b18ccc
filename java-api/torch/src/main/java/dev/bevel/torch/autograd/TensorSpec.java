package dev.bevel.torch.autograd;

import dev.bevel.torch.Torch;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Shape, dtype and device of a tensor that is no longer at hand. */
final class TensorSpec {
  private final long[] shape;
  private final ScalarType dtype;
  private final int device;
  private final TensorOptions options;

  TensorSpec(Tensor tensor) {
    shape = tensor.shape();
    dtype = tensor.scalar_type().intern();
    device = deviceIndex(tensor);
    options = Torch.permanent(tensor::options);
  }

  boolean isScalar() {
    return shape.length == 0;
  }

  boolean matches(Tensor tensor) {
    return Arrays.equals(shape, tensor.shape())
        && dtype == tensor.scalar_type().intern()
        && device == deviceIndex(tensor);
  }

  Tensor zeros() {
    return torch.zeros(shape, options);
  }

  void close() {
    options.releaseReference();
  }

  String describe() {
    return describe(shape, dtype, device);
  }

  static String describe(Tensor tensor) {
    return describe(tensor.shape(), tensor.scalar_type(), deviceIndex(tensor));
  }

  private static String describe(long[] shape, ScalarType dtype, int device) {
    return dtype + Arrays.toString(shape) + (device < 0 ? " on the CPU" : " on cuda:" + device);
  }

  /** The CUDA device's index, −1 for the CPU. */
  private static int deviceIndex(Tensor tensor) {
    return tensor.is_cuda() ? tensor.device().index() : -1;
  }
}
