package dev.bevel.kernels.internal;

/** The structs of {@code deform_attn.h}. */
public final class DeformAttnParams {
  /** BEVEL_DEFORM_ATTN_MAX_LEVELS. */
  public static final int MAX_LEVELS = 8;

  /** {@code bevel_msda_forward_params}. */
  public static final MsdaForward MSDA_FORWARD = new MsdaForward();

  /** {@code bevel_msda_backward_params}. */
  public static final MsdaBackward MSDA_BACKWARD = new MsdaBackward();

  /** {@code bevel_deform_attn_forward_params}. */
  public static final Forward FORWARD = new Forward();

  /** {@code bevel_deform_attn_backward_params}. */
  public static final Backward BACKWARD = new Backward();

  private DeformAttnParams() {}

  /** {@code bevel_value_levels}. */
  public static final class Levels extends CStruct {
    public final Int32 count = int32("levels");

    {
      reserved();
    }

    public final Numbers height = int32s("height", MAX_LEVELS);
    public final Numbers width = int32s("width", MAX_LEVELS);
    public final Numbers start = int64s("start", MAX_LEVELS);

    Levels(long start) {
      super("bevel_value_levels", start);
    }
  }

  /** What both passes of Msda read, one after the other in the structs of both. */
  public static final class MsdaInputFields {
    public final TensorField value;
    public final Levels levels;
    public final TensorField locations;
    public final TensorField weights;

    MsdaInputFields(CStruct of) {
      value = of.read("value");
      levels = of.struct("levels", Levels::new);
      locations = of.read("locations");
      weights = of.read("weights");
    }
  }

  /** Msda's forward pass. */
  public static final class MsdaForward extends ParamsStruct {
    public final MsdaInputFields inputs = new MsdaInputFields(this);
    public final TensorField out = written("out");

    private MsdaForward() {
      super("msda_forward");
      threads();
    }
  }

  /** Msda's backward pass. */
  public static final class MsdaBackward extends ParamsStruct {
    public final TensorField gradOut = read("grad_out");
    public final MsdaInputFields inputs = new MsdaInputFields(this);
    public final TensorField gradValue = written("grad_value");
    public final TensorField gradLocations = written("grad_locations");
    public final TensorField gradWeights = written("grad_weights");

    private MsdaBackward() {
      super("msda_backward");
      workspaceField();
      determinism();
      reserved();
      threads();
    }
  }

  /** What both passes of the fused attention read, one after the other in the structs of both. */
  public static final class InputFields {
    public final TensorField value;
    public final Levels levels;
    public final CStruct.Int32 referenceKind;
    public final CStruct.Int32 combination;
    public final TensorField reference;
    public final TensorField offsets;
    public final TensorField logits;
    public final TensorField visible;

    InputFields(CStruct of) {
      value = of.read("value");
      levels = of.struct("levels", Levels::new);
      referenceKind = of.int32("reference_kind");
      combination = of.int32("combination");
      reference = of.read("reference");
      offsets = of.read("offsets");
      logits = of.read("logits");
      visible = of.readMask("visible");
    }
  }

  /** The fused attention's forward pass. */
  public static final class Forward extends ParamsStruct {
    public final InputFields inputs = new InputFields(this);
    public final TensorField out = written("out");

    private Forward() {
      super("deform_attn_forward");
      threads();
    }
  }

  /** The fused attention's backward pass. */
  public static final class Backward extends ParamsStruct {
    public final TensorField gradOut = read("grad_out");
    public final InputFields inputs = new InputFields(this);
    public final TensorField gradValue = written("grad_value");
    public final TensorField gradReference = written("grad_reference");
    public final TensorField gradOffsets = written("grad_offsets");
    public final TensorField gradLogits = written("grad_logits");

    private Backward() {
      super("deform_attn_backward");
      workspaceField();
      determinism();
      reserved();
      threads();
    }
  }
}
