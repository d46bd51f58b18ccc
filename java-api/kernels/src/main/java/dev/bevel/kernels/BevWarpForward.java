package dev.bevel.kernels;

import dev.bevel.kernels.internal.BevWarpLayouts;
import dev.bevel.kernels.internal.Layouts;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/** Arguments of {@link BevWarp#forward(BevWarpForward)}. */
public final class BevWarpForward extends OperatorCall<BevWarpForward> {
  private static final long LAYOUT = offset("layout");
  private static final long INTERPOLATION = offset("interpolation");
  private static final long COORDINATES = offset("coordinates");
  private static final long INPUT = offset("input");
  private static final long MATRICES = offset("matrices");
  private static final long GRID = offset("grid");
  private static final long OUT = offset("out");

  private final TensorView input;
  private final WarpPositions positions;
  private final TensorView out;
  private Layout layout = Layout.CHANNELS_FIRST;

  /**
   * The arguments that every call has.
   *
   * @param input [B, T, C, H, W]
   * @param positions where the output reads it
   * @param out [B, T, C, H', W'], written wholly
   */
  public BevWarpForward(TensorView input, WarpPositions positions, TensorView out) {
    super("bev_warp_forward");
    this.input = Given.argument(input, BevWarpForward.class, "input");
    this.positions = Given.argument(positions, BevWarpForward.class, "positions");
    this.out = Given.argument(out, BevWarpForward.class, "out");
  }

  /**
   * Memory order of both maps.
   *
   * @param order channels first if not called
   */
  public BevWarpForward layout(Layout order) {
    layout = Given.argument(order, BevWarpForward.class, "order");
    return this;
  }

  @Override
  long write(Scratch scratch, @Nullable TensorView workspace) {
    long params = params(scratch, BevWarpLayouts.FORWARD);
    scratch.setInt(params + LAYOUT, layout.value());
    scratch.setInt(params + INTERPOLATION, positions.interpolation().value());
    scratch.setInt(params + COORDINATES, positions.coordinates().value());
    scratch.setInput(params + INPUT, "input", input);
    if (positions.isGrid()) {
      scratch.setInput(params + GRID, "grid", positions.tensor());
    } else {
      scratch.setInput(params + MATRICES, "matrices", positions.tensor());
    }
    scratch.setOutput(params + OUT, "out", out);
    return scratch.address(params);
  }

  private static long offset(String field) {
    return Layouts.offset(BevWarpLayouts.FORWARD, field);
  }
}
