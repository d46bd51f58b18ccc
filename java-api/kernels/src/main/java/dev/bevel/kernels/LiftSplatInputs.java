package dev.bevel.kernels;

import dev.bevel.kernels.internal.LiftSplatParams;
import dev.bevel.kernels.internal.Scratch;
import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What {@link LiftSplat} reads in both passes, and how maps are laid out. Sizes: B batch elements
 * of N cameras, D depth bins, H × W feature pixels, C channels, a grid of Z × Y × X cells.
 *
 * <p>dtypes: depth, prior, prior weight and probabilities float32; context and out float32,
 * bfloat16 or float16, independently; sums are float32. On the CPU all of them may be float64
 * instead. Depth and context may have any stride over B and N; within an image they are compact.
 * All stand on the plan's device.
 *
 * <p>Immutable.
 */
public final class LiftSplatInputs {
  private final LiftSplatPlan plan;
  private final TensorView depth;
  private final TensorView context;
  private final @Nullable TensorView prior;
  private final @Nullable TensorView priorWeight;
  private final @Nullable TensorView probabilities;
  private final DepthKind depthKind;
  private final Layout contextLayout;
  private final Layout outLayout;

  /**
   * The inputs: depth logits, channels first, no prior.
   *
   * @param plan the geometry
   * @param depth [B, N, D, H, W], logits unless {@link #withDepthKind} says otherwise. The backward
   *     pass does not read logits; where they are not kept, pass the probabilities here too
   * @param context [B, N, C, H, W], or [B, N, H, W, C] with {@link #withContextLayout}
   *     CHANNELS_LAST
   */
  public LiftSplatInputs(LiftSplatPlan plan, TensorView depth, TensorView context) {
    this(
        Given.argument(plan, LiftSplatInputs.class, "plan"),
        Given.argument(depth, LiftSplatInputs.class, "depth"),
        Given.argument(context, LiftSplatInputs.class, "context"),
        null,
        null,
        null,
        DepthKind.LOGITS,
        Layout.CHANNELS_FIRST,
        Layout.CHANNELS_FIRST);
  }

  private LiftSplatInputs(
      LiftSplatPlan plan,
      TensorView depth,
      TensorView context,
      @Nullable TensorView prior,
      @Nullable TensorView priorWeight,
      @Nullable TensorView probabilities,
      DepthKind depthKind,
      Layout contextLayout,
      Layout outLayout) {
    this.plan = plan;
    this.depth = depth;
    this.context = context;
    this.prior = prior;
    this.priorWeight = priorWeight;
    this.probabilities = probabilities;
    this.depthKind = depthKind;
    this.contextLayout = contextLayout;
    this.outLayout = outLayout;
  }

  /**
   * These inputs with a known depth distribution G mixed into the predicted one P, per pixel: f·G +
   * (1 − f)·P (Huang et al., VCD, arXiv 2310.15670). It gets no gradient itself.
   *
   * @param distribution G, [B, N, D, H, W]; null: none
   * @param weight f, [B, N, H, W], 0 ≤ f ≤ 1; null where distribution is
   */
  public LiftSplatInputs withPrior(@Nullable TensorView distribution, @Nullable TensorView weight) {
    return new LiftSplatInputs(
        plan,
        depth,
        context,
        distribution,
        weight,
        probabilities,
        depthKind,
        contextLayout,
        outLayout);
  }

  /**
   * These inputs with what the backward pass reads in place of logits.
   *
   * @param softmax [B, N, D, H, W], the softmax that forward returned ({@link
   *     LiftSplatOutputs#withProbabilities}); null: none, which serves where depth are
   *     probabilities
   */
  public LiftSplatInputs withProbabilities(@Nullable TensorView softmax) {
    return new LiftSplatInputs(
        plan, depth, context, prior, priorWeight, softmax, depthKind, contextLayout, outLayout);
  }

  /**
   * These inputs with another meaning of depth.
   *
   * @param kind logits or probabilities
   */
  public LiftSplatInputs withDepthKind(DepthKind kind) {
    Given.argument(kind, LiftSplatInputs.class, "kind");
    return with(kind, contextLayout, outLayout);
  }

  /**
   * These inputs with another order of context and its gradient.
   *
   * @param order the order
   */
  public LiftSplatInputs withContextLayout(Layout order) {
    Given.argument(order, LiftSplatInputs.class, "order");
    return with(depthKind, order, outLayout);
  }

  /**
   * These inputs with another order of out and its gradient.
   *
   * @param order the order
   */
  public LiftSplatInputs withOutLayout(Layout order) {
    Given.argument(order, LiftSplatInputs.class, "order");
    return with(depthKind, contextLayout, order);
  }

  private LiftSplatInputs with(DepthKind kind, Layout orderOfContext, Layout orderOfOut) {
    return new LiftSplatInputs(
        plan, depth, context, prior, priorWeight, probabilities, kind, orderOfContext, orderOfOut);
  }

