package dev.bevel.torch.nn;

import org.bytedeco.pytorch.Tensor;

/** Convolution, batch norm, ReLU, with mmcv's names: {@code conv}, {@code bn}. */
public final class ConvModule extends Module implements Layer {
  private final Conv2d conv;
  private final BatchNorm norm;

  /**
   * A convolution of the given shape, its norm and a ReLU; weights normal with variance 2/fan_out,
   * as mmcv does.
   */
  public ConvModule(Conv2d.Shape shape, Initializer init) {
    conv = child("conv", new Conv2d(shape, init, Initializer.Weights.KAIMING_FAN_OUT));
    norm = child("bn", new BatchNorm(shape.out()));
  }

  @Override
  public Tensor forward(Tensor input) {
    given("input", input);
    return call(() -> ConvNorm.applyRelu(conv, norm, input));
  }
}
