package dev.bevel.kernels.internal;

/** The structs of {@code lift_splat.h}. */
public final class LiftSplatParams {
  /** {@code bevel_lift_splat_geometry}, in no other struct. */
  public static final GeometryStruct GEOMETRY = new GeometryStruct(0);

  /** {@code bevel_lift_splat_plan_info}. */
  public static final PlanInfo PLAN_INFO = new PlanInfo();

  /** {@code bevel_lift_splat_plan_params}. */
  public static final Plan PLAN = new Plan();

  /** {@code bevel_lift_splat_forward_params}. */
  public static final Forward FORWARD = new Forward();

  /** {@code bevel_lift_splat_backward_params}. */
  public static final Backward BACKWARD = new Backward();

  private LiftSplatParams() {}

  /** {@code bevel_lift_splat_plan_info}. */
  public static final class PlanInfo extends CStruct {
    public final Int64 structSize = int64("struct_size");
    public final Int32 method = int32("method");
    public final Int32 overflow = int32("overflow");
    public final Int64 points = int64("points");
    public final Int64 runs = int64("runs");
    public final Int64 rows = int64("rows");
    public final Int64 sharedRows = int64("shared_rows");
    public final Int64 sharedCells = int64("shared_cells");
    public final Int64 filledCells = int64("filled_cells");

    private PlanInfo() {
      super("bevel_lift_splat_plan_info", 0);
    }
  }

  /** Building of a plan. */
  public static final class Plan extends ParamsStruct {
    public final GeometryStruct geometry = struct("geometry", GeometryStruct::new);
    public final Int32 method = int32("method");

    {
      reserved();
    }

    public final Int64 maxPoints = int64("max_points");
    public final TensorField plan = written("plan");

    private Plan() {
      super("bevel_lift_splat_plan_params", "lift_splat_plan_build");
      workspaceField();
      threads();
    }
  }

  /** How depth, context and map are laid out, and the plan's numbers: the end of both passes. */
  public static final class KindFields {
    public final CStruct.Int32 depthKind;
    public final CStruct.Int32 contextLayout;
    public final CStruct.Int32 outLayout;
    public final CStruct.Int64 maxPoints;
    public final CStruct.Int64 planInfo;

    KindFields(CStruct of) {
      depthKind = of.int32("depth_kind");
      contextLayout = of.int32("context_layout");
      outLayout = of.int32("out_layout");
      of.reserved();
      maxPoints = of.int64("max_points");
      planInfo = of.int64("plan_info");
    }
  }

  /** The forward pass. */
  public static final class Forward extends ParamsStruct {
    public final TensorField plan = read("plan");
    public final TensorField depth = read("depth");
    public final TensorField context = read("context");
    public final TensorField prior = read("prior");
    public final TensorField priorWeight = read("prior_weight");
    public final TensorField out = written("out");
    public final TensorField probabilities = written("probabilities");

    {
      workspaceField();
    }

    public final KindFields kinds = new KindFields(this);

    private Forward() {
      super("lift_splat_forward");
      threads();
    }
  }

  /** The backward pass. */
  public static final class Backward extends ParamsStruct {
    public final TensorField plan = read("plan");
    public final TensorField gradOut = read("grad_out");
    public final TensorField probabilities = read("probabilities");
    public final TensorField context = read("context");
    public final TensorField prior = read("prior");
    public final TensorField priorWeight = read("prior_weight");
    public final TensorField gradDepth = written("grad_depth");
    public final TensorField gradContext = written("grad_context");

    {
      workspaceField();
    }

    public final KindFields kinds = new KindFields(this);

    private Backward() {
      super("lift_splat_backward");
      threads();
    }
  }
}
