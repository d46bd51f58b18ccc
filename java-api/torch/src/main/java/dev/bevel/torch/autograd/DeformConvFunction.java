package dev.bevel.torch.autograd;

import static dev.bevel.torch.TensorHold.require;
import static dev.bevel.torch.TensorHold.requireIfGiven;
import static dev.bevel.torch.autograd.KernelTensors.empty;
import static dev.bevel.torch.autograd.KernelTensors.realOf;
import static dev.bevel.torch.autograd.KernelTensors.requireRank;
import static dev.bevel.torch.autograd.KernelTensors.view;

import dev.bevel.kernels.CallSettings;
import dev.bevel.kernels.DeformConv;
import dev.bevel.kernels.DeformConvGradients;
import dev.bevel.kernels.DeformConvInputs;
import dev.bevel.kernels.DeformConvSettings;
import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.TensorView;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.TensorViews;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Deformable convolution as part of a network: {@link DeformConv}, differentiable with respect to
 * input, offset, mask, weight and bias.
 *
 * <pre>{@code
 * var function = new DeformConvFunction(DeformConvSettings.of(1, 1, 1), Determinism.STRICT);
 * Tensor out = function.convolve(x, offset, mask, weight, null);
 * }</pre>
 *
 * <p>dtypes: input and weight Float, BFloat16 or Half, independently; the result has the input's
 * dtype. Offset and mask are cast to Float, the bias to the weight's dtype. If input, offset, mask
 * or weight is Double all are (CPU only). Tensors that are not contiguous are copied.
 *
 * <p>On CUDA the work joins LibTorch's current stream.
 */
public final class DeformConvFunction extends Function {
  private static final int INPUT = 0;
  private static final int OFFSET = 1;
  private static final int WEIGHT = 2;

  private static final int RANK = 4;

  private final DeformConvSettings settings;
  private final Determinism determinism;

  /** Whether the fourth input is the mask; a bias is the last one, with or without it. */
  private final boolean masked;

  /**
   * A deformable convolution.
   *
   * @param settings how the kernel moves over the input
   * @param determinism how the gradient of the input is added up
   */
  public DeformConvFunction(DeformConvSettings settings, Determinism determinism) {
    this(settings, determinism, false);
  }

  private DeformConvFunction(DeformConvSettings settings, Determinism determinism, boolean masked) {
    this.settings = Objects.requireNonNull(settings, "settings");
    this.determinism = Objects.requireNonNull(determinism, "determinism");
    this.masked = masked;
  }

  /**
   * Convolves: B batch elements of C channels of H × W pixels, O output channels of Ho × Wo pixels,
   * K = kh · kw taps, G deformable groups.
   *
   * @param input [B, C, H, W]
   * @param offset [B, 2·G·K, Ho, Wo], pixels: dy and dx of each tap in turn
   * @param mask [B, G·K, Ho, Wo], the factor of each sample; null for 1, version 1
   * @param weight [O, C/groups, kh, kw]
   * @param bias [O]; null for 0
   * @return [B, O, Ho, Wo]
   */
  public Tensor convolve(
      Tensor input, Tensor offset, @Nullable Tensor mask, Tensor weight, @Nullable Tensor bias) {
    TensorScope.require(name());
    require(name(), "input", input);
    require(name(), "offset", offset);
    requireIfGiven(name(), "mask", mask);
    require(name(), "weight", weight);
    requireIfGiven(name(), "bias", bias);
    requireRank(name(), "input", input, RANK, "[B, C, H, W]");
    requireRank(name(), "weight", weight, RANK, "[O, C/groups, kh, kw]");
    try (TensorScope inner = TensorScope.open()) {
      ScalarType real = realOf(input, offset, weight, mask == null ? input : mask);
      boolean wide = real == ScalarType.Double;
      List<Tensor> inputs = new ArrayList<>();
      inputs.add(wide ? input.to(real) : input);
      inputs.add(offset.to(real));
      inputs.add(wide ? weight.to(real) : weight);
      if (mask != null) {
        requireRank(name(), "mask", mask, RANK, "[B, G·K, Ho, Wo]");
        inputs.add(mask.to(real));
      }
      if (bias != null) {
        requireRank(name(), "bias", bias, 1, "[O]");
        inputs.add(bias.to(inputs.get(WEIGHT).scalar_type()));
      }
      Function call = new DeformConvFunction(settings, determinism, mask != null);
      return inner.keep(call.apply(inputs.toArray(new Tensor[0]))[0]);
    }
  }

