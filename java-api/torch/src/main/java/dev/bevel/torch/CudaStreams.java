package dev.bevel.torch;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.bytedeco.pytorch.Tensor;

/** The CUDA streams on which LibTorch enqueues its work, so that kernels join its order. */
public final class CudaStreams {
  static {
    Torch.initialize();
  }

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
    return tensor.is_cuda() ? Cuda.current(tensor.device().index()) : 0;
  }

  /** Initialised when the first CUDA tensor comes. */
  @SuppressWarnings("restricted") // the signature is that of LibTorch's public header
  private static final class Cuda {
    private static final MethodHandle CURRENT_STREAM =
        Linker.nativeLinker()
            .downcallHandle(
                SymbolLookup.loaderLookup()
                    .find(SYMBOL)
                    .orElseThrow(
                        () ->
                            new IllegalStateException(
                                "CudaStreams: LibTorch has no "
                                    + SYMBOL
                                    + "; use the -gpu classifier")),
                FunctionDescriptor.of(
                    ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS));

    static long current(int device) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment stream = arena.allocate(ValueLayout.JAVA_LONG);
        int status = (int) CURRENT_STREAM.invokeExact(device, stream);
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
  }
}
