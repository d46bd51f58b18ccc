package dev.bevel.torch.model;

/**
 * A configuration that cannot be used; the message is one sentence that names the file and the key.
 */
public final class ConfigException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  /** A failure with its sentence. */
  public ConfigException(String message) {
    super(message);
  }
}
