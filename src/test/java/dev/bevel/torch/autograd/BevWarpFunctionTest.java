package dev.bevel.torch.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bevel.kernels.BevGrid;
import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.Interpolation;
import dev.bevel.kernels.WarpCoordinates;
import dev.bevel.kernels.WarpMatrix;
import dev.bevel.testing.GradientCheck;
import dev.bevel.testing.OneThreadScope;
import dev.bevel.testing.Seed;
import dev.bevel.testing.TestData;
import dev.bevel.torch.nn.Tensors;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Warps in LibTorch's graph: against affine_grid and grid_sample in every mode, finite differences,
 * torchvision's rotation, and the numbers that BEVDet4D itself gave.
 */
@ExtendWith(OneThreadScope.class)
class BevWarpFunctionTest {
  private static final Random RANDOM = Seed.random(BevWarpFunctionTest.class);

  private static Tensor random(double bound, long... shape) {
    long count = Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    return Tensors.of(RANDOM.doubles(count, -bound, bound).toArray(), shape);
  }

  /** Near-isometries: turned by up to 0.6 rad, shifted by up to 0.3 of the map. */
  private static Tensor theta(int frames) {
    double[] values = new double[6 * frames];
    for (int t = 0; t < frames; t++) {
      double angle = RANDOM.nextDouble(-0.6, 0.6);
      double[] m = {
        Math.cos(angle), -Math.sin(angle), RANDOM.nextDouble(-0.3, 0.3),
        Math.sin(angle), Math.cos(angle), RANDOM.nextDouble(-0.3, 0.3)
      };
      System.arraycopy(m, 0, values, 6 * t, 6);
    }
    return Tensors.of(values, frames, 2, 3);
  }

  private static WarpCoordinates coordinates(boolean alignCorners) {
    return alignCorners ? WarpCoordinates.NORMALIZED_CORNERS : WarpCoordinates.NORMALIZED;
  }

  private static Tensor sampled(Tensor maps, Tensor grid, Interpolation mode, boolean corners) {
    return torch.grid_sampler_2d(maps, grid, mode.value(), 0, corners);
  }

  private static double largestDifference(Tensor a, Tensor b) {
    return a.to(ScalarType.Double).sub(b.to(ScalarType.Double)).abs().max().item_double();
  }

  /** In double, where nothing but a tie of nearest could tell the two apart. */
  @ParameterizedTest
  @CsvSource({
    "BILINEAR,true,false", "BILINEAR,false,false", "NEAREST,true,false", "NEAREST,false,false",
    "BILINEAR,true,true", "BILINEAR,false,true", "NEAREST,true,true", "NEAREST,false,true"
  })
  void agreesWithGridSample(Interpolation mode, boolean corners, boolean channelsLast) {
    Tensor maps = random(1, 3, 5, 14, 19);
    if (channelsLast) {
      maps = maps.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
    }
    maps = maps.detach().requires_grad_(true);
    Tensor theta = theta(3);
    Tensor gradient = random(1, 3, 5, 11, 23);
    BevWarpFunction function = new BevWarpFunction(coordinates(corners), mode).withOutSize(11, 23);

    Tensor grid = torch.affine_grid_generator(theta, new long[] {3, 5, 11, 23}, corners);
    Tensor ours = function.warp(maps, theta);
    Tensor theirs = sampled(maps, grid, mode, corners);
    assertThat(ours.shape()).containsExactly(3, 5, 11, 23);
    assertThat(largestDifference(ours, theirs)).isLessThan(1e-12);
    assertThat(largestDifference(grad(ours, gradient, maps), grad(theirs, gradient, maps)))
        .isLessThan(1e-12);

    Tensor points = random(1.2, 3, 11, 23, 2).requires_grad_(true);
    Tensor ourSamples = function.sample(maps, points);
    Tensor theirSamples = sampled(maps, points, mode, corners);
    assertThat(largestDifference(ourSamples, theirSamples)).isLessThan(1e-12);
    for (Tensor input : List.of(maps, points)) {
      assertThat(
              largestDifference(
                  grad(ourSamples, gradient, input), grad(theirSamples, gradient, input)))
          .isLessThan(1e-11);
    }
  }

