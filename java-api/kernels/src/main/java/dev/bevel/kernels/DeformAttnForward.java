package dev.bevel.kernels;

import dev.bevel.kernels.internal.DeformAttnLayouts;
import dev.bevel.kernels.internal.Layouts;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/** Arguments of {@link DeformAttn#forward(DeformAttnForward)}. */
public final class DeformAttnForward extends OperatorCall<DeformAttnForward> {
  private static final long VALUE = offset("value");
  private static final long OUT = offset("out");

  private final DeformAttnInputs inputs;
  private final TensorView out;

  /**
   * The arguments.
   *
   * @param inputs what is read
   * @param out written wholly: [B, Q, M · D], or [B, N, Q, M · D] with {@link
   *     MapCombination#SEPARATE}; float32, bfloat16 or float16, whatever value has; float64 where
   *     value is
   */
  public DeformAttnForward(DeformAttnInputs inputs, TensorView out) {
    super("deform_attn_forward");
    this.inputs = Given.argument(inputs, DeformAttnForward.class, "inputs");
    this.out = Given.argument(out, DeformAttnForward.class, "out");
  }

  @Override
  long write(Scratch scratch, @Nullable TensorView workspace) {
    long params = params(scratch, DeformAttnLayouts.FORWARD);
    inputs.write(scratch, params + VALUE);
    scratch.setOutput(params + OUT, "out", out);
    return scratch.address(params);
  }

  private static long offset(String field) {
    return Layouts.offset(DeformAttnLayouts.FORWARD, field);
  }
}
