package dev.bevel.kernels.internal;

/** The structs of DLPack by which tensors are handed over with their owners. */
public final class DlPackStructs {
  /** {@code DLManagedTensor}. */
  public static final Managed MANAGED = new Managed();

  /** {@code DLManagedTensorVersioned}. */
  public static final Versioned VERSIONED = new Versioned();

  private DlPackStructs() {}

  /** {@code DLPackVersion}. */
  public static final class Version extends CStruct {
    public final Int32 major = int32("major");
    public final Int32 minor = int32("minor");

    Version(long start) {
      super("DLPackVersion", start);
    }
  }

  /** {@code DLManagedTensor}. */
  public static final class Managed extends CStruct {
    public final DlTensor tensor = struct("dl_tensor", DlTensor::new);
    public final Int64 managerContext = int64("manager_ctx");
    public final Int64 deleter = int64("deleter");

    private Managed() {
      super("DLManagedTensor", 0);
    }
  }

  /** {@code DLManagedTensorVersioned}. */
  public static final class Versioned extends CStruct {
    public final Version version = struct("version", Version::new);
    public final Int64 managerContext = int64("manager_ctx");
    public final Int64 deleter = int64("deleter");
    public final Int64 flags = int64("flags");
    public final DlTensor tensor = struct("dl_tensor", DlTensor::new);

    private Versioned() {
      super("DLManagedTensorVersioned", 0);
    }
  }
}
