package dev.bevel.javacpp;

import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.Status;
import dev.bevel.kernels.TensorView;
import java.util.Optional;
import org.bytedeco.cuda.cudart.CUevent_st;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.Loader;
import org.jspecify.annotations.Nullable;

/**
 * Bevel's operators among the calls of Bytedeco's CUDA and cuDNN presets, without LibTorch: device
 * memory ({@link DeviceMemory}), copies, streams and events.
 *
 * <p>The presets' classes come with Bevel, their native files do not: add {@code org.bytedeco:cuda}
 * with the classifier of the platform (and {@code cuda-platform-redist} where CUDA is not
 * installed).
 */
public final class CudaInterop {
  private CudaInterop() {}

  /**
   * Loading is tried once: the JVM tells why a class cannot be initialised at the first attempt
   * only.
   */
  private static final class Presets {
    static final Optional<String> FAILURE = load();

    private static Optional<String> load() {
      try {
        JavaCpp.chooseCache();
        Loader.load(cudart.class);
        return Optional.empty();
      } catch (BevelException | IllegalCallerException | LinkageError missing) {
        return Optional.of(
            "the native files of org.bytedeco:cuda cannot be loaded: " + missing.getMessage());
      }
    }
  }

  /** Why the CUDA presets cannot be used here; empty if they can and there is a device. */
  public static Optional<String> unavailable() {
    if (Presets.FAILURE.isPresent()) {
      return Presets.FAILURE;
    }
    int[] count = new int[1];
    int error = cudart.cudaGetDeviceCount(count);
    if (error != cudart.cudaSuccess) {
      return Optional.of("CUDA: " + text(error));
    }
    return count[0] > 0 ? Optional.empty() : Optional.of("CUDA: there is no device");
  }

  /**
   * A stream as Bevel's calls take it.
   *
   * @param stream null: the default stream
   */
  public static long handle(@Nullable CUstream_st stream) {
    return stream == null ? 0 : stream.address();
  }

  /**
   * Enqueues a copy between host and device tensors of the same size in bytes, both compact. Host
   * memory must stay unchanged until the stream has passed the copy.
   *
   * @param to written
   * @param from read
   * @param stream null: the default stream
   */
  public static void copy(TensorView to, TensorView from, @Nullable CUstream_st stream) {
    if (to.byteSize() != from.byteSize()) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          "CudaInterop.copy: " + to + " and " + from + " must have the same number of bytes");
    }
    check(
        "cudaMemcpyAsync",
        cudart.cudaMemcpyAsync(
            Pointers.pointer(to),
            Pointers.readable(from),
            from.byteSize(),
            cudart.cudaMemcpyDefault,
            stream));
  }

  /**
   * Lets a stream wait for what another has been given so far; the host does not wait.
   *
   * @param waiting null: the default stream
   * @param working null: the default stream
   */
  public static void order(@Nullable CUstream_st waiting, @Nullable CUstream_st working) {
    try (CUevent_st event = new CUevent_st()) {
      check(
          "cudaEventCreate", cudart.cudaEventCreateWithFlags(event, cudart.cudaEventDisableTiming));
      try {
        check("cudaEventRecord", cudart.cudaEventRecord(event, working));
        check("cudaStreamWaitEvent", cudart.cudaStreamWaitEvent(waiting, event));
      } finally {
        // The driver keeps an event until the work that waits for it is done.
        check("cudaEventDestroy", cudart.cudaEventDestroy(event));
      }
    }
  }

  /**
   * Waits on the host until a stream has done all its work.
   *
   * @param stream null: the default stream
   */
  public static void synchronize(@Nullable CUstream_st stream) {
    check("cudaStreamSynchronize", cudart.cudaStreamSynchronize(stream));
  }

  /**
   * Turns an error code of the CUDA runtime into an exception.
   *
   * @param call named in the message
   * @param error a {@code cudaError_t}
   */
  public static void check(String call, int error) {
    if (error != cudart.cudaSuccess) {
      throw new BevelException(Status.CUDA_ERROR, call + ": " + text(error));
    }
  }

  private static String text(int error) {
    return cudart.cudaGetErrorString(error).getString() + " (" + error + ")";
  }
}
