package dev.bevel.kernels;

import dev.bevel.kernels.internal.DeformConvLayouts;
import dev.bevel.kernels.internal.Layouts;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/** Arguments of {@link DeformConv#forward(DeformConvForward)}. */
public final class DeformConvForward extends WorkspaceCall<DeformConvForward> {
  private static final long INPUT = offset("input");
  private static final long BIAS = offset("bias");
  private static final long OUT = offset("out");
  private static final long WORKSPACE = offset("workspace");
  private static final long SETTINGS = offset("settings");

  private final DeformConvInputs inputs;
  private final TensorView out;
  private @Nullable TensorView bias;

  /**
   * The arguments that every call has.
   *
   * @param inputs what it reads
   * @param out written wholly: float32, bfloat16 or float16 (float64 with input) [B, O, Ho, Wo]
   */
  public DeformConvForward(DeformConvInputs inputs, TensorView out) {
    super("deform_conv_forward");
    this.inputs = Given.argument(inputs, DeformConvForward.class, "inputs");
    this.out = Given.argument(out, DeformConvForward.class, "out");
  }

  /**
   * Adds a bias.
   *
   * @param perOutput [O], dtype of weight
   */
  public DeformConvForward bias(TensorView perOutput) {
    bias = Given.argument(perOutput, DeformConvForward.class, "perOutput");
    return this;
  }

  @Override
  Device device() {
    return out.device();
  }

  @Override
  long write(Scratch scratch, @Nullable TensorView workspace) {
    long params = params(scratch, DeformConvLayouts.FORWARD);
    inputs.write(scratch, params + INPUT);
    scratch.setInput(params + BIAS, "bias", bias);
    scratch.setOutput(params + OUT, "out", out);
    scratch.setOutput(params + WORKSPACE, "workspace", workspace);
    inputs.settings().write(scratch, params + SETTINGS);
    return scratch.address(params);
  }

  private static long offset(String field) {
    return Layouts.offset(DeformConvLayouts.FORWARD, field);
  }
}