  private static Tensor grad(Tensor output, Tensor gradient, Tensor input) {
    return torch
        .grad(
            new TensorVector(output),
            new TensorVector(input),
            new TensorVector(gradient),
            new BoolOptional(true),
            false,
            true)
        .get(0);
  }

  @ParameterizedTest
  @EnumSource(WarpCoordinates.class)
  void gradientsAgreeWithFiniteDifferences(WarpCoordinates coordinates) {
    BevWarpFunction function = new BevWarpFunction(coordinates, Interpolation.BILINEAR);
    Tensor maps = random(1, 2, 3, 5, 6).requires_grad_(true);
    boolean pixels = coordinates == WarpCoordinates.PIXELS;
    Tensor theta =
        pixels
            ? BevWarpFunction.matrices(
                    List.of(
                        new WarpMatrix(0.9, 0.2, 0.3, -0.1, 1.1, 0.4), WarpMatrix.shift(1.3, -0.6)))
                .to(ScalarType.Double)
            : theta(2);
    GradientCheck.check(in -> new Tensor[] {function.warp(in[0], theta)}, RANDOM, 1e-7, maps);
    // Positions between pixels: at a pixel itself there is no derivative.
    double[] places = RANDOM.doubles(2 * 4 * 3 * 2, 0.1, 0.9).toArray();
    for (int i = 0; i < places.length; i++) {
      double pixel = places[i] + RANDOM.nextInt(-1, 5);
      double size = i % 2 == 0 ? 6 : 5;
      places[i] =
          switch (coordinates) {
            case PIXELS -> pixel;
            case NORMALIZED -> (2 * pixel + 1) / size - 1;
            case NORMALIZED_CORNERS -> 2 * pixel / (size - 1) - 1;
          };
    }
    Tensor grid = Tensors.of(places, 2, 4, 3, 2).requires_grad_(true);
    GradientCheck.check(
        in -> new Tensor[] {function.sample(in[0], in[1])}, RANDOM, 1e-6, maps, grid);
  }

