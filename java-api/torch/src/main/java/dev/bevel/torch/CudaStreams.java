package dev.bevel.torch;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/** The CUDA streams on which LibTorch enqueues its work, so that kernels join its order. */
public final class CudaStreams {
  /** Of LibTorch's stable C interface: (int32 device index, void** stream) to 0 for success. */
  private static final String SYMBOL = "aoti_torch_get_current_cuda_stream";

  private CudaStreams() {}

  /**
   * LibTorch's current stream for a tensor.
   *
   * @param tensor on the CPU or a CUDA device
   * @return a {@code cudaStream_t}; 0 for the CPU
   * @throws IllegalStateException if LibTorch was built without CUDA
   */
  public static long current(Tensor tensor) {
    TensorHold.require("CudaStreams.current", "tensor", tensor);
    return tensor.is_cuda() ? ofDevice(tensor.device().index()) : 0;
  }

  private static long ofDevice(int device) {
    MethodHandle function = Cuda.CURRENT_STREAM;
    if (function == null) {
      throw new IllegalStateException(
          "CudaStreams: LibTorch has no " + SYMBOL + "; use the -gpu classifier");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment stream = arena.allocate(ValueLayout.JAVA_LONG);
      int status = (int) function.invokeExact(device, stream);
      if (status != 0) {
        throw new IllegalStateException(
            "CudaStreams: " + SYMBOL + " failed for device " + device + " with status " + status);
      }
      return stream.get(ValueLayout.JAVA_LONG, 0);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("CudaStreams: " + SYMBOL, e);
    }
  }

  /** Initialised when the first CUDA tensor comes, and LibTorch with it. */
  @SuppressWarnings("restricted") // the signature is that of LibTorch's public header
  private static final class Cuda {
    /** Null in a LibTorch without CUDA. */
    static final @Nullable MethodHandle CURRENT_STREAM =
        SymbolLookup.loaderLookup()
            .find(SYMBOL)
            .map(
                symbol ->
                    Linker.nativeLinker()
                        .downcallHandle(
                            symbol,
                            FunctionDescriptor.of(
                                ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS)))
            .orElse(null);
  }
}
