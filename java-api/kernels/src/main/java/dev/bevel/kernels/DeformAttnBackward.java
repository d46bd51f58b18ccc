package dev.bevel.kernels;

import dev.bevel.kernels.internal.DeformAttnLayouts;
import dev.bevel.kernels.internal.Layouts;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/**
 * Arguments of {@link DeformAttn#backward(DeformAttnBackward)}: ask for one gradient or more. Where
 * maps share offsets and logits, the gradients of these are sums over the maps.
 */
public final class DeformAttnBackward extends BackwardCall<DeformAttnBackward> {
  private static final long GRAD_OUT = offset("grad_out");
  private static final long VALUE = offset("value");
  private static final long GRAD_VALUE = offset("grad_value");
  private static final long GRAD_REFERENCE = offset("grad_reference");
  private static final long GRAD_OFFSETS = offset("grad_offsets");
  private static final long GRAD_LOGITS = offset("grad_logits");
  private static final long WORKSPACE = offset("workspace");
  private static final long DETERMINISM = offset("determinism");

  private final DeformAttnInputs inputs;
  private @Nullable TensorView gradValue;
  private @Nullable TensorView gradReference;
  private @Nullable TensorView gradOffsets;
  private @Nullable TensorView gradLogits;

  /**
   * The arguments that every call has.
   *
   * @param inputs as in forward
   * @param gradOut gradient of out: compact, out's shape, any of its dtypes
   */
  public DeformAttnBackward(DeformAttnInputs inputs, TensorView gradOut) {
    super("deform_attn_backward", gradOut);
    this.inputs = Given.argument(inputs, DeformAttnBackward.class, "inputs");
  }

  /**
   * Asks for the gradient of the value maps.
   *
   * @param gradient like value, compact, written wholly
   */
  public DeformAttnBackward gradValue(TensorView gradient) {
    gradValue = Given.argument(gradient, DeformAttnBackward.class, "gradient");
    return this;
  }

  /**
   * Asks for the gradient of the references.
   *
   * @param gradient like reference, compact, written wholly
   */
  public DeformAttnBackward gradReference(TensorView gradient) {
    gradReference = Given.argument(gradient, DeformAttnBackward.class, "gradient");
    return this;
  }

  /**
   * Asks for the gradient of the offsets.
   *
   * @param gradient like offsets, strides as free as theirs, written wholly
   */
  public DeformAttnBackward gradOffsets(TensorView gradient) {
    gradOffsets = Given.argument(gradient, DeformAttnBackward.class, "gradient");
    return this;
  }

  /**
   * Asks for the gradient of the logits.
   *
   * @param gradient like logits, strides as free as theirs, written wholly
   */
  public DeformAttnBackward gradLogits(TensorView gradient) {
    gradLogits = Given.argument(gradient, DeformAttnBackward.class, "gradient");
    return this;
  }

  @Override
  long write(Scratch scratch, @Nullable TensorView workspace) {
    long params = params(scratch, DeformAttnLayouts.BACKWARD);
    scratch.setInput(params + GRAD_OUT, "grad_out", gradOut());
    inputs.write(scratch, params + VALUE);
    scratch.setOutput(params + GRAD_VALUE, "grad_value", gradValue);
    scratch.setOutput(params + GRAD_REFERENCE, "grad_reference", gradReference);
    scratch.setOutput(params + GRAD_OFFSETS, "grad_offsets", gradOffsets);
    scratch.setOutput(params + GRAD_LOGITS, "grad_logits", gradLogits);
    scratch.setOutput(params + WORKSPACE, "workspace", workspace);
    scratch.setInt(params + DETERMINISM, determinism().value());
    return scratch.address(params);
  }

  private static long offset(String field) {
    return Layouts.offset(DeformAttnLayouts.BACKWARD, field);
  }
}
