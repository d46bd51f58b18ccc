package dev.bevel.torch.autograd;

import static dev.bevel.torch.TensorHold.requireIfGiven;
import static dev.bevel.torch.autograd.KernelTensors.emptyLike;
import static dev.bevel.torch.autograd.KernelTensors.gradient;
import static dev.bevel.torch.autograd.KernelTensors.view;

import dev.bevel.kernels.DepthKind;
import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.Layout;
import dev.bevel.kernels.LiftSplat;
import dev.bevel.kernels.LiftSplatGradients;
import dev.bevel.kernels.LiftSplatInputs;
import dev.bevel.kernels.LiftSplatOutputs;
import dev.bevel.kernels.LiftSplatPlan;
import dev.bevel.torch.TensorViews;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Lift-splat as part of a network: {@link LiftSplat}, differentiable with respect to depth and
 * context.
 *
 * <pre>{@code
 * var lift = new LiftSplatFunction(plan, LiftSplatOptions.DEFAULT.withReturnProbabilities(true));
 * LiftSplatFunction.Result result = lift.lift(depthLogits, context);
 * Tensor loss = detectionLoss(head(result.map())).add(depthLoss(result.probabilities()));
 * }</pre>
 *
 * <p>With {@code returnProbabilities} the softmax p of the logits is an output in its own right, as
 * BEVDepth's depth loss (Li et al., arXiv 2206.10092, binary cross entropy on p) needs it. Both
 * outputs' gradients reach the logits: the kernel's for the map, plus p·(g − Σ_d p·g) for a
 * gradient g of p.
 *
 * <p>Shapes, with B, N, D, H, W and the grid the plan's: depth [B, N, D, H, W] or [B·N, D, H, W];
 * context [B, N, C, H, W] or [B·N, C, H, W]; the map [B, Z·C, rows, columns]. Inputs may be slices
 * of a larger tensor along the channels (one convolution that yields depth and context) and, the
 * context, channels-last in memory, without a copy; other strides are copied.
 *
 * <p>dtypes: context Float, BFloat16 or Half; depth, prior and prior weight are cast to Float;
 * probabilities are Float. If depth or context is Double all are (CPU only).
 *
 * <p>The plan must stay open until the backward pass is over. On CUDA the work joins LibTorch's
 * current stream.
 */
public final class LiftSplatFunction extends KernelFunction {
  private static final int DEPTH = 0;
  private static final int CONTEXT = 1;
  private static final int PRIOR = 2;
  private static final int PRIOR_WEIGHT = 3;

  private static final int DEPTH_DIMENSION = 2;

  private final LiftSplatPlan plan;
  private final LiftSplatOptions options;

  /**
   * What {@link #lift} returns.
   *
   * @param map [B, Z·C, rows, columns]
   * @param probabilities [B, N, D, H, W], or null if not asked for
   */
  public record Result(Tensor map, @Nullable Tensor probabilities) {}

  /**
   * Lift-splat for one geometry.
   *
   * @param plan the geometry; not owned
   * @param options how to work
   */
  public LiftSplatFunction(LiftSplatPlan plan, LiftSplatOptions options) {
    super(
        Determinism.STRICT,
        Argument.real("depth"),
        Argument.stored("context"),
        Argument.following("prior").orNone().withoutGradient(),
        Argument.following("priorWeight").orNone().withoutGradient());
    this.plan = Objects.requireNonNull(plan, "plan");
    this.options = Objects.requireNonNull(options, "options");
    if (options.outLayout() == Layout.CHANNELS_LAST && plan.grid().z().cells() > 1) {
      throw new IllegalArgumentException(
          "LiftSplatFunction: a channels-last map needs a grid of one cell in height, got "
              + plan.grid().z().cells());
    }
  }

  /**
   * Pools a bird's-eye-view map.
   *
   * @param depth logits or probabilities, by the options
   * @param context features
   */
  public Result lift(Tensor depth, Tensor context) {
    return lift(depth, context, null, null);
  }

  /**
   * Pools a bird's-eye-view map with a depth prior G mixed in: f·G + (1 − f)·P. Prior and weight
   * get no gradient.
   *
   * @param depth logits or probabilities, by the options
   * @param context features
   * @param prior G, like depth; or null
   * @param priorWeight f, [B, N, H, W] or [B·N, H, W], 0 ≤ f ≤ 1; null iff prior is
   */
  public Result lift(
      Tensor depth, Tensor context, @Nullable Tensor prior, @Nullable Tensor priorWeight) {
    requireIfGiven(name(), "prior", prior);
    requireIfGiven(name(), "priorWeight", priorWeight);
    if ((prior == null) != (priorWeight == null)) {
      throw new IllegalArgumentException(
          "LiftSplatFunction: prior and priorWeight must be given together");
    }
    Tensor[] outputs = run(depth, context, prior, priorWeight);
    return new Result(outputs[0], options.returnProbabilities() ? outputs[1] : null);
  }

