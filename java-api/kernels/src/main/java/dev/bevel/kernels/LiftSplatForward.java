package dev.bevel.kernels;

import dev.bevel.kernels.internal.Layouts;
import dev.bevel.kernels.internal.LiftSplatLayouts;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/**
 * Arguments of {@link LiftSplat#forward(LiftSplatForward)}. Sizes: B batch elements of N cameras, D
 * depth bins, H × W feature pixels, C channels, a grid of Z × Y × X cells.
 *
 * <p>dtypes: depth, prior, prior weight and probabilities float32; context and out float32,
 * bfloat16 or float16, independently; sums are float32. On the CPU all of them may be float64
 * instead. Depth and context may have any stride over B and N; within an image they are compact.
 * All stand on the plan's device.
 */
public final class LiftSplatForward extends WorkspaceCall<LiftSplatForward> {
  private static final long PLAN = offset("plan");
  private static final long DEPTH = offset("depth");
  private static final long CONTEXT = offset("context");
  private static final long PRIOR = offset("prior");
  private static final long PRIOR_WEIGHT = offset("prior_weight");
  private static final long OUT = offset("out");
  private static final long PROBABILITIES = offset("probabilities");
  private static final long WORKSPACE = offset("workspace");
  private static final long DEPTH_KIND = offset("depth_kind");
  private static final long CONTEXT_LAYOUT = offset("context_layout");
  private static final long OUT_LAYOUT = offset("out_layout");
  private static final long MAX_POINTS = offset("max_points");
  private static final long PLAN_INFO = offset("plan_info");

  private final LiftSplatPlan plan;
  private final TensorView depth;
  private final TensorView context;
  private final TensorView out;
  private @Nullable TensorView prior;
  private @Nullable TensorView priorWeight;
  private @Nullable TensorView probabilities;
  private DepthKind depthKind = DepthKind.LOGITS;
  private Layout contextLayout = Layout.CHANNELS_FIRST;
  private Layout outLayout = Layout.CHANNELS_FIRST;

  /**
   * The arguments that every call has.
   *
   * @param plan the geometry
   * @param depth [B, N, D, H, W], logits unless {@link #depthKind} says otherwise
   * @param context [B, N, C, H, W], or [B, N, H, W, C] with {@link #contextLayout} CHANNELS_LAST
   * @param out written wholly: [B, Z, C, Y, X] (or [B, Z·C, Y, X]), or [B, Z, Y, X, C] with {@link
   *     #outLayout} CHANNELS_LAST; {@link RowAxis#X} swaps Y and X
   */
  public LiftSplatForward(
      LiftSplatPlan plan, TensorView depth, TensorView context, TensorView out) {
    super("lift_splat_forward");
    this.plan = Given.argument(plan, LiftSplatForward.class, "plan");
    this.depth = Given.argument(depth, LiftSplatForward.class, "depth");
    this.context = Given.argument(context, LiftSplatForward.class, "context");
    this.out = Given.argument(out, LiftSplatForward.class, "out");
  }

  /**
   * What depth holds; logits if not called.
   *
   * @param kind logits or probabilities
   */
  public LiftSplatForward depthKind(DepthKind kind) {
    depthKind = Given.argument(kind, LiftSplatForward.class, "kind");
    return this;
  }

  /**
   * Order of context; channels first if not called.
   *
   * @param layout the order
   */
  public LiftSplatForward contextLayout(Layout layout) {
    contextLayout = Given.argument(layout, LiftSplatForward.class, "layout");
    return this;
  }

  /**
   * Order of out; channels first if not called.
   *
   * @param layout the order
   */
  public LiftSplatForward outLayout(Layout layout) {
    outLayout = Given.argument(layout, LiftSplatForward.class, "layout");
    return this;
  }

  /**
   * Mixes a known depth distribution G into the predicted one P, per pixel: f·G + (1 − f)·P (Huang
   * et al., VCD, arXiv 2310.15670).
   *
   * @param distribution G, [B, N, D, H, W]
   * @param weight f, [B, N, H, W], 0 ≤ f ≤ 1
   */
  public LiftSplatForward prior(TensorView distribution, TensorView weight) {
    prior = Given.argument(distribution, LiftSplatForward.class, "distribution");
    priorWeight = Given.argument(weight, LiftSplatForward.class, "weight");
    return this;
  }

  /**
   * Asks for the softmax of the logits, before the prior; backward needs it.
   *
   * @param softmax [B, N, D, H, W], written wholly
   */
  public LiftSplatForward probabilities(TensorView softmax) {
    probabilities = Given.argument(softmax, LiftSplatForward.class, "softmax");
    return this;
  }

  @Override
  Device device() {
    return plan.device();
  }

  @Override
  Workspace ownWorkspace() {
    return plan.workspace();
  }

  @Override
  long write(Scratch scratch, @Nullable TensorView workspace) {
    long params = params(scratch, LiftSplatLayouts.FORWARD);
    scratch.setInput(params + PLAN, "plan", plan.memory());
    scratch.setInput(params + DEPTH, "depth", depth);
    scratch.setInput(params + CONTEXT, "context", context);
    scratch.setInput(params + PRIOR, "prior", prior);
    scratch.setInput(params + PRIOR_WEIGHT, "prior_weight", priorWeight);
    scratch.setOutput(params + OUT, "out", out);
    scratch.setOutput(params + PROBABILITIES, "probabilities", probabilities);
    scratch.setOutput(params + WORKSPACE, "workspace", workspace);
    scratch.setInt(params + DEPTH_KIND, depthKind.value());
    scratch.setInt(params + CONTEXT_LAYOUT, contextLayout.value());
    scratch.setInt(params + OUT_LAYOUT, outLayout.value());
    scratch.setLong(params + MAX_POINTS, plan.maxPoints());
    scratch.setLong(params + PLAN_INFO, plan.infoAddress());
    return scratch.address(params);
  }

  private static long offset(String field) {
    return Layouts.offset(LiftSplatLayouts.FORWARD, field);
  }
}
