package dev.bevel.torch;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Owns every tensor (and any other native object of LibTorch) that its thread makes while it is
 * open, and frees them at {@link #close()}. A training step, an evaluation of one batch, a decode:
 * each is one scope.
 *
 * <pre>{@code
 * try (TensorScope step = TensorScope.open()) {
 *   Tensor loss = model.forward(batch);
 *   Autograd.backward(loss);
 *   optimizer.step();
 *   mean += loss.item_float();
 * }
 * }</pre>
 *
 * <p>Scopes nest. Only the thread that opened a scope may use and close it, and the inner one is
 * closed first. Without a scope tensors would live until the garbage collector, which knows nothing
 * of their size, comes by; so Bevel's operators refuse to run outside one ({@link #require}).
 *
 * <p>A tensor of a scope may be passed to Bevel on another thread. A call that is running when the
 * scope closes keeps the tensor until it ends; a later one throws {@link IllegalStateException}.
 *
 * <p>A tensor that is to outlive the scope is handed on by {@link #keep}. In-place methods of
 * {@link Tensor} return the very object they were called on: never close their result separately.
 */
public final class TensorScope implements AutoCloseable {
  private static final ThreadLocal<@Nullable TensorScope> CURRENT = new ThreadLocal<>();

  private final @Nullable TensorScope parent;
  private final Thread thread = Thread.currentThread();
  private final ScopePointers pointers = new ScopePointers();
  private final Deque<AutoCloseable> resources = new ArrayDeque<>();
  private boolean keptHistory;
  private boolean closed;

  private TensorScope(@Nullable TensorScope parent) {
    this.parent = parent;
  }

  /** Opens a scope on this thread, inside the one that is open, if any. */
  public static TensorScope open() {
    Torch.initialize();
    TensorScope scope = new TensorScope(CURRENT.get());
    CURRENT.set(scope);
    return scope;
  }

  /** The innermost open scope of this thread, or null. */
  public static @Nullable TensorScope current() {
    return CURRENT.get();
  }

  /**
   * The innermost open scope of this thread.
   *
   * @param operation who needs it, for the message
   * @throws IllegalStateException if none is open
   */
  public static TensorScope require(String operation) {
    TensorScope scope = CURRENT.get();
    if (scope == null) {
      throw new IllegalStateException(
          operation
              + ": no TensorScope is open on thread '"
              + Thread.currentThread().getName()
              + "', its tensors would leak; wrap the step in try (TensorScope scope ="
              + " TensorScope.open()) { ... }");
    }
    return scope;
  }

  /**
   * Hands a tensor of this scope to the enclosing scope, or, where there is none, to the caller,
   * who then closes it. If the tensor has an autograd history, what this scope {@linkplain #own
   * owns} goes along, for a later backward pass needs it. A tensor made outside every scope is left
   * as it is.
   *
   * @return the tensor
   */
  public Tensor keep(Tensor tensor) {
    checkUsable("keep");
    TensorHold.requireAny("TensorScope.keep", "tensor", tensor);
    boolean history = tensor.requires_grad();
    if (history && parent == null && !resources.isEmpty()) {
      throw new IllegalStateException(
          "TensorScope.keep: the tensor has an autograd history with Bevel functions, which ends"
              + " with the outermost scope; call detach() first, or open a scope around this one");
    }
    boolean scoped = tensor.referenceCount() > 0;
    if (scoped && parent != null) {
      parent.pointers.attach(tensor);
    } else if (scoped) {
      tensor.retainReference();
    }
    keptHistory |= history;
    return tensor;
  }

  /**
   * Makes the scope close a resource, after its tensors' last use and in reverse order.
   *
   * @return the resource
   */
  public <R extends AutoCloseable> R own(R resource) {
    checkUsable("own");
    resources.push(Objects.requireNonNull(resource, "TensorScope.own: resource is null"));
    return resource;
  }

  /** Frees everything the scope owns. Closing twice does nothing. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    checkUsable("close");
    closed = true;
    CURRENT.set(parent);
    if (parent == null) {
      CURRENT.remove();
    }
    try {
      releaseResources();
    } finally {
      pointers.close();
    }
  }

  private void releaseResources() {
    if (keptHistory && parent != null) {
      resources.descendingIterator().forEachRemaining(parent.resources::push);
      return;
    }
    IllegalStateException failure = null;
    for (AutoCloseable resource : resources) {
      try {
        resource.close();
      } catch (Exception e) {
        if (failure == null) {
          failure =
              new IllegalStateException("TensorScope.close: a resource could not be closed", e);
        } else {
          failure.addSuppressed(e);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  private void checkUsable(String operation) {
    if (!thread.equals(Thread.currentThread())) {
      throw new IllegalStateException(
          String.format(
              Locale.ROOT,
              "TensorScope.%s: the scope belongs to thread '%s', called from '%s'",
              operation,
              thread.getName(),
              Thread.currentThread().getName()));
    }
    if (closed || CURRENT.get() != this) {
      throw new IllegalStateException(
          String.format(
              Locale.ROOT,
              "TensorScope.%s: the scope %s",
              operation,
              closed ? "is closed" : "has an open scope inside it, which must be closed first"));
    }
  }
}
