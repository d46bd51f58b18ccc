package dev.bevel.kernels;

import dev.bevel.kernels.internal.DeformConvLayouts;
import dev.bevel.kernels.internal.Layouts;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/**
 * Arguments of {@link DeformConv#backward(DeformConvBackward)}: ask for one gradient or more; those
 * not asked for cost nothing of their own.
 */
public final class DeformConvBackward extends BackwardCall<DeformConvBackward> {
  private static final long GRAD_OUT = offset("grad_out");
  private static final long INPUT = offset("input");
  private static final long GRAD_INPUT = offset("grad_input");
  private static final long GRAD_OFFSET = offset("grad_offset");
  private static final long GRAD_MASK = offset("grad_mask");
  private static final long GRAD_WEIGHT = offset("grad_weight");
  private static final long GRAD_BIAS = offset("grad_bias");
  private static final long WORKSPACE = offset("workspace");
  private static final long SETTINGS = offset("settings");
  private static final long DETERMINISM = offset("determinism");

  private final DeformConvInputs inputs;
  private @Nullable TensorView gradInput;
  private @Nullable TensorView gradOffset;
  private @Nullable TensorView gradMask;
  private @Nullable TensorView gradWeight;
  private @Nullable TensorView gradBias;

  /**
   * The arguments that every call has.
   *
   * @param inputs as in forward
   * @param gradOut gradient of out: [B, O, Ho, Wo], compact, any of out's dtypes
   */
  public DeformConvBackward(DeformConvInputs inputs, TensorView gradOut) {
    super("deform_conv_backward", gradOut);
    this.inputs = Given.argument(inputs, DeformConvBackward.class, "inputs");
  }

  /**
   * Asks for the gradient of the input.
   *
   * @param gradient like input, written wholly
   */
  public DeformConvBackward gradInput(TensorView gradient) {
    gradInput = Given.argument(gradient, DeformConvBackward.class, "gradient");
    return this;
  }

  /**
   * Asks for the gradient of the offsets. Where a coordinate is a whole number it is the slope
   * towards the next larger one.
   *
   * @param gradient like offset, written wholly
   */
  public DeformConvBackward gradOffset(TensorView gradient) {
    gradOffset = Given.argument(gradient, DeformConvBackward.class, "gradient");
    return this;
  }

  /**
   * Asks for the gradient of the mask, of which there must be one.
   *
   * @param gradient like mask, written wholly
   */
  public DeformConvBackward gradMask(TensorView gradient) {
    gradMask = Given.argument(gradient, DeformConvBackward.class, "gradient");
    return this;
  }

  /**
   * Asks for the gradient of the weight.
   *
   * @param gradient like weight, written wholly
   */
  public DeformConvBackward gradWeight(TensorView gradient) {
    gradWeight = Given.argument(gradient, DeformConvBackward.class, "gradient");
    return this;
  }

  /**
   * Asks for the gradient of the bias.
   *
   * @param gradient [O], dtype of weight, written wholly
   */
  public DeformConvBackward gradBias(TensorView gradient) {
    gradBias = Given.argument(gradient, DeformConvBackward.class, "gradient");
    return this;
  }

  @Override
  long write(Scratch scratch, @Nullable TensorView workspace) {
    long params = params(scratch, DeformConvLayouts.BACKWARD);
    scratch.setInput(params + GRAD_OUT, "grad_out", gradOut());
    inputs.write(scratch, params + INPUT);
    scratch.setOutput(params + GRAD_INPUT, "grad_input", gradInput);
    scratch.setOutput(params + GRAD_OFFSET, "grad_offset", gradOffset);
    scratch.setOutput(params + GRAD_MASK, "grad_mask", gradMask);
    scratch.setOutput(params + GRAD_WEIGHT, "grad_weight", gradWeight);
    scratch.setOutput(params + GRAD_BIAS, "grad_bias", gradBias);
    scratch.setOutput(params + WORKSPACE, "workspace", workspace);
    inputs.settings().write(scratch, params + SETTINGS);
    scratch.setInt(params + DETERMINISM, determinism().value());
    return scratch.address(params);
  }

  private static long offset(String field) {
    return Layouts.offset(DeformConvLayouts.BACKWARD, field);
  }
}
