package dev.bevel.kernels;

/** Which reference a sample of {@link DeformAttn} starts from. */
public enum ReferenceKind {
  /**
   * Reference l is that of level l; there are as many as levels: Deformable DETR, temporal
   * self-attention.
   */
  OF_LEVEL(0),
  /**
   * Point p takes reference p mod R of R: the anchors along a pillar in BEVFormer's spatial
   * cross-attention.
   */
  OF_POINT(1);

  private final int value;

  ReferenceKind(int value) {
    this.value = value;
  }

  /** The value in the C ABI. */
  public int value() {
    return value;
  }
}
