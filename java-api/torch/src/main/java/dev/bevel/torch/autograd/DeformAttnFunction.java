package dev.bevel.torch.autograd;

import static dev.bevel.torch.TensorHold.require;

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
public final class DeformAttnFunction
    extends OperatorFunction<DeformAttnInputs, DeformAttnGradients> {
  private static final int VALUE = 0;
  private static final int REFERENCE = 1;
  private static final int OFFSETS = 2;
  private static final int LOGITS = 3;
  private static final int VISIBLE = 4;

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
    super(
        Objects.requireNonNull(options, "options").determinism(),
        Argument.stored("value").ofRank(5, "[B, N, S, M, D]"),
        Argument.real("reference").ofRank(5, "[B, N, Q, R, 2 or 4]"),
        Argument.real("offsets").ofRank(7, "[B, N or 1, Q, M, L, P, 2]"),
        Argument.real("logits").ofRank(6, "[B, N or 1, Q, M, L, P]"),
        Argument.flags("visible").orNone());
    this.levels = Objects.requireNonNull(levels, "levels");
    this.options = options;
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
    return run(value, reference, offsets, logits, visible)[0];
  }

  @Override
  @Nullable Tensor[] fitted(@Nullable Tensor[] inputs) {
    Tensor visible = inputs[VISIBLE];
    return new @Nullable Tensor[] {
      compact(inputs[VALUE], 2, 3, 4),
      compact(inputs[REFERENCE], 2, 3, 4),
      compact(inputs[OFFSETS], OFFSET_TAIL),
      compact(inputs[LOGITS], LOGIT_TAIL),
      visible == null ? null : visible.contiguous()
    };
  }

  @Override
  DeformAttnInputs inputs(@Nullable Tensor[] ready) {
    return new DeformAttnInputs(
            TensorViews.of(ready[VALUE]),
            levels,
            TensorViews.of(ready[REFERENCE]),
            TensorViews.of(ready[OFFSETS]),
            TensorViews.of(ready[LOGITS]))
        .withVisible(KernelTensors.view(ready[VISIBLE]))
        .withReferenceKind(options.referenceKind())
        .withCombination(options.combination());
  }

  @Override
  long[] outShape(DeformAttnInputs inputs) {
    return DeformAttn.outShape(inputs);
  }

  @Override
  void callForward(DeformAttnInputs inputs, TensorView out, CallSettings settings) {
    DeformAttn.forward(inputs, out, settings);
  }

  @Override
  Tensor emptyGradient(int argument, Tensor like, @Nullable Tensor[] saved) {
    return switch (argument) {
      case OFFSETS -> emptyInOrder(like, OFFSET_TAIL);
      case LOGITS -> emptyInOrder(like, LOGIT_TAIL);
      default -> KernelTensors.emptyLike(like);
    };
  }

  @Override
  DeformAttnGradients gradients(@Nullable Tensor[] written, @Nullable Tensor[] saved) {
    return DeformAttnGradients.none()
        .withValue(KernelTensors.view(written[VALUE]))
        .withReference(KernelTensors.view(written[REFERENCE]))
        .withOffsets(KernelTensors.view(written[OFFSETS]))
        .withLogits(KernelTensors.view(written[LOGITS]));
  }

  @Override
  void callBackward(
      DeformAttnInputs inputs,
      TensorView gradOut,
      DeformAttnGradients gradients,
      CallSettings settings) {
    DeformAttn.backward(inputs, gradOut, gradients, settings);
  }

  /** The tensor with these last dimensions compact, as the kernel needs it. */
  private static Tensor compact(@Nullable Tensor given, int... tail) {
    Tensor tensor = Objects.requireNonNull(given);
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
