package dev.bevel.kernels.internal;

import dev.bevel.kernels.BevelException;
import dev.bevel.kernels.Status;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** What {@code bevel_get_capabilities} reports. */
public record NativeCapabilities(
    boolean cudaLibrary,
    int cudaDevices,
    int cudaRuntime,
    int cudaDriver,
    String cudaArchitectures,
    String cudaReason) {

  // Not in the scratch memory: this is read while the library is being loaded, which scratch memory
  // triggers.
  static NativeCapabilities read() {
    CapabilitiesStruct fields = CapabilitiesStruct.STRUCT;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment struct = arena.allocate(fields.layout());
      struct.set(ValueLayout.JAVA_LONG, fields.structSize.offset(), fields.byteSize());
      Abi.capabilities(struct.address());
      return new NativeCapabilities(
          number(struct, fields.cudaLibrary) != 0,
          number(struct, fields.cudaDevices),
          number(struct, fields.cudaRuntime),
          number(struct, fields.cudaDriver),
          struct.getString(fields.cudaArchitectures),
          struct.getString(fields.cudaReason));
    }
  }

  /** Reads them, loading the library if that has not been done. */
  public static NativeCapabilities current() {
    NativeLibrary.require();
    return read();
  }

  /** Fails with the reason if CUDA cannot be used. */
  public void requireCuda(String why) {
    if (!cudaReason.isEmpty()) {
      throw new BevelException(
          Status.NO_CUDA, why + ": CUDA is needed but not usable: " + cudaReason);
    }
  }

  private static int number(MemorySegment struct, CStruct.Int32 field) {
    return struct.get(ValueLayout.JAVA_INT, field.offset());
  }
}
