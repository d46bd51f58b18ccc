package dev.bevel.bench.deformattn;

import static org.assertj.core.api.Assertions.assertThat;

import dev.bevel.bench.CameraRig;
import dev.bevel.kernels.PointSampling;
import dev.bevel.kernels.PointSamplingInputs;
import dev.bevel.kernels.PointSamplingOutputs;
import dev.bevel.kernels.ReferenceKind;
import dev.bevel.testing.Seed;
import dev.bevel.testing.TestData;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.TensorViews;
import dev.bevel.torch.autograd.DeformAttnFunction;
import dev.bevel.torch.autograd.DeformAttnOptions;
import dev.bevel.torch.nn.Tensors;
import java.util.Random;
import java.util.stream.Stream;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Point sampling and spatial cross-attention at BEVFormer's sizes, on a real sample's calibration
 * and on a rig like it, against the project's own steps: a product for every point, and a loop over
 * cameras.
 */
class SpatialAttentionTest {
  private static final Random RANDOM = Seed.random(SpatialAttentionTest.class);

  private TensorScope scope;

  @BeforeEach
  void openScope() {
    scope = TensorScope.open();
  }

  @AfterEach
  void closeScope() {
    scope.close();
  }

  /** BEVFormer's images and levels; fewer channels, and of the larger ones fewer pillars. */
  static Stream<SpatialAttentionShape> shapes() {
    return Stream.of(
        SpatialAttentionShape.published("sca-base").withGrid(90, 100).withChannels(1, 4),
        SpatialAttentionShape.published("sca-small").withGrid(75, 75).withChannels(2, 3),
        SpatialAttentionShape.published("sca-tiny").withChannels(2, 32));
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void onTheSampleItIsALoopOverCameras(SpatialAttentionShape shape) {
    check(shape, CameraRig.ofFirstSample(TestData.require("nuscenes-one-sample")));
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void onARigLikeItItIsALoopOverCameras(SpatialAttentionShape shape) {
    check(shape, CameraRig.sixCameras());
  }

  private static void check(SpatialAttentionShape shape, CameraRig rig) {
    Projected wide = project(shape, rig, ScalarType.Double);
    checkProjection(shape, rig, wide);
    checkAttention(shape, wide, 1e-11, 1e-11);
    checkAttention(shape, project(shape, rig, ScalarType.Float), 2e-5, 2e-4);
  }

  private record Projected(Tensor reference, Tensor mask, Tensor visible) {}

  private static Projected project(SpatialAttentionShape shape, CameraRig rig, ScalarType type) {
    long queries = shape.grid().queries();
    int anchors = shape.grid().anchors();
    Tensor matrices = Tensors.of(rig.lidarToImage(shape.scale()), 1, 6, 4, 4);
    Tensor reference = torch.zeros(1, 6, queries, anchors, 2).to(type);
    Tensor mask = torch.zeros(1, 6, queries, anchors).to(ScalarType.Byte);
    Tensor visible = torch.zeros(1, 6, queries).to(ScalarType.Byte);
    PointSampling.forward(
        PointSamplingInputs.of(
            shape.grid(),
            new PointSamplingInputs.Images(
                TensorViews.of(matrices), shape.imageHeight(), shape.imageWidth())),
        PointSamplingOutputs.of(TensorViews.of(reference), TensorViews.of(visible))
            .withMask(TensorViews.of(mask)));
    return new Projected(reference, mask, visible);
  }

  /** In double, against LibTorch's batched product and against plain loops. */
  private static void checkProjection(
      SpatialAttentionShape shape, CameraRig rig, Projected actual) {
    PillarProjection loops = new PillarProjection(shape, rig);
    Tensor matrices = Tensors.of(loops.lidarToImage(), 1, 6, 4, 4);
    ComposedSpatialAttention.Points composed =
        ComposedSpatialAttention.project(
            shape.grid(), matrices, shape.imageHeight(), shape.imageWidth());
    assertThat(actual.mask.to(ScalarType.Bool).equal(composed.mask())).isTrue();
    assertThat(actual.visible.to(ScalarType.Bool).equal(composed.mask().any(-1))).isTrue();
    Tensor scale = composed.reference().abs().add(new Scalar(1.0));
    // Beside a camera depths are next to nothing, and the larger numbers that they come of cancel.
    assertThat(largest(actual.reference.sub(composed.reference()).div(scale))).isLessThan(1e-8);
    double[] seen = Tensors.toDoubles(actual.visible);
    byte[] expected = loops.visible();
    for (int i = 0; i < seen.length; i++) {
      assertThat(seen[i]).as("camera and query %d", i).isEqualTo(expected[i]);
    }
    // A pillar is seen by one camera or two: the rig looks all around, and its images overlap.
    assertThat(loops.seen() / (double) shape.grid().queries()).isBetween(0.9, 1.5);
  }

  private static void checkAttention(
      SpatialAttentionShape sizes, Projected points, double tolerance, double gradientTolerance) {
    DeformAttnShape shape = sizes.attention();
    ScalarType type = points.reference.scalar_type();
    Tensor value = random(type, -1, 1, shape.valueShape());
    Tensor offsets = random(type, -8, 8, shape.offsetShape());
    Tensor logits = random(type, -2, 2, shape.logitShape());
    Tensor gradOut = random(type, -1, 1, shape.outShape()).detach();
    DeformAttnFunction function =
        new DeformAttnFunction(
            shape.levels(), DeformAttnOptions.DEFAULT.withReferenceKind(ReferenceKind.OF_POINT));
    Tensor fused = function.attend(value, points.reference, offsets, logits, points.visible);
    Tensor loop =
        ComposedSpatialAttention.attend(
            shape, value, points.reference, offsets, logits, points.visible);
    assertClose(fused.detach(), loop.detach(), tolerance);
    TensorVector gradients = gradients(fused, gradOut, value, offsets, logits);
    TensorVector expected = gradients(loop, gradOut, value, offsets, logits);
    assertClose(gradients.get(0), expected.get(0), gradientTolerance);
    assertClose(gradients.get(2), expected.get(2), gradientTolerance);
    // Where a sample lies on a pixel's centre the gradient of its place jumps: in float some do.
    if (type == ScalarType.Double) {
      assertClose(gradients.get(1), expected.get(1), gradientTolerance);
    }
  }

  private static TensorVector gradients(Tensor out, Tensor gradOut, Tensor... inputs) {
    return torch.grad(
        new TensorVector(out),
        new TensorVector(inputs),
        new TensorVector(gradOut),
        new BoolOptional(false),
        false,
        false);
  }

  /** Elements that differ by at most {@code tolerance · max(1, largest expected magnitude)}. */
  private static void assertClose(Tensor actual, Tensor expected, double tolerance) {
    assertThat(actual.shape()).isEqualTo(expected.shape());
    double difference = largest(actual.sub(expected));
    assertThat(difference).isLessThanOrEqualTo(tolerance * Math.max(1, largest(expected)));
  }

  private static double largest(Tensor tensor) {
    return tensor.abs().max().item_double();
  }

  private static Tensor random(ScalarType type, double low, double high, long... shape) {
    double[] values = RANDOM.doubles(DeformAttnShape.count(shape), low, high).toArray();
    return Tensors.of(values, shape).to(type).set_requires_grad(true);
  }
}
