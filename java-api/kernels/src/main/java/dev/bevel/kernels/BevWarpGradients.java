package dev.bevel.kernels;

import dev.bevel.kernels.internal.BevWarpParams;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/**
 * Which gradients {@link BevWarp}'s backward pass is to write, and where: one or both. Each is
 * written wholly.
 *
 * <p>Immutable.
 */
public final class BevWarpGradients {
  private static final BevWarpGradients NONE = new BevWarpGradients(null, null);

  private final @Nullable TensorView input;
  private final @Nullable TensorView grid;

  private BevWarpGradients(@Nullable TensorView input, @Nullable TensorView grid) {
    this.input = input;
    this.grid = grid;
  }

  /** No gradient: what requests begin with. */
  public static BevWarpGradients none() {
    return NONE;
  }

  /**
   * These and that of the input.
   *
   * @param gradient shaped as input, with strides as free as there; null: not wanted
   */
  public BevWarpGradients withInput(@Nullable TensorView gradient) {
    return new BevWarpGradients(gradient, grid);
  }

  /**
   * These and that of the grid; zero for {@link Interpolation#NEAREST}.
   *
   * @param gradient like the grid, compact; null: not wanted
   */
  public BevWarpGradients withGrid(@Nullable TensorView gradient) {
    return new BevWarpGradients(input, gradient);
  }

  boolean any() {
    return input != null || grid != null;
  }

  boolean hasGrid() {
    return grid != null;
  }

  void write(Scratch call) {
    BevWarpParams.BACKWARD.gradInput.set(call, input);
    BevWarpParams.BACKWARD.gradGrid.set(call, grid);
  }

  /** Its parts, those that are given, by name. */
  @Override
  public String toString() {
    return Described.as(BevWarpGradients.class, "input", input, "grid", grid);
  }
}
