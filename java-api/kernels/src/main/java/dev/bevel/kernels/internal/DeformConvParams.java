package dev.bevel.kernels.internal;

/** The structs of {@code deform_conv.h}. */
public final class DeformConvParams {
  /** {@code bevel_deform_conv_forward_params}. */
  public static final Forward FORWARD = new Forward();

  /** {@code bevel_deform_conv_backward_params}. */
  public static final Backward BACKWARD = new Backward();

  private DeformConvParams() {}

  /** {@code bevel_deform_conv_settings}. */
  public static final class Settings extends CStruct {
    public final Numbers stride = int32s("stride", 2);
    public final Numbers padding = int32s("padding", 2);
    public final Numbers dilation = int32s("dilation", 2);
    public final Int32 groups = int32("groups");
    public final Int32 deformGroups = int32("deform_groups");

    Settings(long start) {
      super("bevel_deform_conv_settings", start);
    }
  }

  /** The tensors that both passes read, one after the other in the structs of both. */
  public static final class InputFields {
    public final TensorField input;
    public final TensorField offset;
    public final TensorField mask;
    public final TensorField weight;

    InputFields(CStruct of) {
      input = of.read("input");
      offset = of.read("offset");
      mask = of.read("mask");
      weight = of.read("weight");
    }
  }

  /** The forward pass. */
  public static final class Forward extends ParamsStruct {
    public final InputFields inputs = new InputFields(this);
    public final TensorField bias = read("bias");
    public final TensorField out = written("out");

    {
      workspaceField();
    }

    public final Settings settings = struct("settings", Settings::new);

    private Forward() {
      super("deform_conv_forward");
      threads();
    }
  }

  /** The backward pass. */
  public static final class Backward extends ParamsStruct {
    public final TensorField gradOut = read("grad_out");
    public final InputFields inputs = new InputFields(this);
    public final TensorField gradInput = written("grad_input");
    public final TensorField gradOffset = written("grad_offset");
    public final TensorField gradMask = written("grad_mask");
    public final TensorField gradWeight = written("grad_weight");
    public final TensorField gradBias = written("grad_bias");

    {
      workspaceField();
    }

    public final Settings settings = struct("settings", Settings::new);

    private Backward() {
      super("deform_conv_backward");
      determinism();
      reserved();
      threads();
    }
  }
}
