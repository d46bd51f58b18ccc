package dev.bevel.kernels;

/**
 * Where a tensor's memory lives.
 *
 * @param type kind of memory
 * @param index which device of its kind; 0 for host memory
 */
public record Device(Type type, int index) {
  /** Ordinary host memory. */
  public static final Device CPU = new Device(Type.CPU, 0);

  /** Kinds of memory. */
  public enum Type {
    /** Host memory. */
    CPU(1),
    /** Memory of a CUDA device. */
    CUDA(2),
    /** Page-locked host memory, treated as CPU memory. */
    CUDA_HOST(3);

    private final int value;

    Type(int value) {
      this.value = value;
    }

    /** The {@code DLDeviceType} of DLPack. */
    public int value() {
      return value;
    }
  }

  /** Checks the index. */
  public Device {
    Given.argument(type, Device.class, "type");
    if (index < 0) {
      throw new BevelException(
          Status.INVALID_ARGUMENT, "Device: index must be 0 or more, got " + index);
    }
  }

  /**
   * A CUDA device.
   *
   * @param index ordinal as the CUDA runtime counts, 0 or more
   */
  public static Device cuda(int index) {
    return new Device(Type.CUDA, index);
  }

  /** True for memory of a CUDA device, which the host must not touch. */
  public boolean isCuda() {
    return type == Type.CUDA;
  }

  @Override
  public String toString() {
    return switch (type) {
      case CPU -> "cpu";
      case CUDA -> "cuda:" + index;
      case CUDA_HOST -> "cuda_host";
    };
  }
}
