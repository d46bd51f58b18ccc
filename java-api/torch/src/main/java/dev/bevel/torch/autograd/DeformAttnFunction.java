package dev.bevel.torch.autograd;

import static dev.bevel.torch.TensorHold.require;
import static dev.bevel.torch.TensorHold.requireIfGiven;

import dev.bevel.kernels.CallSettings;
import dev.bevel.kernels.DeformAttn;
import dev.bevel.kernels.DeformAttnGradients;
import dev.bevel.kernels.DeformAttnInputs;
import dev.bevel.kernels.MapCombination;
import dev.bevel.kernels.TensorView;
import dev.bevel.kernels.ValueLevels;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.TensorViews;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Deformable attention from reference points, offsets and logits over one or more value maps:
 * {@link DeformAttn}, differentiable with respect to value, reference, offsets and logits.
 *
 * <p>Shapes, with B batch elements, N value maps each, Q queries, M heads of D channels, L levels
 * of S rows in all, P points, R references: value [B, N, S, M, D]; reference [B, N, Q, R, 2] points
 * or [B, N, Q, R, 4] boxes, in [0, 1]; offsets [B, N or 1, Q, M, L, P, 2], in pixels of their level
 * from points; logits [B, N or 1, Q, M, L, P], before the softmax; visible [B, N, Q], Bool or Byte.
 * The result is [B, Q, M·D], or [B, N, Q, M·D] with {@link MapCombination#SEPARATE}.
 *
 * <p>Views are taken without a copy where the kernel's strides allow ({@link DeformAttnInputs}): a
 * reference expanded over the maps, offsets and logits permuted from [B, Q, M, N, L, P, ..].
 *
 * <p>dtypes: value Float, BFloat16 or Half, and the result like it; the others are cast to Float.
 * If any is Double all are (CPU only). On CUDA the work joins LibTorch's current stream.
 */
public final class DeformAttnFunction extends Function {
  private static final int[] OFFSET_TAIL = {4, 5, 6};
  private static final int[] LOGIT_TAIL = {4, 5};

  private final ValueLevels levels;
  private final DeformAttnOptions options;

  /**
   * What a student and a teacher have at the same places.
   *
   * @param student [B, Q, M·D]
   * @param teacher [B, Q, M·D]
   */
  public record Pair(Tensor student, Tensor teacher) {}

  /**
   * Attention over these levels.
   *
   * @param levels of value
   * @param options how to work
   */
  public DeformAttnFunction(ValueLevels levels, DeformAttnOptions options) {
    this.levels = Objects.requireNonNull(levels, "levels");
    this.options = Objects.requireNonNull(options, "options");
  }

  /**
   * Samples a student's and a teacher's value map at the same locations with the same weights, as
   * distillation by focal sampling does; the options' combination must be {@link
   * MapCombination#SEPARATE}.
   *
   * @param levels of both maps
   * @param student [B, S, M, D]
   * @param teacher [B, S, M, D]; detach it where it is not to be trained
   * @param reference [B, Q, R, 2 or 4]
   * @param offsets [B, Q, M, L, P, 2]
   * @param logits [B, Q, M, L, P]
   */
  public static Pair pair(
      ValueLevels levels,
      Tensor student,
      Tensor teacher,
      Tensor reference,
      Tensor offsets,
      Tensor logits) {
    DeformAttnFunction function =
        new DeformAttnFunction(
            levels, DeformAttnOptions.DEFAULT.withCombination(MapCombination.SEPARATE));
    TensorScope.require(function.name());
    require(function.name(), "student", student);
    require(function.name(), "teacher", teacher);
    require(function.name(), "reference", reference);
    require(function.name(), "offsets", offsets);
    require(function.name(), "logits", logits);
    try (TensorScope inner = TensorScope.open()) {
      Tensor both =
          function.attend(
              torch.stack(new TensorVector(student, teacher), 1),
              reference.unsqueeze(1).expand(-1, 2, -1, -1, -1),
              offsets.unsqueeze(1),
              logits.unsqueeze(1));
      return new Pair(inner.keep(both.select(1, 0)), inner.keep(both.select(1, 1)));
    }
  }

  /**
   * Attends; every query sees every map.
   *
   * @param value [B, N, S, M, D]
   * @param reference [B, N, Q, R, 2 or 4]
   * @param offsets [B, N or 1, Q, M, L, P, 2]
   * @param logits [B, N or 1, Q, M, L, P]
   */
  public Tensor attend(Tensor value, Tensor reference, Tensor offsets, Tensor logits) {
    return attend(value, reference, offsets, logits, null);
  }

  /**
   * Attends.
   *
   * @param value [B, N, S, M, D]
   * @param reference [B, N, Q, R, 2 or 4]
   * @param offsets [B, N or 1, Q, M, L, P, 2]
   * @param logits [B, N or 1, Q, M, L, P]
   * @param visible [B, N, Q], true (not 0) where the query sees the map; null: everywhere
   */
  public Tensor attend(
      Tensor value, Tensor reference, Tensor offsets, Tensor logits, @Nullable Tensor visible) {
    TensorScope.require(name());
    require(name(), "value", value);
    require(name(), "reference", reference);
    require(name(), "offsets", offsets);
    require(name(), "logits", logits);
    requireIfGiven(name(), "visible", visible);
    KernelTensors.requireRank(name(), "value", value, 5, "[B, N, S, M, D]");
    KernelTensors.requireRank(name(), "reference", reference, 5, "[B, N, Q, R, 2 or 4]");
    KernelTensors.requireRank(name(), "offsets", offsets, 7, "[B, N or 1, Q, M, L, P, 2]");
    KernelTensors.requireRank(name(), "logits", logits, 6, "[B, N or 1, Q, M, L, P]");
    try (TensorScope inner = TensorScope.open()) {
      ScalarType real = KernelTensors.realOf(value, reference, offsets, logits);
      Tensor wide = real == ScalarType.Double ? value.to(real) : value;
      Tensor[] inputs = {wide, reference.to(real), offsets.to(real), logits.to(real)};
      if (visible != null) {
        Tensor seen = visible.to(ScalarType.Byte).contiguous();
        inputs = new Tensor[] {inputs[0], inputs[1], inputs[2], inputs[3], seen};
      }
      return inner.keep(apply(inputs)[0]);
    }
  }

  @Override
  protected Tensor[] forward(Context context, @Nullable Tensor... inputs) {
    Tensor value = compact(inputs[0], 2, 3, 4);
    Tensor reference = compact(inputs[1], 2, 3, 4);
    Tensor offsets = compact(inputs[2], OFFSET_TAIL);
    Tensor logits = compact(inputs[3], LOGIT_TAIL);
    Tensor visible = inputs.length > 4 ? inputs[4] : null;
    DeformAttnInputs views = inputs(value, reference, offsets, logits, visible);
    Tensor out = KernelTensors.empty(DeformAttn.outShape(views), value, value.scalar_type());
    DeformAttn.forward(
        views, TensorViews.of(out), KernelTensors.settings(value, options.determinism()));
    context.saveForBackward(value, reference, offsets, logits, visible);
    return new Tensor[] {out};
  }

  @Override
  protected @Nullable Tensor[] backward(Context context, @Nullable Tensor... gradOutputs) {
    @Nullable Tensor[] saved = context.savedTensors();
    Tensor value = Objects.requireNonNull(saved[0]);
    Tensor reference = Objects.requireNonNull(saved[1]);
    Tensor offsets = Objects.requireNonNull(saved[2]);
    Tensor logits = Objects.requireNonNull(saved[3]);
    Tensor visible = saved[4];
    Tensor gradOut = Objects.requireNonNull(gradOutputs[0]).contiguous();
    @Nullable Tensor[] written = new @Nullable Tensor[visible == null ? 4 : 5];
    written[0] = KernelTensors.gradient(context, 0, () -> KernelTensors.emptyLike(value));
    written[1] = KernelTensors.gradient(context, 1, () -> KernelTensors.emptyLike(reference));
    written[2] = KernelTensors.gradient(context, 2, () -> emptyInOrder(offsets, OFFSET_TAIL));
    written[3] = KernelTensors.gradient(context, 3, () -> emptyInOrder(logits, LOGIT_TAIL));
    DeformAttnInputs views = inputs(value, reference, offsets, logits, visible);
    TensorView gradient = TensorViews.of(gradOut);
    DeformAttnGradients gradients =
        DeformAttnGradients.none()
            .withValue(KernelTensors.view(written[0]))
            .withReference(KernelTensors.view(written[1]))
            .withOffsets(KernelTensors.view(written[2]))
            .withLogits(KernelTensors.view(written[3]));
    CallSettings settings = KernelTensors.settings(value, options.determinism());
    DeformAttn.backward(
        views,
        gradient,
        gradients,
        KernelTensors.withWorkspace(
            settings,
            value,
            () -> DeformAttn.workspaceBytes(views, gradient, gradients, settings)));
    return written;
  }

  private DeformAttnInputs inputs(
      Tensor value, Tensor reference, Tensor offsets, Tensor logits, @Nullable Tensor visible) {
    return new DeformAttnInputs(
            TensorViews.of(value),
            levels,
            TensorViews.of(reference),
            TensorViews.of(offsets),
            TensorViews.of(logits))
        .withVisible(KernelTensors.view(visible))
        .withReferenceKind(options.referenceKind())
        .withCombination(options.combination());
  }

  /** The tensor with these last dimensions compact, as the kernel needs it. */
  private static Tensor compact(Tensor tensor, int... tail) {
    return KernelTensors.isCompact(tensor, tail) ? tensor : tensor.contiguous();
  }

  /**
   * A tensor for a gradient, in the memory order of what it is the gradient of: behind a permuted
   * view LibTorch then need not copy it.
   */
  private static Tensor emptyInOrder(Tensor like, int... tail) {
    Tensor ordered = torch.empty_like(like);
    return KernelTensors.isCompact(ordered, tail) && ordered.is_non_overlapping_and_dense()
        ? ordered
        : KernelTensors.emptyLike(like);
  }
}
