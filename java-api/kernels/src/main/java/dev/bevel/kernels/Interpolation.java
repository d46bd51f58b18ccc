package dev.bevel.kernels;

/** What is read between pixels. */
public enum Interpolation {
  /** The mean of the four neighbours, weighed by how near they are. */
  BILINEAR(0),
  /** The nearest pixel; halfway between two, the one with the even index. */
  NEAREST(1);

  private final int value;

  Interpolation(int value) {
    this.value = value;
  }

  /** The value in the C ABI. */
  public int value() {
    return value;
  }
}
