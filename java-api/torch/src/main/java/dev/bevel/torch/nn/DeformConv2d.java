package dev.bevel.torch.nn;

import dev.bevel.kernels.DeformConvSettings;
import dev.bevel.kernels.Determinism;
import dev.bevel.torch.autograd.DeformConvFunction;
import dev.bevel.torch.nn.Initializer.Weights;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Deformable convolution with the convolution that predicts its offsets, in place of a {@link
 * Conv2d}: mmcv's {@code DCN} (version 1: Dai et al., ICCV 2017) and {@code DCNv2} (modulated: Zhu
 * et al., CVPR 2019). Input [N, in, H, W], output as of a {@link Conv2d} of the same shape.
 *
 * <p>Parameters: {@code weight} [out, in/groups, kernel, kernel], {@code bias} [out] if there is
 * one, {@code conv_offset.weight} [n, in, kernel, kernel] and {@code conv_offset.bias} [n] with n =
 * 2·G·kernel² for version 1, 3·G·kernel² for the modulated one, G deformable groups. The first
 * 2·G·kernel² channels of its output are the offsets, dy and dx of each kernel position in turn,
 * row-major, in pixels; the rest, through a sigmoid, the mask.
 *
 * <p>{@code conv_offset} starts at zero: an ordinary convolution at first, with half its weight if
 * modulated.
 */
public final class DeformConv2d extends Module implements Convolution {
  private final long offsets;
  private final boolean modulated;
  private final DeformConvFunction function;
  private final Tensor weight;
  private final @Nullable Tensor bias;
  private final Conv2d convOffset;

  private DeformConv2d(
      Conv2d.Shape shape,
      int deformGroups,
      boolean modulated,
      Initializer init,
      Weights distribution) {
    this.modulated = modulated;
    offsets = 2L * deformGroups * shape.kernel() * shape.kernel();
    function =
        new DeformConvFunction(
            DeformConvSettings.of(
                    Math.toIntExact(shape.stride()),
                    Math.toIntExact(shape.padding()),
                    Math.toIntExact(shape.dilation()))
                .withGroups(Math.toIntExact(shape.groups()), deformGroups),
            Determinism.STRICT);
    long[] weightShape = {shape.out(), shape.in() / shape.groups(), shape.kernel(), shape.kernel()};
    weight = parameter("weight", init.weight(weightShape, distribution));
    bias = shape.bias() ? parameter("bias", init.bias(shape.out(), 1, Weights.ZEROS)) : null;
    long predicted = modulated ? offsets / 2 * 3 : offsets;
    Conv2d.Shape ofOffsets =
        new Conv2d.Shape(
            shape.in(),
            predicted,
            shape.kernel(),
            shape.stride(),
            shape.padding(),
            shape.dilation(),
            1,
            true);
    convOffset = child("conv_offset", new Conv2d(ofOffsets, init, Weights.ZEROS));
  }

  /**
   * Version 1, without mask.
   *
   * @param shape of the convolution
   * @param deformGroups groups of input channels with offsets of their own
   */
  public static DeformConv2d plain(Conv2d.Shape shape, int deformGroups, Initializer init) {
    return new DeformConv2d(shape, deformGroups, false, init, Weights.KAIMING_UNIFORM);
  }

  /**
   * Version 2, with mask.
   *
   * @param shape of the convolution
   * @param deformGroups groups of input channels with offsets and masks of their own
   */
  public static DeformConv2d modulated(Conv2d.Shape shape, int deformGroups, Initializer init) {
    return new DeformConv2d(shape, deformGroups, true, init, Weights.PYTORCH_DEFAULT);
  }

  @Override
  public Tensor weight() {
    requireOpen();
    return weight;
  }

  @Override
  public @Nullable Tensor bias() {
    requireOpen();
    return bias;
  }

  /** What {@code conv_offset} predicts for an input: offsets and, if modulated, mask logits. */
  public Tensor predict(Tensor input) {
    given("input", input);
    return call(() -> convOffset.forward(input));
  }

  @Override
  public Tensor apply(Tensor input, Tensor otherWeight, @Nullable Tensor otherBias) {
    given("input", input);
    given("otherWeight", otherWeight);
    if (otherBias != null) {
      given("otherBias", otherBias);
    }
    return tidy(
        () -> {
          Tensor predicted = predict(input);
          if (!modulated) {
            return function.convolve(input, predicted, null, otherWeight, otherBias);
          }
          Tensor offset = predicted.narrow(1, 0, offsets);
          Tensor mask = predicted.narrow(1, offsets, offsets / 2).sigmoid();
          return function.convolve(input, offset, mask, otherWeight, otherBias);
        });
  }
}
