package dev.bevel.kernels;

/** Why a call failed; the {@code bevel_status} of the C ABI and one value for the loader. */
public enum Status {
  /** Null, wrong dtype, rank, shape, layout, device, alignment or value. */
  INVALID_ARGUMENT(1),
  /** Legal, but this build or this operator does not do it. */
  UNSUPPORTED(2),
  /** CUDA was asked for and its library, driver or device is missing. */
  NO_CUDA(3),
  /** The CUDA runtime reported an error. */
  CUDA_ERROR(4),
  /** A native allocation failed. */
  OUT_OF_MEMORY(5),
  /** A defect in Bevel. */
  INTERNAL(6),
  /** The native library could not be loaded; no native call was made. */
  NOT_LOADED(-1);

  private final int value;

  Status(int value) {
    this.value = value;
  }

  /** The value in the C ABI; negative for {@link #NOT_LOADED}, which the ABI does not know. */
  public int value() {
    return value;
  }

  /**
   * The status with this value in the C ABI; {@link #INTERNAL} for a value that this version does
   * not know.
   *
   * @param value a {@code bevel_status} other than {@code BEVEL_OK}
   */
  public static Status of(int value) {
    for (Status status : values()) {
      if (status.value == value) {
        return status;
      }
    }
    return INTERNAL;
  }
}
