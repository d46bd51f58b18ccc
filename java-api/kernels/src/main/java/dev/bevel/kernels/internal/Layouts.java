package dev.bevel.kernels.internal;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.StructLayout;
import java.util.List;

/**
 * The structs that operators share, and what describes structs. Those of an operator stand in a
 * class of its own, all of them field by field with the C names; a test compares every offset with
 * the C compiler's. Pointers are written as 64-bit integers: all platforms of Bevel are 64-bit, and
 * scratch memory then needs no segment per pointer.
 */
public final class Layouts {
  /** {@code DLTensor} of DLPack. */
  public static final StructLayout TENSOR =
      struct(
          "DLTensor",
          pointer("data"),
          int32("device.device_type"),
          int32("device.device_id"),
          int32("ndim"),
          JAVA_BYTE.withName("dtype.code"),
          JAVA_BYTE.withName("dtype.bits"),
          JAVA_SHORT.withName("dtype.lanes"),
          pointer("shape"),
          pointer("strides"),
          int64("byte_offset"));

  /** {@code bevel_capabilities}. */
  public static final StructLayout CAPABILITIES =
      struct(
          "bevel_capabilities",
          int64("struct_size"),
          int32("cuda_library"),
          int32("cuda_devices"),
          int32("cuda_runtime"),
          int32("cuda_driver"),
          MemoryLayout.sequenceLayout(64, JAVA_BYTE).withName("cuda_architectures"),
          MemoryLayout.sequenceLayout(256, JAVA_BYTE).withName("cuda_reason"));

  /** {@code bevel_grid}. */
  public static final StructLayout GRID =
      struct(
          "bevel_grid",
          MemoryLayout.sequenceLayout(3, JAVA_DOUBLE).withName("lower"),
          MemoryLayout.sequenceLayout(3, JAVA_DOUBLE).withName("cell_size"),
          MemoryLayout.sequenceLayout(3, JAVA_INT).withName("cells"),
          int32("rounding"),
          int32("row_axis"),
          int32("reserved"));

  /** The structs of {@code bevel.h} and DLPack. */
  public static final List<StructLayout> ALL = List.of(TENSOR, CAPABILITIES, GRID);

  private Layouts() {}

  /** Offset of a field of a struct. */
  public static long offset(StructLayout struct, String field) {
    return struct.byteOffset(PathElement.groupElement(field));
  }

  /** A struct with its C name. */
  static StructLayout struct(String name, MemoryLayout... fields) {
    return MemoryLayout.structLayout(fields).withName(name);
  }

  /** A pointer, as a 64-bit integer. */
  static MemoryLayout pointer(String name) {
    return JAVA_LONG.withName(name);
  }

  /** {@code int64_t} or {@code uint64_t}. */
  static MemoryLayout int64(String name) {
    return JAVA_LONG.withName(name);
  }

  /** {@code int32_t}. */
  static MemoryLayout int32(String name) {
    return JAVA_INT.withName(name);
  }
}
