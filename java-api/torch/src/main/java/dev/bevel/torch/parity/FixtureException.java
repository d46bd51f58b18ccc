package dev.bevel.torch.parity;

/**
 * A fixture that cannot be used; the message is one sentence that names the file and what is wrong.
 */
public final class FixtureException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  /** A failure with its sentence. */
  public FixtureException(String message) {
    super(message);
  }
}
