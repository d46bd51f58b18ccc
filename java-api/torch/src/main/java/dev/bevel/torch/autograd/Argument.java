package dev.bevel.torch.autograd;

import dev.bevel.torch.TensorHold;
import java.util.Arrays;
import java.util.Locale;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link KernelFunction} takes in one place.
 *
 * @param name in messages
 * @param role which dtype it comes to the kernel with
 * @param like the place of the argument whose dtype it takes, for {@link Role#LIKE}
 * @param optional whether it may be absent
 * @param differentiable whether a gradient may flow to it
 * @param rank dimensions that it must have; 0: the kernel says what is wrong with it
 * @param shape those dimensions in words
 */
record Argument(
    String name,
    Role role,
    int like,
    boolean optional,
    boolean differentiable,
    int rank,
    String shape) {
  /** Which dtype an argument comes to the kernel with. */
  enum Role {
    /** As it is: Float, BFloat16 or Half. If it is Double, the whole call is. */
    STORED,
    /** Float, cast if need be. If it is Double, the whole call is. */
    REAL,
    /** Float, or Double where the call is; on the device of the function's first argument. */
    FOLLOWING,
    /** That of another argument. */
    LIKE,
    /** Byte. */
    FLAGS
  }

  static Argument stored(String name) {
    return of(name, Role.STORED);
  }

  static Argument real(String name) {
    return of(name, Role.REAL);
  }

  static Argument following(String name) {
    return of(name, Role.FOLLOWING);
  }

  static Argument flags(String name) {
    return of(name, Role.FLAGS).withoutGradient();
  }

  static Argument like(String name, int place) {
    return new Argument(name, Role.LIKE, place, false, true, 0, "");
  }

  private static Argument of(String name, Role role) {
    return new Argument(name, role, 0, false, true, 0, "");
  }

  /** The same, where it may be absent. */
  Argument orNone() {
    return new Argument(name, role, like, true, differentiable, rank, shape);
  }

  /** The same, which gets no gradient: a tensor that requires one is refused. */
  Argument withoutGradient() {
    return new Argument(name, role, like, optional, false, rank, shape);
  }

  /** The same with a number of dimensions; {@code words} names them. */
  Argument ofRank(int dimensions, String words) {
    return new Argument(name, role, like, optional, differentiable, dimensions, words);
  }

  /** Refuses what cannot be this argument. */
  void require(String function, @Nullable Tensor given) {
    requireGiven(function, given);
    requireFitting(function, given);
  }

  /** Refuses null, closed and undefined tensors, and those that no kernel takes. */
  void requireGiven(String function, @Nullable Tensor given) {
    if (optional) {
      TensorHold.requireIfGiven(function, name, given);
    } else {
      TensorHold.require(function, name, given);
    }
  }

  /** Refuses another rank, and a tensor that waits for a gradient which will not come. */
  void requireFitting(String function, @Nullable Tensor given) {
    if (given == null) {
      return;
    }
    if (rank > 0 && given.dim() != rank) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s: %s must be %s, got %s",
              function,
              name,
              shape,
              Arrays.toString(given.shape())));
    }
    if (!differentiable && given.requires_grad()) {
      throw withoutGradientFault(function);
    }
  }

  IllegalArgumentException withoutGradientFault(String function) {
    return new IllegalArgumentException(
        function + ": no gradient flows to " + name + "; pass a detached tensor");
  }

  @Override
  public String toString() {
    return optional ? name + " (or null)" : name;
  }
}
