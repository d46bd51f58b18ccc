package dev.bevel.kernels;

/** Element type of a tensor. */
public enum DType {
  /** IEEE 754 binary32. */
  FLOAT32(2, 32),
  /** IEEE 754 binary64; on the CPU only, for gradient checks. */
  FLOAT64(2, 64),
  /** IEEE 754 binary16. */
  FLOAT16(2, 16),
  /** The upper half of a binary32. */
  BFLOAT16(4, 16),
  /** Signed 32-bit integer. */
  INT32(0, 32),
  /** Signed 64-bit integer. */
  INT64(0, 64),
  /** Unsigned byte; workspaces. */
  UINT8(1, 8),
  /** One byte, 0 or 1. */
  BOOL(6, 8);

  private final int code;
  private final int bits;

  DType(int code, int bits) {
    this.code = code;
    this.bits = bits;
  }

  /** The {@code DLDataTypeCode} of DLPack. */
  public int code() {
    return code;
  }

  /** True for IEEE 754 numbers and bfloat16. */
  public boolean isFloatingPoint() {
    return code == 2 || code == 4;
  }

  /** Bits of one element. */
  public int bits() {
    return bits;
  }

  /** Bytes of one element. */
  public int byteSize() {
    return bits / 8;
  }
}
