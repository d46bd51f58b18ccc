package dev.bevel.torch.nn;

import static org.bytedeco.pytorch.global.torch.createCPUGenerator;

import dev.bevel.torch.TensorHold;
import dev.bevel.torch.Torch;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Makes the initial values of parameters. One initializer is handed through the construction of a
 * whole network, so its seed and the order of construction settle every value.
 */
public final class Initializer implements AutoCloseable {
  /** Distributions of the initial weights of convolutions and linear layers. */
  public enum Weights {
    /** Uniform in ±1/√fan_in: what PyTorch's layers do by default. */
    PYTORCH_DEFAULT,
    /** Normal with variance 2/fan_out (He et al., ICCV 2015), for layers before a ReLU. */
    KAIMING_FAN_OUT,
    /** Normal with variance 2/fan_in. */
    KAIMING_FAN_IN,
    /** Uniform with variance 2/fan_in: in ±√(6/fan_in). */
    KAIMING_UNIFORM,
    /** Uniform in ±√(6/(fan_in + fan_out)) (Glorot and Bengio, AISTATS 2010). */
    XAVIER_UNIFORM,
    /** All zero, for layers that begin with what their bias says. */
    ZEROS
  }

  private final Generator generator;
  private final GeneratorOptional optional;

  private Initializer(long seed) {
    Torch.initialize();
    generator = Scopes.own(createCPUGenerator(seed));
    optional = Scopes.own(new GeneratorOptional(generator));
  }

  /** An initializer whose values depend on {@code seed} only. */
  public static Initializer seeded(long seed) {
    return new Initializer(seed);
  }

  /**
   * A weight [out, in/groups, kh, kw] or [out, in] (dimension 0 is the input of a transposed
   * convolution), float32.
   *
   * @param shape of the tensor
   * @param distribution of the values
   */
  Tensor weight(long[] shape, Weights distribution) {
    long receptive = 1;
    for (int i = 2; i < shape.length; i++) {
      receptive *= shape[i];
    }
    double fanIn = shape[1] * receptive;
    double fanOut = shape[0] * receptive;
    Tensor tensor = torch.empty(shape);
    return switch (distribution) {
      case PYTORCH_DEFAULT -> uniform(tensor, 1 / Math.sqrt(fanIn));
      case XAVIER_UNIFORM -> uniform(tensor, Math.sqrt(6 / (fanIn + fanOut)));
      case KAIMING_FAN_OUT -> normal(tensor, Math.sqrt(2 / fanOut));
      case KAIMING_FAN_IN -> normal(tensor, Math.sqrt(2 / fanIn));
      case KAIMING_UNIFORM -> uniform(tensor, Math.sqrt(6 / fanIn));
      case ZEROS -> tensor.zero_();
    };
  }

  /**
   * A bias of {@code n} values for a layer with {@code fanIn} inputs: uniform in ±1/√fan_in by
   * default, else zero.
   */
  Tensor bias(long n, double fanIn, Weights distribution) {
    return distribution == Weights.PYTORCH_DEFAULT
        ? uniform(torch.empty(n), 1 / Math.sqrt(fanIn))
        : torch.zeros(n);
  }

  private Tensor uniform(Tensor tensor, double bound) {
    Scopes.withoutGradient(() -> tensor.uniform_(-bound, bound, optional));
    return tensor;
  }

  private Tensor normal(Tensor tensor, double standardDeviation) {
    Scopes.withoutGradient(() -> tensor.normal_(0, standardDeviation, optional));
    return tensor;
  }

  /** Sets every element of a parameter or buffer to {@code value}. */
  public static void fill(Tensor tensor, double value) {
    TensorHold.require("Initializer.fill", "tensor", tensor);
    Scopes.withoutGradient(() -> tensor.fill_(new Scalar(value)));
  }

  @Override
  public void close() {
    optional.close();
    generator.close();
  }
}
