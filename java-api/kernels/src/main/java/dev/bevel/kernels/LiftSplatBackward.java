package dev.bevel.kernels;

import dev.bevel.kernels.internal.Layouts;
import dev.bevel.kernels.internal.LiftSplatLayouts;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/**
 * Arguments of {@link LiftSplat#backward(LiftSplatBackward)}; sizes, dtypes and layouts as in
 * {@link LiftSplatForward}.
 */
public final class LiftSplatBackward extends WorkspaceCall<LiftSplatBackward> {
  private static final long PLAN = offset("plan");
  private static final long GRAD_OUT = offset("grad_out");
  private static final long PROBABILITIES = offset("probabilities");
  private static final long CONTEXT = offset("context");
  private static final long PRIOR = offset("prior");
  private static final long PRIOR_WEIGHT = offset("prior_weight");
  private static final long GRAD_DEPTH = offset("grad_depth");
  private static final long GRAD_CONTEXT = offset("grad_context");
  private static final long WORKSPACE = offset("workspace");
  private static final long DEPTH_KIND = offset("depth_kind");
  private static final long CONTEXT_LAYOUT = offset("context_layout");
  private static final long OUT_LAYOUT = offset("out_layout");
  private static final long MAX_POINTS = offset("max_points");
  private static final long PLAN_INFO = offset("plan_info");

  private final LiftSplatPlan plan;
  private final TensorView gradOut;
  private final TensorView probabilities;
  private final TensorView context;
  private @Nullable TensorView prior;
  private @Nullable TensorView priorWeight;
  private @Nullable TensorView gradDepth;
  private @Nullable TensorView gradContext;
  private DepthKind depthKind = DepthKind.LOGITS;
  private Layout contextLayout = Layout.CHANNELS_FIRST;
  private Layout outLayout = Layout.CHANNELS_FIRST;

  /**
   * The arguments that every call has. Ask for a gradient with {@link #gradDepth} or {@link
   * #gradContext}.
   *
   * @param plan the geometry
   * @param gradOut gradient of the map, with the dtype, shape and layout of out
   * @param probabilities [B, N, D, H, W]: the softmax that forward returned, or the probabilities
   *     that forward was given
   * @param context as in forward
   */
  public LiftSplatBackward(
      LiftSplatPlan plan, TensorView gradOut, TensorView probabilities, TensorView context) {
    super("lift_splat_backward");
    this.plan = Given.argument(plan, LiftSplatBackward.class, "plan");
    this.gradOut = Given.argument(gradOut, LiftSplatBackward.class, "gradOut");
    this.probabilities = Given.argument(probabilities, LiftSplatBackward.class, "probabilities");
    this.context = Given.argument(context, LiftSplatBackward.class, "context");
  }

  /**
   * Asks for the gradient of the logits or, by {@link #depthKind}, of the probabilities.
   *
   * @param gradient [B, N, D, H, W], written wholly
   */
  public LiftSplatBackward gradDepth(TensorView gradient) {
    gradDepth = Given.argument(gradient, LiftSplatBackward.class, "gradient");
    return this;
  }

  /**
   * Asks for the gradient of the context.
   *
   * @param gradient as context, written wholly
   */
  public LiftSplatBackward gradContext(TensorView gradient) {
    gradContext = Given.argument(gradient, LiftSplatBackward.class, "gradient");
    return this;
  }

  /**
   * What depth held in forward; logits if not called.
   *
   * @param kind logits or probabilities
   */
  public LiftSplatBackward depthKind(DepthKind kind) {
    depthKind = Given.argument(kind, LiftSplatBackward.class, "kind");
    return this;
  }

  /**
   * Order of context and its gradient; channels first if not called.
   *
   * @param layout the order
   */
  public LiftSplatBackward contextLayout(Layout layout) {
    contextLayout = Given.argument(layout, LiftSplatBackward.class, "layout");
    return this;
  }

  /**
   * Order of the map's gradient; channels first if not called.
   *
   * @param layout the order
   */
  public LiftSplatBackward outLayout(Layout layout) {
    outLayout = Given.argument(layout, LiftSplatBackward.class, "layout");
    return this;
  }

  /**
   * The prior that forward was given; it gets no gradient itself.
   *
   * @param distribution G, [B, N, D, H, W]
   * @param weight f, [B, N, H, W]
   */
  public LiftSplatBackward prior(TensorView distribution, TensorView weight) {
    prior = Given.argument(distribution, LiftSplatBackward.class, "distribution");
    priorWeight = Given.argument(weight, LiftSplatBackward.class, "weight");
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
    long params = params(scratch, LiftSplatLayouts.BACKWARD);
    scratch.setInput(params + PLAN, "plan", plan.memory());
    scratch.setInput(params + GRAD_OUT, "grad_out", gradOut);
    scratch.setInput(params + PROBABILITIES, "probabilities", probabilities);
    scratch.setInput(params + CONTEXT, "context", context);
    scratch.setInput(params + PRIOR, "prior", prior);
    scratch.setInput(params + PRIOR_WEIGHT, "prior_weight", priorWeight);
    scratch.setOutput(params + GRAD_DEPTH, "grad_depth", gradDepth);
    scratch.setOutput(params + GRAD_CONTEXT, "grad_context", gradContext);
    scratch.setOutput(params + WORKSPACE, "workspace", workspace);
    scratch.setInt(params + DEPTH_KIND, depthKind.value());
    scratch.setInt(params + CONTEXT_LAYOUT, contextLayout.value());
    scratch.setInt(params + OUT_LAYOUT, outLayout.value());
    scratch.setLong(params + MAX_POINTS, plan.maxPoints());
    scratch.setLong(params + PLAN_INFO, plan.infoAddress());
    return scratch.address(params);
  }

  private static long offset(String field) {
    return Layouts.offset(LiftSplatLayouts.BACKWARD, field);
  }
}