  @Override
  Tensor shaped(int argument, Tensor given) {
    long[] shape = plan.depthShape();
    return switch (argument) {
      case DEPTH -> shaped("depth", given, shape);
      case CONTEXT -> shaped("context", given, contextShape(given));
      case PRIOR -> shaped("prior", given, shape);
      case PRIOR_WEIGHT ->
          shaped("priorWeight", given, new long[] {shape[0], shape[1], shape[3], shape[4]});
      default -> throw new IllegalArgumentException("argument " + argument);
    };
  }

  @Override
  protected Tensor[] forward(Context context, @Nullable Tensor... given) {
    @Nullable Tensor[] inputs = complete(context, given);
    Tensor depth = compactImages(Objects.requireNonNull(inputs[DEPTH]), false);
    Tensor features = compactImages(Objects.requireNonNull(inputs[CONTEXT]), true);
    Tensor prior = contiguous(inputs[PRIOR]);
    Tensor weight = contiguous(inputs[PRIOR_WEIGHT]);
    boolean logits = options.depthKind() == DepthKind.LOGITS;
    boolean differentiate = context.needsInputGrad(DEPTH) || context.needsInputGrad(CONTEXT);

    ScalarType dtype = options.outDtype() == null ? features.scalar_type() : options.outDtype();
    long channels = features.size(2);
    Tensor map = KernelTensors.empty(plan.outShape(channels, options.outLayout()), features, dtype);
    LiftSplatInputs views =
        views(depth, features, prior, weight).withOutLayout(options.outLayout());
    LiftSplatOutputs outputs = LiftSplatOutputs.of(TensorViews.of(map));
    Tensor probabilities = logits ? null : depth;
    if (logits && (differentiate || options.returnProbabilities())) {
      probabilities = KernelTensors.empty(plan.depthShape(), depth, depth.scalar_type());
      outputs = outputs.withProbabilities(TensorViews.of(probabilities));
    }
    LiftSplat.forward(views, outputs, settings(depth));
    context.saveForBackward(probabilities, features, prior, weight);
    context.setMaterializeGrads(false);
    Tensor shaped = asMap(map);
    return options.returnProbabilities() && probabilities != null
        ? new Tensor[] {shaped, probabilities}
        : new Tensor[] {shaped};
  }

  @Override
  protected @Nullable Tensor[] backward(Context context, @Nullable Tensor... gradOutputs) {
    @Nullable Tensor[] saved = context.savedTensors();
    Tensor probabilities = Objects.requireNonNull(saved[DEPTH]).contiguous();
    Tensor features = Objects.requireNonNull(saved[CONTEXT]);
    Tensor gradMap = gradOutputs[0];
    Tensor gradProbabilities = gradOutputs.length > 1 ? gradOutputs[1] : null;
    @Nullable Tensor[] gradients = new @Nullable Tensor[context.inputCount()];
    if (gradMap != null) {
      gradients[DEPTH] = gradient(context, DEPTH, () -> emptyLike(probabilities));
      gradients[CONTEXT] = gradient(context, CONTEXT, () -> emptyInOrder(features));
      mapBackward(gradMap, probabilities, saved, gradients);
    }
    if (gradProbabilities != null && context.needsInputGrad(DEPTH)) {
      Tensor ofSoftmax = softmaxBackward(probabilities, gradProbabilities);
      Tensor ofMap = gradients[DEPTH];
      gradients[DEPTH] = ofMap == null ? ofSoftmax : ofMap.add_(ofSoftmax);
    }
    return gradients;
  }

