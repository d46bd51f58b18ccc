package dev.bevel.torch.nn;

import dev.bevel.torch.TensorScope;
import java.util.Objects;
import java.util.function.Supplier;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;

/**
 * Lifetimes of native objects made while modules run.
 *
 * <p>Every tensor that a module makes is owned by the innermost {@link TensorScope} of the thread.
 * A module that makes many intermediate tensors runs inside {@link #tidy}, so that they are freed
 * at once instead of at the end of the caller's scope; what autograd still needs it keeps alive by
 * itself.
 */
public final class Scopes {
  private Scopes() {}

  /**
   * Runs {@code body} in a scope of its own and hands its result over to the scope of the caller,
   * if there is one.
   */
  public static Tensor tidy(Supplier<Tensor> body) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(body.get());
    }
  }

  /** Runs {@code body} in a scope of its own, without recording gradients. */
  @SuppressWarnings("try") // the resources are there to be closed
  public static void withoutGradient(Runnable body) {
    try (TensorScope scope = TensorScope.open();
        NoGradGuard guard = new NoGradGuard()) {
      body.run();
    }
  }

  /**
   * Makes the caller an owner of {@code pointer}: it lives until its {@code close()}, whatever
   * scope it was made in.
   */
  public static <P extends Pointer> P own(P pointer) {
    Objects.requireNonNull(pointer, "Scopes.own: pointer is null");
    if (pointer.isNull()) {
      throw new IllegalStateException("Scopes.own: pointer is closed");
    }
    return pointer.<P>retainReference();
  }
}
