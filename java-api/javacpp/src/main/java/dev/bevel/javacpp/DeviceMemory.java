package dev.bevel.javacpp;

import dev.bevel.kernels.DType;
import dev.bevel.kernels.Device;
import dev.bevel.kernels.SharedResource;
import dev.bevel.kernels.TensorView;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.Pointer;

/**
 * Memory of a CUDA device, allocated with {@code cudaMalloc} through Bytedeco's preset; freed by
 * {@link #close}, or by the end of the last call that was using the view then.
 */
public final class DeviceMemory implements AutoCloseable {
  private final Pointer pointer = new Pointer();
  private final SharedResource life = new SharedResource("DeviceMemory: the memory", this::free);
  private final TensorView view;

  private DeviceMemory(int device, DType dtype, long[] shape) {
    long bytes = TensorView.ofAddress(256, dtype, Device.cuda(device), shape).byteSize();
    CudaInterop.check("cudaSetDevice", cudart.cudaSetDevice(device));
    CudaInterop.check("cudaMalloc", cudart.cudaMalloc(pointer, Math.max(bytes, 1)));
    view =
        TensorView.ofAddress(pointer.address(), dtype, Device.cuda(device), shape)
            .keeping(this)
            .ownedBy(life);
  }

  /**
   * Allocates a compact tensor whose content is undefined. Makes the device the current one of this
   * thread.
   *
   * @param device ordinal of the CUDA device
   * @param dtype element type
   * @param shape up to 8 sizes
   */
  public static DeviceMemory allocate(int device, DType dtype, long... shape) {
    return new DeviceMemory(device, dtype, shape);
  }

  /** The tensor; not to be used after {@link #close}. */
  public TensorView view() {
    life.requireOpen();
    return view;
  }

  /** The address as the presets' functions take it; not to be used after {@link #close}. */
  public Pointer pointer() {
    view();
    return pointer;
  }

  /** Frees the memory when the device has done its work; a second call does nothing. */
  @Override
  public void close() {
    life.close();
  }

  private void free() {
    CudaInterop.check("cudaFree", cudart.cudaFree(pointer));
  }
}
