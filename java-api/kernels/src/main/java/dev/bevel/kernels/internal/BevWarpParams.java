package dev.bevel.kernels.internal;

/** The structs of {@code bev_warp.h}. */
public final class BevWarpParams {
  /** {@code bevel_bev_warp_forward_params}. */
  public static final Forward FORWARD = new Forward();

  /** {@code bevel_bev_warp_backward_params}. */
  public static final Backward BACKWARD = new Backward();

  private BevWarpParams() {}

  /** The choices that both passes begin with. */
  public static final class ChoiceFields {
    public final CStruct.Int32 layout;
    public final CStruct.Int32 interpolation;
    public final CStruct.Int32 coordinates;

    ChoiceFields(CStruct of) {
      layout = of.int32("layout");
      interpolation = of.int32("interpolation");
      coordinates = of.int32("coordinates");
    }
  }

  /** The tensors that both passes read, one after the other in the structs of both. */
  public static final class InputFields {
    public final TensorField input;
    public final TensorField matrices;
    public final TensorField grid;

    InputFields(CStruct of) {
      input = of.read("input");
      matrices = of.read("matrices");
      grid = of.read("grid");
    }
  }

  /** The forward pass. */
  public static final class Forward extends ParamsStruct {
    public final ChoiceFields choices = new ChoiceFields(this);

    {
      reserved();
    }

    public final InputFields inputs = new InputFields(this);
    public final TensorField out = written("out");

    private Forward() {
      super("bev_warp_forward");
      threads();
    }
  }

  /** The backward pass. */
  public static final class Backward extends ParamsStruct {
    public final ChoiceFields choices = new ChoiceFields(this);

    {
      determinism();
    }

    public final TensorField gradOut = read("grad_out");
    public final InputFields inputs = new InputFields(this);
    public final TensorField gradInput = written("grad_input");
    public final TensorField gradGrid = written("grad_grid");

    private Backward() {
      super("bev_warp_backward");
      workspaceField();
      threads();
    }
  }
}
