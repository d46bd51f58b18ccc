package dev.bevel.kernels.internal;

/** {@code DLTensor} of DLPack. */
final class DlTensor extends CStruct {
  static final DlTensor STRUCT = new DlTensor(0);

  final Int64 data = int64("data");
  final DlDevice device = struct("device", DlDevice::new);
  final Int32 ndim = int32("ndim");
  final DlDataType dtype = struct("dtype", DlDataType::new);
  final Int64 shape = int64("shape");
  final Int64 strides = int64("strides");
  final Int64 byteOffset = int64("byte_offset");

  DlTensor(long start) {
    super("DLTensor", start);
  }

  /** {@code DLDevice}. */
  static final class DlDevice extends CStruct {
    final Int32 type = int32("device_type");
    final Int32 id = int32("device_id");

    DlDevice(long start) {
      super("DLDevice", start);
    }
  }

  /** {@code DLDataType}. */
  static final class DlDataType extends CStruct {
    final long code = uint8("code");
    final long bits = uint8("bits");
    final long lanes = uint16("lanes");

    DlDataType(long start) {
      super("DLDataType", start);
    }
  }
}
