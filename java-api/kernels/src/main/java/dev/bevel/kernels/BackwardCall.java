package dev.bevel.kernels;

/**
 * Arguments of a backward pass in which one gradient, that of what is sampled, adds up over many
 * outputs.
 *
 * @param <C> the class itself
 */
public abstract class BackwardCall<C extends BackwardCall<C>> extends WorkspaceCall<C> {
  private final TensorView gradOut;
  private Determinism determinism = Determinism.STRICT;

  BackwardCall(String operator, TensorView gradOut) {
    super(operator);
    this.gradOut = Given.argument(gradOut, getClass(), "gradOut");
  }

  /**
   * How the gradient of what is sampled (value maps, features, input) is added up; strictly if not
   * called. The other gradients are always strict.
   *
   * @param choice the order of additions
   */
  public final C determinism(Determinism choice) {
    determinism = Given.argument(choice, getClass(), "choice");
    return self();
  }

  final TensorView gradOut() {
    return gradOut;
  }

  final Determinism determinism() {
    return determinism;
  }

  @Override
  final Device device() {
    return gradOut.device();
  }
}
