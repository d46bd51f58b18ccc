package dev.bevel.kernels;

import dev.bevel.kernels.internal.DeformAttnLayouts;
import dev.bevel.kernels.internal.Layouts;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/** Arguments of {@link Msda#backward(MsdaBackward)}: ask for one gradient or more. */
public final class MsdaBackward extends BackwardCall<MsdaBackward> {
  private static final long GRAD_OUT = offset("grad_out");
  private static final long VALUE = offset("value");
  private static final long GRAD_VALUE = offset("grad_value");
  private static final long GRAD_LOCATIONS = offset("grad_locations");
  private static final long GRAD_WEIGHTS = offset("grad_weights");
  private static final long WORKSPACE = offset("workspace");
  private static final long DETERMINISM = offset("determinism");

  private final MsdaInputs inputs;
  private @Nullable TensorView gradValue;
  private @Nullable TensorView gradLocations;
  private @Nullable TensorView gradWeights;

  /**
   * The arguments that every call has.
   *
   * @param inputs as in forward
   * @param gradOut gradient of out: [B, Q, M · D], compact, any of out's dtypes
   */
  public MsdaBackward(MsdaInputs inputs, TensorView gradOut) {
    super("msda_backward", gradOut);
    this.inputs = Given.argument(inputs, MsdaBackward.class, "inputs");
  }

  /**
   * Asks for the gradient of the value map.
   *
   * @param gradient like value, written wholly
   */
  public MsdaBackward gradValue(TensorView gradient) {
    gradValue = Given.argument(gradient, MsdaBackward.class, "gradient");
    return this;
  }

  /**
   * Asks for the gradient of the locations.
   *
   * @param gradient like locations, written wholly
   */
  public MsdaBackward gradLocations(TensorView gradient) {
    gradLocations = Given.argument(gradient, MsdaBackward.class, "gradient");
    return this;
  }

  /**
   * Asks for the gradient of the weights.
   *
   * @param gradient like weights, written wholly
   */
  public MsdaBackward gradWeights(TensorView gradient) {
    gradWeights = Given.argument(gradient, MsdaBackward.class, "gradient");
    return this;
  }

  @Override
  long write(Scratch scratch, @Nullable TensorView workspace) {
    long params = params(scratch, DeformAttnLayouts.MSDA_BACKWARD);
    scratch.setInput(params + GRAD_OUT, "grad_out", gradOut());
    inputs.write(scratch, params + VALUE);
    scratch.setOutput(params + GRAD_VALUE, "grad_value", gradValue);
    scratch.setOutput(params + GRAD_LOCATIONS, "grad_locations", gradLocations);
    scratch.setOutput(params + GRAD_WEIGHTS, "grad_weights", gradWeights);
    scratch.setOutput(params + WORKSPACE, "workspace", workspace);
    scratch.setInt(params + DETERMINISM, determinism().value());
    return scratch.address(params);
  }

  private static long offset(String field) {
    return Layouts.offset(DeformAttnLayouts.MSDA_BACKWARD, field);
  }
}
