package dev.bevel.bench.liftsplat;

import dev.bevel.kernels.TensorView;
import dev.bevel.torch.Torch;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Supplier;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Native objects of JavaCPP and LibTorch that outlive scopes, until this is closed. */
final class PermanentPointers implements AutoCloseable {
  static {
    Torch.initialize();
  }

  private final Deque<Pointer> owned = new ArrayDeque<>();

  /** Makes an object that lives as long as this. */
  <P extends Pointer> P own(Supplier<P> make) {
    P pointer = Torch.permanent(make);
    owned.push(pointer);
    return pointer;
  }

  /** A float32 tensor over the memory of a view, which must outlive this. */
  Tensor over(TensorView view, long... shape) {
    FloatPointer memory =
        own(
            () ->
                new FloatPointer(
                    view.segment().asByteBuffer().order(ByteOrder.nativeOrder()).asFloatBuffer()));
    return own(() -> torch.from_blob(memory, shape));
  }

  /** An int64 tensor of these values. */
  Tensor indices(long[] values) {
    return own(() -> Tensor.create(values));
  }

  @Override
  public void close() {
    while (!owned.isEmpty()) {
      owned.pop().close();
    }
  }
}
