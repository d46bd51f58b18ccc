package dev.bevel.kernels;

import dev.bevel.kernels.internal.Layouts;
import dev.bevel.kernels.internal.MultiViewSampleLayouts;
import dev.bevel.kernels.internal.Scratch;
import org.jspecify.annotations.Nullable;

/** Arguments of {@link MultiViewSample#forward(MultiViewSampleForward)}. */
public final class MultiViewSampleForward extends OperatorCall<MultiViewSampleForward> {
  private static final long VIEWS = offset("views");
  private static final long OUT = offset("out");
  private static final long VISIBLE = offset("visible");

  private final MultiViewSampleInputs inputs;
  private final TensorView out;
  private @Nullable TensorView visible;

  /**
   * The arguments.
   *
   * @param inputs what is read
   * @param out written wholly: [B, Q, C]; float32, bfloat16 or float16, whatever features have;
   *     float64 where they are
   */
  public MultiViewSampleForward(MultiViewSampleInputs inputs, TensorView out) {
    super("multi_view_sample_forward");
    this.inputs = Given.argument(inputs, MultiViewSampleForward.class, "inputs");
    this.out = Given.argument(out, MultiViewSampleForward.class, "out");
  }

  /**
   * Asks which cameras see which points.
   *
   * @param mask uint8 [B, N, Q, P], written wholly: 1 where the camera sees the point, else 0
   */
  public MultiViewSampleForward visible(TensorView mask) {
    visible = Given.argument(mask, MultiViewSampleForward.class, "mask");
    return this;
  }

  @Override
  long write(Scratch scratch, @Nullable TensorView workspace) {
    long params = params(scratch, MultiViewSampleLayouts.FORWARD);
    inputs.write(scratch, params + VIEWS);
    scratch.setOutput(params + OUT, "out", out);
    scratch.setOutput(params + VISIBLE, "visible", visible);
    return scratch.address(params);
  }

  private static long offset(String field) {
    return Layouts.offset(MultiViewSampleLayouts.FORWARD, field);
  }
}
