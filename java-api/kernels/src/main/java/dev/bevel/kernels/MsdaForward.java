package dev.bevel.kernels;

import dev.bevel.kernels.internal.DeformAttnLayouts;
import dev.bevel.kernels.internal.Layouts;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/** Arguments of {@link Msda#forward(MsdaForward)}. */
public final class MsdaForward extends OperatorCall<MsdaForward> {
  private static final long VALUE = offset("value");
  private static final long OUT = offset("out");

  private final MsdaInputs inputs;
  private final TensorView out;

  /**
   * The arguments.
   *
   * @param inputs what is read
   * @param out written wholly: [B, Q, M · D] in float32, bfloat16 or float16, whatever value has;
   *     float64 where value is
   */
  public MsdaForward(MsdaInputs inputs, TensorView out) {
    super("msda_forward");
    this.inputs = Given.argument(inputs, MsdaForward.class, "inputs");
    this.out = Given.argument(out, MsdaForward.class, "out");
  }

  @Override
  long write(Scratch scratch, @Nullable TensorView workspace) {
    long params = params(scratch, DeformAttnLayouts.MSDA_FORWARD);
    inputs.write(scratch, params + VALUE);
    scratch.setOutput(params + OUT, "out", out);
    return scratch.address(params);
  }

  private static long offset(String field) {
    return Layouts.offset(DeformAttnLayouts.MSDA_FORWARD, field);
  }
}
