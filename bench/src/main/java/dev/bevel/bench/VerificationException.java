package dev.bevel.bench;

/** A variant's result differs from the reference by more than rounding explains. */
public final class VerificationException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * @param message names the variant, the element, what was expected and what came
   */
  public VerificationException(String message) {
    super(message);
  }
}
