package dev.bevel.kernels;

import dev.bevel.kernels.internal.BevWarpParams;
import dev.bevel.kernels.internal.Scratch;
import java.util.Arrays;
import java.util.Locale;

/**
 * What {@link BevWarp} reads in both passes, and how maps are laid out.
 *
 * <p>Immutable.
 */
public final class BevWarpInputs {
  private final TensorView input;
  private final WarpPositions positions;
  private final Layout layout;

  /**
   * The inputs, channels first.
   *
   * @param input [B, T, C, H, W]. The backward pass reads it only for the gradient of a grid; where
   *     that is not wanted its shape, dtype and device are all that counts
   * @param positions where the output reads it
   */
  public BevWarpInputs(TensorView input, WarpPositions positions) {
    this(input, positions, Layout.CHANNELS_FIRST);
  }

  private BevWarpInputs(TensorView input, WarpPositions positions, Layout layout) {
    this.input = Given.argument(input, BevWarpInputs.class, "input");
    this.positions = Given.argument(positions, BevWarpInputs.class, "positions");
    this.layout = layout;
  }

  /**
   * These inputs in another memory order.
   *
   * @param order of all maps of the call: input, out and their gradients
   */
  public BevWarpInputs withLayout(Layout order) {
    return new BevWarpInputs(input, positions, Given.argument(order, BevWarpInputs.class, "order"));
  }

  /** The maps. */
  public TensorView input() {
    return input;
  }

  /** Where they are read. */
  public WarpPositions positions() {
    return positions;
  }

  /** Memory order of all maps. */
  public Layout layout() {
    return layout;
  }

  long[] outShape() {
    long[] shape = input.shape();
    if (shape.length != 4 && shape.length != 5) {
      String order = layout == Layout.CHANNELS_FIRST ? "C, H, W]" : "H, W, C]";
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          String.format(
              Locale.ROOT,
              "bev_warp: input must be [T, %s or [B, T, %s, got %s",
              order,
              order,
              Arrays.toString(shape)));
    }
    if (positions.isGrid()) {
      TensorView grid = positions.tensor();
      OperatorFrame.requireRank(
          "bev_warp", "grid", grid, shape.length, "[B, T, H', W', 2], B as in input");
      int rows = shape.length - (layout == Layout.CHANNELS_FIRST ? 2 : 3);
      shape[rows] = grid.size(shape.length - 3);
      shape[rows + 1] = grid.size(shape.length - 2);
    }
    return shape;
  }

  /**
   * Refuses a map of another size than the grid's. The C library takes the size from the map, and
   * would name the grid.
   *
   * @param argument the map's name
   */
  void requireSizeOfGrid(String operator, String argument, TensorView map) {
    TensorView grid = positions.tensor();
    int rank = grid.rank();
    // Of other ranks the C library says what is wrong.
    if (positions.isGrid() && rank >= 4 && map.rank() == rank) {
      int rows = rank - (layout == Layout.CHANNELS_FIRST ? 2 : 3);
      if (map.size(rows) != grid.size(rank - 3) || map.size(rows + 1) != grid.size(rank - 2)) {
        throw new BevelException(
            Status.INVALID_ARGUMENT,
            String.format(
                Locale.ROOT,
                "%s: %s must have %d × %d pixels to match grid, got %s",
                operator,
                argument,
                grid.size(rank - 3),
                grid.size(rank - 2),
                Arrays.toString(map.shape())));
      }
    }
  }

  void writeForward(Scratch call) {
    writeChoices(call, BevWarpParams.FORWARD.choices);
    BevWarpParams.FORWARD.inputs.input.set(call, input);
    writePositions(call, BevWarpParams.FORWARD.inputs);
  }

  void writeBackward(Scratch call, boolean withInput) {
    writeChoices(call, BevWarpParams.BACKWARD.choices);
    if (withInput) {
      BevWarpParams.BACKWARD.inputs.input.set(call, input);
    }
    writePositions(call, BevWarpParams.BACKWARD.inputs);
  }

  private void writeChoices(Scratch call, BevWarpParams.ChoiceFields fields) {
    fields.layout.set(call, layout.value());
    fields.interpolation.set(call, positions.interpolation().value());
    fields.coordinates.set(call, positions.coordinates().value());
  }

  private void writePositions(Scratch call, BevWarpParams.InputFields fields) {
    if (positions.isGrid()) {
      fields.grid.set(call, positions.tensor());
    } else {
      fields.matrices.set(call, positions.tensor());
    }
  }

  /** Its parts, those that are given, by name. */
  @Override
  public String toString() {
    return Described.as(
        BevWarpInputs.class, "input", input, "positions", positions, "layout", layout);
  }
}