  private void mapBackward(
      Tensor gradMap, Tensor probabilities, @Nullable Tensor[] saved, @Nullable Tensor[] written) {
    Tensor features = Objects.requireNonNull(saved[CONTEXT]);
    boolean channelsLast = plan.grid().z().cells() == 1 && isChannelsLast(gradMap, 1);
    Tensor gradOut =
        channelsLast
            ? gradMap.permute(0, 2, 3, 1).unsqueeze(1)
            : gradMap.contiguous().view(plan.outShape(features.size(2), Layout.CHANNELS_FIRST));
    // Backward reads the softmax in place of logits.
    LiftSplatInputs views =
        views(probabilities, features, saved[PRIOR], saved[PRIOR_WEIGHT])
            .withProbabilities(TensorViews.of(probabilities))
            .withOutLayout(channelsLast ? Layout.CHANNELS_LAST : Layout.CHANNELS_FIRST);
    Tensor gradContext = written[CONTEXT];
    LiftSplatGradients gradients =
        LiftSplatGradients.none()
            .withDepth(view(written[DEPTH]))
            .withContext(gradContext == null ? null : TensorViews.of(inOrder(gradContext)));
    LiftSplat.backward(views, TensorViews.of(gradOut), gradients, settings(gradMap));
  }

  private LiftSplatInputs views(
      Tensor depth, Tensor features, @Nullable Tensor prior, @Nullable Tensor priorWeight) {
    return new LiftSplatInputs(plan, TensorViews.of(depth), TensorViews.of(inOrder(features)))
        .withDepthKind(options.depthKind())
        .withContextLayout(layoutOf(features))
        .withPrior(view(prior), view(priorWeight));
  }

  private static @Nullable Tensor contiguous(@Nullable Tensor tensor) {
    return tensor == null ? null : tensor.contiguous();
  }

  /**
   * Gradient of the logits for a gradient g of the softmax p over the depth bins: p·(g − Σ p·g).
   */
  private static Tensor softmaxBackward(Tensor probabilities, Tensor gradient) {
    Tensor product = probabilities.mul(gradient);
    return product.sub(
        probabilities.mul(
            product.sum(new long[] {DEPTH_DIMENSION}, true, new ScalarTypeOptional())));
  }

  private long[] contextShape(Tensor context) {
    long rank = context.dim();
    if (rank != 4 && rank != 5) {
      throw new IllegalArgumentException(
          "LiftSplatFunction: context must be [B, N, C, H, W] or [B·N, C, H, W], got "
              + Arrays.toString(context.shape()));
    }
    return plan.contextShape(context.size(rank - 3), Layout.CHANNELS_FIRST);
  }

  /** The tensor with cameras and batch elements as two dimensions. */
  private static Tensor shaped(String argument, Tensor tensor, long[] shape) {
    long[] given = tensor.shape();
    long[] merged = Arrays.copyOfRange(shape, 1, shape.length);
    merged[0] *= shape[0];
    if (Arrays.equals(given, shape)) {
      return tensor;
    }
    if (!Arrays.equals(given, merged)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "LiftSplatFunction: %s must be %s or %s to match the plan, got %s",
              argument,
              Arrays.toString(shape),
              Arrays.toString(merged),
              Arrays.toString(given)));
    }
    return tensor.view(shape);
  }

  /** The images as the kernel takes them: any stride over batch and cameras, compact within. */
  private static Tensor compactImages(Tensor images, boolean channelsLastAllowed) {
    boolean fits = isChannelsFirst(images) || (channelsLastAllowed && isChannelsLast(images, 2));
    return fits ? images : images.contiguous();
  }

  private static Layout layoutOf(Tensor images) {
    return isChannelsFirst(images) ? Layout.CHANNELS_FIRST : Layout.CHANNELS_LAST;
  }

  /** [B, N, C, H, W] with its dimensions in the order of the memory. */
  private static Tensor inOrder(Tensor images) {
    return isChannelsFirst(images) ? images : images.permute(0, 1, 3, 4, 2);
  }

  private static Tensor emptyInOrder(Tensor images) {
    if (isChannelsFirst(images)) {
      return KernelTensors.empty(images.shape(), images, images.scalar_type());
    }
    long[] shape = images.permute(0, 1, 3, 4, 2).shape();
    return KernelTensors.empty(shape, images, images.scalar_type()).permute(0, 1, 4, 2, 3);
  }

  private static boolean isChannelsFirst(Tensor images) {
    return KernelTensors.isCompact(images, 2, 3, 4);
  }

  /**
   * Whether the dimensions from {@code first} on are C, H, W with the channels innermost in memory.
   */
  private static boolean isChannelsLast(Tensor images, int first) {
    boolean outer = first == 2 || KernelTensors.isCompact(images, 0, 2, 3, 1);
    return outer && KernelTensors.isCompact(images, first + 1, first + 2, first);
  }

  /** The kernel's map as [B, Z·C, rows, columns]. */
  private Tensor asMap(Tensor map) {
    return options.outLayout() == Layout.CHANNELS_LAST
        ? map.squeeze(1).permute(0, 3, 1, 2)
        : map.flatten(1, 2);
  }
}
