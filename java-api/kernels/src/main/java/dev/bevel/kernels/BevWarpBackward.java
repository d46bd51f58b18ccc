package dev.bevel.kernels;

import dev.bevel.kernels.internal.BevWarpLayouts;
import dev.bevel.kernels.internal.Layouts;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/**
 * Arguments of {@link BevWarp#backward(BevWarpBackward)}: ask for one gradient or both. {@link
 * Determinism#FAST} allows atomics on CUDA for a float32 gradient by a grid; all else is strict
 * anyway.
 */
public final class BevWarpBackward extends BackwardCall<BevWarpBackward> {
  private static final long LAYOUT = offset("layout");
  private static final long INTERPOLATION = offset("interpolation");
  private static final long COORDINATES = offset("coordinates");
  private static final long DETERMINISM = offset("determinism");
  private static final long GRAD_OUT = offset("grad_out");
  private static final long INPUT = offset("input");
  private static final long MATRICES = offset("matrices");
  private static final long GRID = offset("grid");
  private static final long GRAD_INPUT = offset("grad_input");
  private static final long GRAD_GRID = offset("grad_grid");
  private static final long WORKSPACE = offset("workspace");

  private final WarpPositions positions;
  private @Nullable TensorView input;
  private @Nullable TensorView gradInput;
  private @Nullable TensorView gradGrid;
  private Layout layout = Layout.CHANNELS_FIRST;

  /**
   * The arguments that every call has.
   *
   * @param gradOut gradient of out
   * @param positions as in forward
   */
  public BevWarpBackward(TensorView gradOut, WarpPositions positions) {
    super("bev_warp_backward", gradOut);
    this.positions = Given.argument(positions, BevWarpBackward.class, "positions");
  }

  /**
   * Asks for the gradient of the input.
   *
   * @param gradient shaped as input, with strides as free as there; written wholly
   */
  public BevWarpBackward gradInput(TensorView gradient) {
    gradInput = Given.argument(gradient, BevWarpBackward.class, "gradient");
    return this;
  }

  /**
   * Asks for the gradient of the grid; zero for {@link Interpolation#NEAREST}.
   *
   * @param map the input of forward, which it depends on
   * @param gradient like the grid, written wholly
   */
  public BevWarpBackward gradGrid(TensorView map, TensorView gradient) {
    input = Given.argument(map, BevWarpBackward.class, "map");
    gradGrid = Given.argument(gradient, BevWarpBackward.class, "gradient");
    return this;
  }

  /**
   * Memory order of all maps.
   *
   * @param order channels first if not called
   */
  public BevWarpBackward layout(Layout order) {
    layout = Given.argument(order, BevWarpBackward.class, "order");
    return this;
  }

  @Override
  long write(Scratch scratch, @Nullable TensorView workspace) {
    long params = params(scratch, BevWarpLayouts.BACKWARD);
    scratch.setInt(params + LAYOUT, layout.value());
    scratch.setInt(params + INTERPOLATION, positions.interpolation().value());
    scratch.setInt(params + COORDINATES, positions.coordinates().value());
    scratch.setInt(params + DETERMINISM, determinism().value());
    scratch.setInput(params + GRAD_OUT, "grad_out", gradOut());
    scratch.setInput(params + INPUT, "input", input);
    if (positions.isGrid()) {
      scratch.setInput(params + GRID, "grid", positions.tensor());
    } else {
      scratch.setInput(params + MATRICES, "matrices", positions.tensor());
    }
    scratch.setOutput(params + GRAD_INPUT, "grad_input", gradInput);
    scratch.setOutput(params + GRAD_GRID, "grad_grid", gradGrid);
    scratch.setOutput(params + WORKSPACE, "workspace", workspace);
    return scratch.address(params);
  }

  private static long offset(String field) {
    return Layouts.offset(BevWarpLayouts.BACKWARD, field);
  }
}