  @Override
  protected Tensor[] forward(Context context, Tensor... inputs) {
    Tensor input = inputs[INPUT].contiguous();
    Tensor offset = inputs[OFFSET].contiguous();
    Tensor weight = inputs[WEIGHT].contiguous();
    int next = WEIGHT + 1;
    Tensor mask = masked ? inputs[next++].contiguous() : null;
    Tensor bias = inputs.length > next ? inputs[next].contiguous() : null;

    DeformConvInputs views = views(input, offset, mask, weight).withBias(view(bias));
    Tensor out = empty(DeformConv.outShape(views), input, input.scalar_type());
    TensorView map = TensorViews.of(out);
    CallSettings settings = KernelTensors.settings(input, determinism);
    DeformConv.forward(
        views,
        map,
        KernelTensors.withWorkspace(
            settings, input, () -> DeformConv.workspaceBytes(views, map, settings)));
    context.saveForBackward(input, offset, weight, mask, bias);
    return new Tensor[] {out};
  }

  @Override
  protected @Nullable Tensor[] backward(Context context, @Nullable Tensor... gradOutputs) {
    @Nullable Tensor[] saved = context.savedTensors();
    Tensor input = Objects.requireNonNull(saved[0]);
    Tensor offset = Objects.requireNonNull(saved[1]);
    Tensor weight = Objects.requireNonNull(saved[2]);
    Tensor mask = saved[3];
    Tensor bias = saved[4];
    Tensor gradOut = Objects.requireNonNull(gradOutputs[0]).contiguous();

    List<@Nullable Tensor> written = new ArrayList<>();
    written.add(gradient(context, INPUT, input));
    written.add(gradient(context, OFFSET, offset));
    written.add(gradient(context, WEIGHT, weight));
    DeformConvGradients asked =
        DeformConvGradients.none()
            .withInput(view(written.get(INPUT)))
            .withOffset(view(written.get(OFFSET)))
            .withWeight(view(written.get(WEIGHT)));
    if (mask != null) {
      written.add(gradient(context, written.size(), mask));
      asked = asked.withMask(view(written.getLast()));
    }
    if (bias != null) {
      written.add(gradient(context, written.size(), bias));
      asked = asked.withBias(view(written.getLast()));
    }
    DeformConvInputs views = views(input, offset, mask, weight);
    TensorView gradMap = TensorViews.of(gradOut);
    DeformConvGradients gradients = asked;
    CallSettings settings = KernelTensors.settings(gradOut, determinism);
    DeformConv.backward(
        views,
        gradMap,
        gradients,
        KernelTensors.withWorkspace(
            settings,
            gradOut,
            () -> DeformConv.workspaceBytes(views, gradMap, gradients, settings)));
    return written.toArray(new @Nullable Tensor[0]);
  }

  private static @Nullable Tensor gradient(Context context, int input, Tensor like) {
    return KernelTensors.gradient(context, input, () -> KernelTensors.emptyLike(like));
  }

  private DeformConvInputs views(
      Tensor input, Tensor offset, @Nullable Tensor mask, Tensor weight) {
    return new DeformConvInputs(
        TensorViews.of(input),
        TensorViews.of(offset),
        view(mask),
        TensorViews.of(weight),
        settings);
  }
}
