package dev.bevel.bench;

import dev.bevel.kernels.TensorView;
import dev.bevel.torch.TensorViews;
import dev.bevel.torch.Torch;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Supplier;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/** Native objects of JavaCPP and LibTorch that outlive scopes, until this is closed. */
public final class PermanentPointers implements AutoCloseable {
  private final Deque<Pointer> owned = new ArrayDeque<>();

  /** Nothing yet. */
  public PermanentPointers() {
    Torch.initialize();
  }

  /** Makes an object that lives as long as this. */
  public <P extends Pointer> P own(Supplier<P> make) {
    P pointer = Torch.permanent(make);
    owned.push(pointer);
    return pointer;
  }

  /** A tensor over the memory of a compact view, which must outlive this. */
  public Tensor over(TensorView view, long... shape) {
    BytePointer memory =
        own(() -> new BytePointer(view.segment().asByteBuffer().order(ByteOrder.nativeOrder())));
    return own(
        () ->
            torch.from_blob(
                memory, shape, new TensorOptions(TensorViews.scalarType(view.dtype()))));
  }

  /** An int64 tensor of these values. */
  public Tensor indices(long[] values) {
    return own(() -> Tensor.create(values));
  }

  @Override
  public void close() {
    while (!owned.isEmpty()) {
      owned.pop().close();
    }
  }
}
