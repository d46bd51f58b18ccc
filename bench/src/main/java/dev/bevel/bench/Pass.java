package dev.bevel.bench;

/** Which part of an operator's work is timed. */
public enum Pass {
  /** The result from the inputs. */
  FORWARD("forward"),
  /** The gradients of the inputs from the gradient of the result. */
  BACKWARD("backward"),
  /** Both, one after the other. */
  FORWARD_BACKWARD("forward+backward");

  private final String label;

  Pass(String label) {
    this.label = label;
  }

  /** The name in tables and files. */
  @Override
  public String toString() {
    return label;
  }
}
