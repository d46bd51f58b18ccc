package dev.bevel.torch.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.bevel.torch.TensorScope;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Layers against plain loops in double precision. */
class LayersTest {
  private static final long SEED = 20260101;
  private static final Offset<Double> TOLERANCE = within(1e-10);

  private final Random random = new Random(SEED);
  private TensorScope scope;
  private Initializer init;

  @BeforeEach
  void open() {
    scope = TensorScope.open();
    init = Initializer.seeded(SEED);
  }

  @AfterEach
  void close() {
    init.close();
    scope.close();
  }

  private Tensor randomTensor(long... shape) {
    int count = 1;
    for (long size : shape) {
      count *= (int) size;
    }
    return Tensors.of(random.doubles(count, -1, 1).toArray(), shape);
  }

  @ParameterizedTest(name = "kernel {0} stride {1} padding {2} dilation {3} groups {4}")
  @CsvSource({
    "1,1,0,1,1",
    "3,1,1,1,1",
    "3,2,1,1,1",
    "7,2,3,1,1",
    "3,1,6,6,1",
    "3,1,1,1,2",
    "4,4,0,1,1"
  })
  void convolution(int kernel, int stride, int padding, int dilation, int groups) {
    int in = 4;
    int out = 6;
    int height = 9;
    int width = 13;
    Conv2d.Shape shape = new Conv2d.Shape(in, out, kernel, stride, padding, dilation, groups, true);
    try (Conv2d conv = new Conv2d(shape, init)) {
      conv.to(ScalarType.Double);
      Tensor input = randomTensor(2, in, height, width);
      Tensor output = conv.forward(input);
      double[] x = Tensors.toDoubles(input);
      double[] w = Tensors.toDoubles(conv.weight());
      double[] b = Tensors.toDoubles(conv.tensor("bias"));
      double[] actual = Tensors.toDoubles(output);
      int outHeight = (height + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
      int outWidth = (width + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
      assertThat(output.shape()).containsExactly(2, out, outHeight, outWidth);
      int perGroup = in / groups;
      int at = 0;
      for (int n = 0; n < 2; n++) {
        for (int o = 0; o < out; o++) {
          for (int i = 0; i < outHeight; i++) {
            for (int j = 0; j < outWidth; j++) {
              double sum = b[o];
              for (int c = 0; c < perGroup; c++) {
                int channel = o / (out / groups) * perGroup + c;
                for (int ky = 0; ky < kernel; ky++) {
                  for (int kx = 0; kx < kernel; kx++) {
                    int y = i * stride - padding + ky * dilation;
                    int xx = j * stride - padding + kx * dilation;
                    if (y >= 0 && y < height && xx >= 0 && xx < width) {
                      sum +=
                          w[((o * perGroup + c) * kernel + ky) * kernel + kx]
                              * x[((n * in + channel) * height + y) * width + xx];
                    }
                  }
                }
              }
              assertThat(actual[at++]).isEqualTo(sum, TOLERANCE);
            }
          }
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1", "2", "4"})
  void transposedConvolution(int kernel) {
    try (ConvTranspose2d conv =
        new ConvTranspose2d(3, 5, kernel, init, Initializer.Weights.KAIMING_FAN_OUT)) {
      conv.to(ScalarType.Double);
      Tensor input = randomTensor(2, 3, 4, 6);
      double[] x = Tensors.toDoubles(input);
      double[] w = Tensors.toDoubles(conv.weight());
      double[] actual = Tensors.toDoubles(conv.forward(input));
      int height = 4 * kernel;
      int width = 6 * kernel;
      assertThat(actual).hasSize(2 * 5 * height * width);
      int at = 0;
      for (int n = 0; n < 2; n++) {
        for (int o = 0; o < 5; o++) {
          for (int y = 0; y < height; y++) {
            for (int xx = 0; xx < width; xx++) {
              double sum = 0;
              for (int c = 0; c < 3; c++) {
                sum +=
                    x[((n * 3 + c) * 4 + y / kernel) * 6 + xx / kernel]
                        * w[((c * 5 + o) * kernel + y % kernel) * kernel + xx % kernel];
              }
              assertThat(actual[at++]).isEqualTo(sum, TOLERANCE);
            }
          }
        }
      }
    }
  }

  @Test
  void batchNormLearnsAndUsesRunningStatistics() {
    try (BatchNorm norm = new BatchNorm(3, new BatchNorm.Settings(1e-3, 0.2))) {
      norm.to(ScalarType.Double);
      Tensor input = randomTensor(4, 3, 5, 2);
      double[] x = Tensors.toDoubles(input);
      double[] trained = Tensors.toDoubles(norm.forward(input));
      double[] runningMean = Tensors.toDoubles(norm.tensor("running_mean"));
      double[] runningVar = Tensors.toDoubles(norm.tensor("running_var"));
      norm.eval();
      double[] evaluated = Tensors.toDoubles(norm.forward(input));
      int count = 4 * 5 * 2;
      for (int c = 0; c < 3; c++) {
        double mean = 0;
        double squares = 0;
        for (int n = 0; n < 4; n++) {
          for (int i = 0; i < 10; i++) {
            double value = x[(n * 3 + c) * 10 + i];
            mean += value / count;
            squares += value * value / count;
          }
        }
        double variance = squares - mean * mean;
        assertThat(runningMean[c]).isEqualTo(0.2 * mean, TOLERANCE);
        assertThat(runningVar[c]).isEqualTo(0.8 + 0.2 * variance * count / (count - 1), TOLERANCE);
        int first = c * 10;
        assertThat(trained[first])
            .isEqualTo((x[first] - mean) / Math.sqrt(variance + 1e-3), TOLERANCE);
        assertThat(evaluated[first])
            .isEqualTo((x[first] - runningMean[c]) / Math.sqrt(runningVar[c] + 1e-3), TOLERANCE);
      }
      assertThat(Tensors.toDoubles(norm.tensor("num_batches_tracked"))).containsExactly(1);
    }
  }

  @Test
  void foldedNormEqualsTheTwoSteps() {
    try (Conv2d conv = new Conv2d(Conv2d.Shape.same(3, 4, 3).withBias(), init);
        ConvTranspose2d up =
            new ConvTranspose2d(4, 2, 2, init, Initializer.Weights.PYTORCH_DEFAULT);
        BatchNorm norm = new BatchNorm(4);
        BatchNorm upNorm = new BatchNorm(2)) {
      for (Module module : new Module[] {conv, up, norm, upNorm}) {
        module.to(ScalarType.Double);
        module.stateDict().values().forEach(t -> fillPositive(t));
        module.eval();
      }
      Tensor input = randomTensor(2, 3, 5, 7);
      double[] separate = Tensors.toDoubles(ConvNorm.applyRelu(conv, norm, input));
      double[] separateUp =
          Tensors.toDoubles(ConvNorm.applyRelu(up, upNorm, Ops.relu(conv.forward(input))));
      double[][] folded = new double[2][];
      Scopes.withoutGradient(
          () -> {
            folded[0] = Tensors.toDoubles(ConvNorm.applyRelu(conv, norm, input));
            folded[1] =
                Tensors.toDoubles(ConvNorm.applyRelu(up, upNorm, Ops.relu(conv.forward(input))));
          });
      assertThat(folded[0]).containsExactly(separate, TOLERANCE);
      assertThat(folded[1]).containsExactly(separateUp, TOLERANCE);
    }
  }

  private void fillPositive(Tensor tensor) {
    if (tensor.is_floating_point()) {
      double[] values = random.doubles(tensor.numel(), 0.1, 2).toArray();
      Scopes.withoutGradient(() -> tensor.copy_(Tensors.of(values, tensor.shape())));
    }
  }

  @Test
  void linear() {
    try (Linear linear = new Linear(3, 2, init)) {
      linear.to(ScalarType.Double);
      double[] w = Tensors.toDoubles(linear.tensor("weight"));
      double[] b = Tensors.toDoubles(linear.tensor("bias"));
      double[] actual = Tensors.toDoubles(linear.forward(Tensors.of(new double[] {1, 2, 3}, 1, 3)));
      for (int o = 0; o < 2; o++) {
        assertThat(actual[o])
            .isEqualTo(b[o] + w[3 * o] + 2 * w[3 * o + 1] + 3 * w[3 * o + 2], TOLERANCE);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "PYTORCH_DEFAULT,0.01924",
    "KAIMING_FAN_OUT,0.04167",
    "KAIMING_FAN_IN,0.04714",
    "KAIMING_UNIFORM,0.04714",
    "XAVIER_UNIFORM,0.03122"
  })
  void initialWeightsHaveTheirDistributionsSpread(
      Initializer.Weights distribution, double expected) {
    // 100 input and 128 output channels, 3×3: fan_in 900, fan_out 1152.
    double[] values = Tensors.toDoubles(init.weight(new long[] {128, 100, 3, 3}, distribution));
    double squares = 0;
    for (double value : values) {
      squares += value * value;
    }
    assertThat(Math.sqrt(squares / values.length)).isEqualTo(expected, within(0.02 * expected));
  }
}