  /** The geometry. */
  public LiftSplatPlan plan() {
    return plan;
  }

  /** Logits or probabilities. */
  public TensorView depth() {
    return depth;
  }

  /** The features. */
  public TensorView context() {
    return context;
  }

  long[] outShape() {
    boolean first = contextLayout == Layout.CHANNELS_FIRST;
    OperatorFrame.requireRank(
        "lift_splat", "context", context, 5, first ? "[B, N, C, H, W]" : "[B, N, H, W, C]");
    return plan.outShape(context.size(first ? 2 : 4), outLayout);
  }

  /**
   * Refuses a map of another size than the plan's. The C library takes the plan's sizes from the
   * tensors, and would name the plan.
   *
   * @param argument the map's name
   */
  void requireMapOfPlan(String operator, String argument, TensorView map) {
    boolean first = outLayout == Layout.CHANNELS_FIRST;
    int rank = map.rank();
    // Of other ranks the C library says what is wrong.
    if (context.rank() == 5 && (rank == 5 || (rank == 4 && first))) {
      int rows = rank - (first ? 2 : 3);
      BevGrid grid = plan.grid();
      if (map.size(0) != plan.batch()
          || map.size(rows) != grid.rows()
          || map.size(rows + 1) != grid.columns()) {
        throw new BevelException(
            Status.INVALID_ARGUMENT,
            String.format(
                Locale.ROOT,
                "%s: %s must be %s to match plan and context, got %s",
                operator,
                argument,
                Arrays.toString(outShape()),
                Arrays.toString(map.shape())));
      }
    }
  }

  /**
   * Refuses a distribution over depths of another shape than the plan's, for the same reason.
   *
   * @param argument its name
   */
  void requireDepthOfPlan(String operator, String argument, TensorView view) {
    if (!plan.hasDepthShape(view)) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          String.format(
              Locale.ROOT,
              "%s: %s must be %s to match the plan, got %s",
              operator,
              argument,
              Arrays.toString(plan.depthShape()),
              Arrays.toString(view.shape())));
    }
  }

  /** The C library would name the context alone, which may be the one that is as wanted. */
  private void requireWidthOfContext(String operator, String argument, TensorView view) {
    if ((view.dtype() == DType.FLOAT64) != (context.dtype() == DType.FLOAT64)) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          String.format(
              Locale.ROOT,
              "%s: %s and context must both be float64 or neither, got %s and %s",
              operator,
              argument,
              view.dtype().name().toLowerCase(Locale.ROOT),
              context.dtype().name().toLowerCase(Locale.ROOT)));
    }
  }

  void writeForward(Scratch call) {
    LiftSplatParams.Forward fields = LiftSplatParams.FORWARD;
    requireDepthOfPlan(fields.operator(), "depth", depth);
    requireWidthOfContext(fields.operator(), "depth", depth);
    fields.plan.set(call, plan.memory());
    fields.depth.set(call, depth);
    fields.context.set(call, context);
    fields.prior.set(call, prior);
    fields.priorWeight.set(call, priorWeight);
    write(call, fields.kinds);
  }

  void writeBackward(Scratch call) {
    LiftSplatParams.Backward fields = LiftSplatParams.BACKWARD;
    fields.plan.set(call, plan.memory());
    boolean given = probabilities == null && depthKind == DepthKind.PROBABILITIES;
    TensorView read = given ? depth : probabilities;
    if (read == null) {
      throw new BevelException(
          Status.INVALID_ARGUMENT,
          fields.operator()
              + ": probabilities must be given where depth are logits: let forward write its softmax"
              + " (LiftSplatOutputs.withProbabilities), and pass it on"
              + " (LiftSplatInputs.withProbabilities)");
    }
    String argument = given ? "depth" : "probabilities";
    requireDepthOfPlan(fields.operator(), argument, read);
    requireWidthOfContext(fields.operator(), argument, read);
    fields.probabilities.set(call, read);
    fields.context.set(call, context);
    fields.prior.set(call, prior);
    fields.priorWeight.set(call, priorWeight);
    write(call, fields.kinds);
  }

  private void write(Scratch call, LiftSplatParams.KindFields fields) {
    fields.depthKind.set(call, depthKind.value());
    fields.contextLayout.set(call, contextLayout.value());
    fields.outLayout.set(call, outLayout.value());
    fields.maxPoints.set(call, plan.maxPoints());
    fields.planInfo.set(call, plan.infoAddress());
  }

  /** Its parts, those that are given, by name. */
  @Override
  public String toString() {
    return Described.as(
        LiftSplatInputs.class,
        "plan",
        plan,
        "depth",
        depth,
        "context",
        context,
        "prior",
        prior,
        "priorWeight",
        priorWeight,
        "probabilities",
        probabilities,
        "depthKind",
        depthKind,
        "contextLayout",
        contextLayout,
        "outLayout",
        outLayout);
  }
}
