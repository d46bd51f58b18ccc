package dev.bevel.torch;

import java.nio.FloatBuffer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Copies of tensors as float32 Java arrays, row-major. */
public final class TensorArrays {
  static {
    Torch.initialize();
  }

  private TensorArrays() {}

  /**
   * The numbers of a tensor of any dtype and device as float32.
   *
   * @throws IllegalStateException outside a {@link TensorScope}
   */
  public static float[] floats(Tensor tensor) {
    TensorScope.require("TensorArrays.floats");
    Tensor host = tensor.detach().cpu().to(ScalarType.Float).contiguous();
    float[] values = new float[Math.toIntExact(host.numel())];
    host.<FloatBuffer>createBuffer().get(values);
    return values;
  }
}
