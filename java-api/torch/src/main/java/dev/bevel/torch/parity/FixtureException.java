package dev.bevel.torch.parity;

import dev.bevel.nuscenes.Printable;

/**
 * A fixture that cannot be used; the message is one sentence that names the file and what is wrong.
 */
public final class FixtureException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  /** What a file says is quoted in messages; a hostile one may say megabytes, or line feeds. */
  private static final int MAX_LENGTH = 2000;

  /** A failure with its sentence. */
  public FixtureException(String message) {
    super(Printable.of(message, MAX_LENGTH));
  }
}
