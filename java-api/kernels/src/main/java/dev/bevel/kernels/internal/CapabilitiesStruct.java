package dev.bevel.kernels.internal;

/** {@code bevel_capabilities}. */
final class CapabilitiesStruct extends CStruct {
  static final CapabilitiesStruct STRUCT = new CapabilitiesStruct();

  final Int64 structSize = int64("struct_size");
  final Int32 cudaLibrary = int32("cuda_library");
  final Int32 cudaDevices = int32("cuda_devices");
  final Int32 cudaRuntime = int32("cuda_runtime");
  final Int32 cudaDriver = int32("cuda_driver");
  final long cudaArchitectures = text("cuda_architectures", 64);
  final long cudaReason = text("cuda_reason", 256);

  private CapabilitiesStruct() {
    super("bevel_capabilities", 0);
  }
}
