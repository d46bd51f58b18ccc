package dev.bevel.kernels.internal;

/** {@code DLTensor} of DLPack. */
public final class DlTensor extends CStruct {
  static final DlTensor STRUCT = new DlTensor(0);

  public final Int64 data = int64("data");
  public final DlDevice device = struct("device", DlDevice::new);
  public final Int32 ndim = int32("ndim");
  public final DlDataType dtype = struct("dtype", DlDataType::new);
  public final Int64 shape = int64("shape");
  public final Int64 strides = int64("strides");
  public final Int64 byteOffset = int64("byte_offset");

  DlTensor(long start) {
    super("DLTensor", start);
  }

  /** {@code DLDevice}. */
  public static final class DlDevice extends CStruct {
    public final Int32 type = int32("device_type");
    public final Int32 id = int32("device_id");

    DlDevice(long start) {
      super("DLDevice", start);
    }
  }

  /** {@code DLDataType}. */
  public static final class DlDataType extends CStruct {
    public final long code = uint8("code");
    public final long bits = uint8("bits");
    public final long lanes = uint16("lanes");

    DlDataType(long start) {
      super("DLDataType", start);
    }
  }
}
