package dev.bevel.torch;

import dev.bevel.kernels.MemoryOwner;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.StorageImpl;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * A tensor as the owner of its memory, and the checks of tensors that callers pass. While a use
 * runs the tensor stays, whatever scope ends meanwhile on whatever thread, or whoever calls {@code
 * close()}: the end of the last use frees it.
 *
 * <p>JavaCPP's own count of references holds the Java object's native part. {@link TensorScope} and
 * {@link #close} count under the tensor's monitor, so that a use either finds the tensor freed or
 * keeps it. Somebody may yet give back a reference that is not his: {@code close()} on a tensor of
 * a scope takes the scope's, and the scope's end one more. So a running use has a native tensor of
 * its own besides, which shares the memory and keeps it. {@code Tensor.deallocate()} asks nobody:
 * it is for tensors that no other thread uses.
 *
 * <p>LibTorch can also take the memory from a tensor that stays: {@code set_} and {@code set_data}
 * give it another storage, {@code resize_} gives the storage other memory. Where a use is one of
 * the memory, its native tensor keeps the storage that was there when it began, and the storage
 * cannot be resized until it ends. A use that finds a {@code resize_} of its tensor under way
 * fails. LibTorch has no lock, so what a use cannot see is for the program to rule out: the instant
 * in which {@code set_} exchanges the storage, and a {@code resize_} under way of another tensor
 * that shares it.
 */
public final class TensorHold implements MemoryOwner {
  private final Tensor tensor;

  /** What is used: null where it is the tensor itself. */
  private final @Nullable Memory memory;

  /** While uses run: shares the tensor's memory. */
  private @Nullable Tensor keeper;

  /** While uses of the memory run: where it lies. */
  private @Nullable StorageImpl storage;

  private int uses;

  /**
   * The memory of a tensor.
   *
   * @param address of the first element
   * @param end of the last element, bytes from the begin of the storage
   * @param elements of the tensor
   */
  private record Memory(long address, long end, long elements) {
    boolean isThatOf(Tensor tensor) {
      return tensor.data_ptr().address() == address && tensor.storage().nbytes() >= end;
    }

    /**
     * Whether {@code resize_} has begun to make the tensor larger: it sets the shape first, then
     * looks whether the storage can be resized, and last replaces the memory.
     */
    boolean isResized(Tensor tensor) {
      return tensor.numel() > elements
          && (tensor.storage_offset() + tensor.numel()) * tensor.itemsize()
              > tensor.storage().nbytes();
    }
  }

  private TensorHold(Tensor tensor, @Nullable Memory memory) {
    this.tensor = tensor;
    this.memory = memory;
  }

  /**
   * Of a tensor that is seen through its address. Uses fail where LibTorch has replaced the memory;
   * while they run it cannot.
   *
   * @param operation begins the message
   * @param argument its name there
   * @param tensor strided, with elements
   * @param extent elements from the first to the last in memory, both included
   * @throws IllegalArgumentException if they reach beyond the memory
   */
  public static TensorHold ofMemory(String operation, String argument, Tensor tensor, long extent) {
    // What the tensor is at one moment, whatever another thread makes of it.
    Tensor now = outsideScopes(tensor.variable_data());
    try {
      long end = (now.storage_offset() + extent) * now.itemsize();
      Memory memory = new Memory(now.data_ptr().address(), end, now.numel());
      if (!memory.isThatOf(now)) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "%s: %s has the shape %s, whose elements end at byte %d of its memory, but that has"
                    + " %d bytes: a resize_ of it failed; make the tensor anew",
                operation,
                argument,
                Arrays.toString(now.shape()),
                end,
                now.storage().nbytes()));
      }
      return new TensorHold(tensor, memory);
    } finally {
      now.deallocate();
    }
  }

  /** Of a tensor without elements, which has no memory. */
  static TensorHold ofEmpty(Tensor tensor) {
    return new TensorHold(tensor, null);
  }

  /** Address of the first element, of a hold of memory. */
  public long address() {
    return Objects.requireNonNull(memory, "a hold of the tensor itself").address;
  }

  /**
   * Checks a tensor that a caller passed and whose elements are needed.
   *
   * @param operation begins the message
   * @param argument its name there
   * @return the tensor
   * @throws NullPointerException if it is null
   * @throws IllegalStateException if it is freed
   * @throws IllegalArgumentException if it is undefined, sparse, quantised, or neither on the CPU
   *     nor on CUDA (a meta tensor)
   */
  public static Tensor require(String operation, String argument, @Nullable Tensor tensor) {
    Objects.requireNonNull(tensor, () -> operation + ": " + argument + " is null");
    synchronized (tensor) { // nobody frees it between the questions
      requireDefined(operation, argument, tensor);
      requireDense(operation, argument, tensor);
    }
    return tensor;
  }

  private static void requireDense(String operation, String argument, Tensor tensor) {
    boolean strided = tensor.layout().intern() == torch.Layout.Strided;
    boolean reachable = tensor.is_cpu() || tensor.is_cuda();
    if (strided && reachable && !tensor.is_quantized()) {
      return;
    }
    String kind = "of quantised elements; call dequantize() first";
    if (!strided) {
      kind = "of layout " + tensor.layout() + "; call to_dense() first";
    } else if (!reachable) {
      kind = "on " + tensor.device().str().getString();
    }
    throw new IllegalArgumentException(
        String.format(
            Locale.ROOT,
            "%s: %s must be a dense tensor on the CPU or a CUDA device, got one %s",
            operation,
            argument,
            kind));
  }

  /**
   * Checks a tensor that a caller passed and that may be of any kind.
   *
   * @param operation begins the message
   * @param argument its name there
   * @return the tensor
   * @throws NullPointerException if it is null
   * @throws IllegalStateException if it is freed
   * @throws IllegalArgumentException if it is undefined
   */
  public static Tensor requireAny(String operation, String argument, @Nullable Tensor tensor) {
    Objects.requireNonNull(tensor, () -> operation + ": " + argument + " is null");
    synchronized (tensor) {
      requireDefined(operation, argument, tensor);
    }
    return tensor;
  }

  private static void requireDefined(String operation, String argument, Tensor tensor) {
    if (tensor.isNull()) {
      throw closed(operation, argument);
    }
    if (!tensor.defined()) {
      throw new IllegalArgumentException(
          operation
              + ": "
              + argument
              + " is an undefined tensor, which has no elements, shape or dtype (new Tensor(), or"
              + " grad() where there is none)");
    }
  }

  /** Checks several tensors that may be of any kind; see {@link #requireAny}. */
  public static void requireAllOfAnyKind(
      String operation, String argument, @Nullable Tensor... tensors) {
    Objects.requireNonNull(tensors, () -> operation + ": " + argument + " is null");
    for (int i = 0; i < tensors.length; i++) {
      requireAny(operation, argument + "[" + i + "]", tensors[i]);
    }
  }

  /** Checks a tensor that a caller may have passed; see {@link #require}. */
  public static void requireIfGiven(String operation, String argument, @Nullable Tensor tensor) {
    if (tensor != null) {
      require(operation, argument, tensor);
    }
  }

  /**
   * Checks the tensors of a collection that a caller passed; see {@link #require}.
   *
   * @param argument their name in messages, where the index follows it in brackets
   */
  public static void requireAll(
      String operation, String argument, @Nullable Iterable<? extends @Nullable Tensor> tensors) {
    Objects.requireNonNull(tensors, () -> operation + ": " + argument + " is null");
    int index = 0;
    for (Tensor tensor : tensors) {
      require(operation, argument + "[" + index + "]", tensor);
      index++;
    }
  }

  /**
   * Checks several tensors that a caller passed.
   *
   * @param argument their name in messages, where the index follows it in brackets
   */
  public static void requireAll(String operation, String argument, @Nullable Tensor... tensors) {
    Objects.requireNonNull(tensors, () -> operation + ": " + argument + " is null");
    for (int i = 0; i < tensors.length; i++) {
      require(operation, argument + "[" + i + "]", tensors[i]);
    }
  }

  /**
   * Checks a tensor of any kind and begins a use of it; {@link #release} must follow.
   *
   * @param operation begins the message
   * @param argument its name there
   */
  public static TensorHold of(String operation, String argument, @Nullable Tensor tensor) {
    TensorHold hold = new TensorHold(requireAny(operation, argument, tensor), null);
    if (!hold.acquire()) {
      throw closed(operation, argument);
    }
    return hold;
  }

  /** Closes a tensor that calls on other threads may be using. */
  public static void close(Tensor tensor) {
    synchronized (tensor) {
      tensor.releaseReference();
    }
  }

  @Override
  public boolean acquire() {
    synchronized (tensor) {
      if (tensor.isNull()) {
        return false;
      }
      if (tensor.referenceCount() == 0) {
        // Made outside every scope: the owner's reference, which close() will give back.
        tensor.retainReference();
      }
      if (uses == 0) {
        keep();
      }
      // In this order: a resize_ that is over after the first question has another address.
      if (memory != null
          && (memory.isResized(tensor) || !memory.isThatOf(uses == 0 ? keeper() : tensor))) {
        letGoIfUnused();
        return false;
      }
      uses++;
      tensor.retainReference();
      return true;
    }
  }

  private void keep() {
    Tensor made = memory == null ? new Tensor(tensor) : tensor.variable_data();
    keeper = outsideScopes(made);
    if (memory != null) {
      storage = made.storage().unsafeGetStorageImpl();
      StorageUses.begin(storage);
    }
  }

  private Tensor keeper() {
    return Objects.requireNonNull(keeper);
  }

  private void letGoIfUnused() {
    if (uses > 0) {
      return;
    }
    if (storage != null) {
      StorageUses.end(storage);
      storage = null;
    }
    keeper().deallocate();
    keeper = null;
  }

  private static Tensor outsideScopes(Tensor made) {
    made.retainReference(); // the holder's, before the thread's scope gives its own back
    if (PointerScope.getInnerScope() instanceof ScopePointers scope) {
      scope.detach(made);
    }
    return made;
  }

  @Override
  public void release() {
    synchronized (tensor) {
      close(tensor);
      uses--;
      letGoIfUnused();
    }
  }

  @Override
  public String whyClosed() {
    return tensor.isNull()
        ? "the tensor's scope has ended, or the tensor was closed"
        : "LibTorch has replaced the tensor's memory since the view was made";
  }

  private static IllegalStateException closed(String operation, String argument) {
    return new IllegalStateException(
        operation
            + ": "
            + argument
            + " is closed: the tensor's scope has ended, or the tensor was closed");
  }
}
