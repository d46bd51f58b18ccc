package dev.bevel.torch.train;

/** A training that cannot go on; the message is one sentence. */
public final class TrainingException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** A failure with its sentence. */
  public TrainingException(String message) {
    super(message);
  }
}
