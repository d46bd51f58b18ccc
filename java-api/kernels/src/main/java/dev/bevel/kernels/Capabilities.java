package dev.bevel.kernels;

/**
 * What the loaded library can do on this machine.
 *
 * @param cudaLibrary whether libbevel_cuda could be opened
 * @param cudaDevices devices that the driver offers; 0 without CUDA
 * @param cudaRuntime version that the CUDA library was built with, as CUDART_VERSION (13010 is
 *     13.1); 0 without
 * @param cudaDriver version that the driver supports, in the same form; 0 without
 * @param cudaArchitectures that the CUDA library holds code for, for example {@code sm_80 sm_90
 *     compute_90}
 * @param cudaReason why CUDA is not usable; empty when it is
 */
public record Capabilities(
    boolean cudaLibrary,
    int cudaDevices,
    int cudaRuntime,
    int cudaDriver,
    String cudaArchitectures,
    String cudaReason) {
  /** Checks for null. */
  public Capabilities {
    Given.argument(cudaArchitectures, Capabilities.class, "cudaArchitectures");
    Given.argument(cudaReason, Capabilities.class, "cudaReason");
  }

  /** Whether operators can run on a CUDA device. */
  public boolean cudaUsable() {
    return cudaReason.isEmpty();
  }
}