  /** Aligned frames straight behind the current one equal a concatenation, in either layout. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void warpsIntoAConcatenation(boolean channelsLast) {
    Tensor current = random(1, 2, 1, 4, 9, 8).to(ScalarType.Float);
    Tensor previous = random(1, 2, 3, 4, 9, 8).to(ScalarType.Float);
    Tensor theta = theta(6).view(2, 3, 2, 3).to(ScalarType.Float);
    BevWarpFunction function =
        new BevWarpFunction(WarpCoordinates.NORMALIZED, Interpolation.BILINEAR);
    Tensor expected = torch.cat(new TensorVector(current, function.warp(previous, theta)), 1);
    Tensor all =
        channelsLast
            ? torch.zeros(2, 9, 8, 4, 4).permute(0, 3, 4, 1, 2) // a pixel holds its frames
            : torch.zeros(2, 4, 4, 9, 8);
    all.narrow(1, 0, 1).copy_(current);
    function.warpInto(previous, theta, all.narrow(1, 1, 3));
    assertThat(largestDifference(all, expected)).isLessThan(1e-6);
    assertThatThrownBy(
            () -> function.warpInto(previous, theta, random(1, 2, 3, 4, 9, 8).requires_grad_(true)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("warpInto records no gradient");
  }

  /** Errors against double, of bfloat16 maps and of LibTorch's on the same maps. */
  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"Half", "BFloat16"})
  void sixteenBitErrsNoMoreThanTwiceTheComposition(ScalarType dtype) {
    Tensor maps = random(1, 2, 16, 20, 20).to(dtype);
    Tensor theta = theta(2);
    Tensor gradient = random(1, 2, 16, 20, 20).to(dtype);
    BevWarpFunction function =
        new BevWarpFunction(WarpCoordinates.NORMALIZED, Interpolation.BILINEAR);
    long[] shape = {2, 16, 20, 20};
    Tensor wide = maps.to(ScalarType.Double).requires_grad_(true);
    Tensor exact =
        sampled(
            wide, torch.affine_grid_generator(theta, shape, false), Interpolation.BILINEAR, false);
    Tensor exactGradient = grad(exact, gradient.to(ScalarType.Double), wide);
    Tensor leaf = maps.detach().requires_grad_(true);
    Tensor ours = function.warp(leaf, theta.to(ScalarType.Float));
    // The composition as mixed precision runs it: positions in float, sums rounded to 16 bits.
    Tensor composed =
        sampled(
                maps.to(ScalarType.Float),
                torch.affine_grid_generator(theta.to(ScalarType.Float), shape, false),
                Interpolation.BILINEAR,
                false)
            .to(dtype);
    assertThat(ours.scalar_type().intern()).isEqualTo(dtype);
    assertThat(largestDifference(ours, exact))
        .isLessThanOrEqualTo(2 * largestDifference(composed, exact));
    Tensor floats = maps.to(ScalarType.Float).requires_grad_(true);
    Tensor composedGradient =
        grad(
                sampled(
                    floats,
                    torch.affine_grid_generator(theta.to(ScalarType.Float), shape, false),
                    Interpolation.BILINEAR,
                    false),
                gradient.to(ScalarType.Float),
                floats)
            .to(dtype);
    assertThat(largestDifference(grad(ours, gradient, leaf), exactGradient))
        .isLessThanOrEqualTo(2 * largestDifference(composedGradient, exactGradient));
  }

  /** shift_feature of BEVDet4D, as upstream computed it. */
  @Test
  void shiftFeatureOfBevDet4dIsReproduced() throws IOException {
    JsonNode fixture =
        new ObjectMapper()
            .readTree(TestData.require("module-fixtures/bevdet_v1_shift.json").toFile());
    BevGrid grid =
        BevGrid.of(
            BevGrid.Axis.range(-8, 8, 1),
            BevGrid.Axis.range(-6, 6, 1),
            BevGrid.Axis.range(-10, 10, 20));
    WarpMatrix warp =
        WarpMatrix.betweenFrames(firstCamera(fixture, "cur"), firstCamera(fixture, "adj"), grid);
    Tensor feature = Tensors.of(numbers(fixture, "feature"), 1, 3, 12, 16).to(ScalarType.Float);
    BevWarpFunction function = new BevWarpFunction(WarpCoordinates.PIXELS, Interpolation.BILINEAR);
    Tensor out = function.warp(feature, BevWarpFunction.matrices(List.of(warp)));
    assertThat(Tensors.toDoubles(out)).containsExactly(numbers(fixture, "out"), within(1e-5));
  }

  private static double[] firstCamera(JsonNode fixture, String frame) {
    return WarpMatrix.pose(
        Arrays.copyOf(numbers(fixture, "rots_" + frame), 9),
        Arrays.copyOf(numbers(fixture, "trans_" + frame), 3));
  }

  private static double[] numbers(JsonNode fixture, String name) {
    List<Double> values = new ArrayList<>();
    fixture.path(name).path("data").forEach(value -> values.add(value.doubleValue()));
    assertThat(values).as(name).isNotEmpty();
    return values.stream().mapToDouble(Double::doubleValue).toArray();
  }

  /**
   * BEVFormer's rotation of its history: torchvision turns a grid of pixel centres about the middle
   * by the inverse matrix, and samples the nearest. Here composed of the same steps in double,
   * centre (100, 100) on a map of 50 × 50 included.
   */
  @ParameterizedTest
  @CsvSource({"200,3.7", "200,-90", "50,11.3", "150,-1.25"})
  void rotatesAsTorchvisionDoes(int size, double degrees) {
    Tensor history = random(1, 1, (long) size * size, 4).to(ScalarType.Float);
    Tensor map = history.view(1, size, size, 4).permute(0, 3, 1, 2);
    double angle = Math.toRadians(-degrees);
    double centre = 100 - size / 2.0;
    double cosine = Math.cos(angle);
    double sine = Math.sin(angle);
    // torchvision's inverse affine matrix: the inverse of a turn by `angle` about the centre.
    double[] inverse = {
      cosine, sine, centre - cosine * centre - sine * centre,
      -sine, cosine, centre + sine * centre - cosine * centre
    };
    double half = size / 2.0;
    double[] points = new double[2 * size * size];
    for (int i = 0; i < size * size; i++) {
      int row = i / size;
      double x = i % size + 0.5 - half;
      double y = row + 0.5 - half;
      points[2 * i] = (inverse[0] * x + inverse[1] * y + inverse[2]) / half;
      points[2 * i + 1] = (inverse[3] * x + inverse[4] * y + inverse[5]) / half;
    }
    Tensor grid = Tensors.of(points, 1, size, size, 2);
    Tensor expected =
        sampled(map.to(ScalarType.Double), grid, Interpolation.NEAREST, false).to(ScalarType.Float);
    BevWarpFunction function = new BevWarpFunction(WarpCoordinates.PIXELS, Interpolation.NEAREST);
    Tensor turned =
        function.warp(
            map, BevWarpFunction.matrices(List.of(WarpMatrix.rotation(degrees, 100, 100))));
    assertThat(turned.stride(-3)).as("channels-last like the history").isEqualTo(1);
    // Float positions are off by 1e-5 pixels: about one pixel in 50,000 may round the other way.
    long different = turned.ne(expected).any(1).sum().to(ScalarType.Long).item_long();
    assertThat(different).isLessThanOrEqualTo(2);
  }

  @Test
  void fastAndMatricesOfAnotherShape() {
    BevWarpFunction function =
        new BevWarpFunction(WarpCoordinates.PIXELS, Interpolation.BILINEAR)
            .withDeterminism(Determinism.FAST);
    Tensor maps = random(1, 2, 3, 4, 5).requires_grad_(true);
    Tensor same =
        function.warp(
            maps, BevWarpFunction.matrices(List.of(WarpMatrix.IDENTITY, WarpMatrix.IDENTITY)));
    assertThat(largestDifference(same, maps)).isZero();
    assertThat(largestDifference(grad(same, maps.detach(), maps), maps)).isZero();
    assertThatThrownBy(
            () -> function.warp(maps, BevWarpFunction.matrices(List.of(WarpMatrix.IDENTITY))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("matrices must be [2, 2, 3] to match maps, got [1, 2, 3]");
    assertThatThrownBy(() -> function.warp(maps, theta(2).requires_grad_(true)))
        .hasMessageContaining("no gradient flows to matrices");
    assertThatThrownBy(() -> function.sample(maps, theta(2)))
        .hasMessageContaining("grid must be [.., T, H', W', 2], got [2, 2, 3]");
    assertThatThrownBy(() -> function.withOutSize(0, 3))
        .hasMessageContaining("1 × 1 pixels or more, got 0 × 3");
  }

  /** A gradient that arrives expanded, as that of a sum does. */
  @Test
  void takesAnExpandedGradient() {
    BevWarpFunction function = new BevWarpFunction(WarpCoordinates.PIXELS, Interpolation.BILINEAR);
    Tensor maps = random(1, 1, 2, 4, 4).requires_grad_(true);
    Tensor shifted = function.warp(maps, BevWarpFunction.matrices(List.of(WarpMatrix.shift(1, 0))));
    Autograd.backward(shifted.sum());
    Tensor expected = torch.ones_like(maps);
    expected.select(3, 0).fill_(new Scalar(0));
    assertThat(largestDifference(maps.grad(), expected)).isZero();
  }

  /** Of no positions there is no map, and every pixel's gradient is zero. */
  @Test
  void aGridWithoutPositionsGivesAnEmptyMapAndZeroGradients() {
    Tensor maps = torch.rand(1, 1, 3, 4, 4).set_requires_grad(true);
    Tensor grid = torch.zeros(1, 1, 0, 4, 2).set_requires_grad(true);
    Tensor out =
        new BevWarpFunction(WarpCoordinates.PIXELS, Interpolation.BILINEAR).sample(maps, grid);
    assertThat(out.shape()).containsExactly(1, 1, 3, 0, 4);
    Autograd.backward(out.sum());
    assertThat(Tensors.toDoubles(maps.grad())).hasSize(48).containsOnly(0);
    assertThat(grid.grad().shape()).containsExactly(1, 1, 0, 4, 2);
  }
}
