package dev.bevel.kernels;

/** Memory order of feature maps. */
public enum Layout {
  /** {@code [.., C, H, W]}. */
  CHANNELS_FIRST(0),
  /** {@code [.., H, W, C]}. */
  CHANNELS_LAST(1);

  private final int value;

  Layout(int value) {
    this.value = value;
  }

  /** The value in the C ABI. */
  public int value() {
    return value;
  }
}
