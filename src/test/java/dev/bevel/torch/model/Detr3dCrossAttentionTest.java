package dev.bevel.torch.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.entry;

import dev.bevel.bench.CameraRig;
import dev.bevel.bench.multiview.ComposedMultiView;
import dev.bevel.bench.multiview.MultiViewNumbers;
import dev.bevel.bench.multiview.MultiViewProblem;
import dev.bevel.bench.multiview.MultiViewShape;
import dev.bevel.kernels.PointRange;
import dev.bevel.testing.Seed;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.autograd.Autograd;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** DETR3D's cross-attention against its steps one by one. */
class Detr3dCrossAttentionTest {
  private static final Random RANDOM = Seed.random(Detr3dCrossAttentionTest.class);
  private static final PointRange RANGE = new PointRange(-51.2, -51.2, -5, 51.2, 51.2, 3);
  private static final List<MultiViewShape.Level> LEVELS =
      List.of(new MultiViewShape.Level(14, 25), new MultiViewShape.Level(7, 12));
  private static final MultiViewShape SHAPE =
      new MultiViewShape(2, 6, 20, 1, 16, 1, LEVELS, false, RANGE, 1600, 928);
  private static final Detr3dCrossAttention.Settings SETTINGS =
      new Detr3dCrossAttention.Settings(16, 6, 2, 0.1, RANGE);

  private TensorScope scope;

  @BeforeEach
  void openScope() {
    scope = TensorScope.open();
  }

  @AfterEach
  void closeScope() {
    scope.close();
  }

  @Test
  void parametersAreUpstreams() {
    Map<String, String> shapes = new LinkedHashMap<>();
    try (Initializer init = Initializer.seeded(1);
        Detr3dCrossAttention attention =
            new Detr3dCrossAttention(Detr3dCrossAttention.Settings.NUSCENES, init)) {
      attention.stateDict().forEach((name, t) -> shapes.put(name, Arrays.toString(t.shape())));
      assertThat(Tensors.toDoubles(attention.tensor("attention_weights.weight"))).containsOnly(0);
    }
    assertThat(shapes)
        .containsExactly(
            entry("attention_weights.weight", "[24, 256]"),
            entry("attention_weights.bias", "[24]"),
            entry("output_proj.weight", "[256, 256]"),
            entry("output_proj.bias", "[256]"),
            entry("position_encoder.0.weight", "[256, 3]"),
            entry("position_encoder.0.bias", "[256]"),
            entry("position_encoder.1.weight", "[256]"),
            entry("position_encoder.1.bias", "[256]"),
            entry("position_encoder.3.weight", "[256, 256]"),
            entry("position_encoder.3.bias", "[256]"),
            entry("position_encoder.4.weight", "[256]"),
            entry("position_encoder.4.bias", "[256]"));
  }

  @Test
  void resultAndGradientsAreThoseOfUpstreamsSteps() {
    try (Initializer init = Initializer.seeded(2);
        Detr3dCrossAttention attention = new Detr3dCrossAttention(SETTINGS, init)) {
      attention.to(ScalarType.Double);
      attention.eval();
      attention.namedParameters().values().forEach(p -> p.set_data(random(p.shape())));
      Inputs ours = new Inputs();
      Inputs theirs = ours.copy();
      Tensor out = attention.forward(ours.query, ours.position, ours.reference, ours.images());
      Tensor expected = steps(attention, theirs);
      assertClose(out, expected, 1e-11);
      Tensor weights = torch.randn_like(expected.detach());
      Autograd.backward(out.mul(weights).sum());
      List<double[]> own = gradients(attention, ours);
      attention.zeroGrad();
      Autograd.backward(expected.mul(weights).sum());
      List<double[]> wanted = gradients(attention, theirs);
      assertThat(own).hasSameSizeAs(wanted);
      for (int i = 0; i < own.size(); i++) {
        double scale = Math.max(1, Arrays.stream(wanted.get(i)).map(Math::abs).max().orElse(0));
        assertThat(own.get(i)).containsExactly(wanted.get(i), Offset.offset(1e-9 * scale));
      }
    }
  }

  @Test
  void featuresOfSixteenBitsGoWithQueriesOfThirtyTwo() {
    try (Initializer init = Initializer.seeded(3);
        Detr3dCrossAttention attention = new Detr3dCrossAttention(SETTINGS, init)) {
      attention.eval();
      Inputs in = new Inputs();
      List<Tensor> narrow = in.features.stream().map(t -> t.to(ScalarType.BFloat16)).toList();
      Tensor out =
          attention.forward(
              in.query.to(ScalarType.Float),
              null,
              in.reference.to(ScalarType.Float),
              new Detr3dCrossAttention.Images(
                  narrow, in.lidarToImage.to(ScalarType.Float), 1600, 928));
      assertThat(out.scalar_type().intern()).isEqualTo(ScalarType.Float);
      attention.to(ScalarType.Double);
      Tensor wide = attention.forward(in.query, null, in.reference, in.images());
      assertClose(out, wide, 0.02);
    }
  }

  @Test
  void anotherNumberOfLevelsIsRefused() {
    try (Initializer init = Initializer.seeded(4);
        Detr3dCrossAttention attention = new Detr3dCrossAttention(SETTINGS, init)) {
      Inputs in = new Inputs();
      var images =
          new Detr3dCrossAttention.Images(in.features.subList(0, 1), in.lidarToImage, 1600, 928);
      assertThatThrownBy(() -> attention.forward(in.query, null, in.reference, images))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("Detr3dCrossAttention: built for 2 levels, got 1");
    }
  }

  private static final class Inputs {
    final Tensor query;
    final Tensor position;
    final Tensor reference;
    final Tensor lidarToImage;
    final List<Tensor> features;

    Inputs() {
      MultiViewNumbers in = MultiViewProblem.random(SHAPE, CameraRig.sixCameras(), RANDOM);
      query = random(2, 20, 16).requires_grad_(true);
      position = random(2, 20, 16).requires_grad_(true);
      reference = Tensors.of(in.places(), 2, 20, 3).requires_grad_(true);
      lidarToImage = Tensors.of(in.lidarToImage(), SHAPE.matrixShape());
      features = new ArrayList<>();
      for (int level = 0; level < LEVELS.size(); level++) {
        features.add(
            Tensors.of(in.features().get(level), SHAPE.featureShape(level)).requires_grad_(true));
      }
    }

    private Inputs(Inputs of) {
      query = leaf(of.query);
      position = leaf(of.position);
      reference = leaf(of.reference);
      lidarToImage = of.lidarToImage;
      features = of.features.stream().map(Detr3dCrossAttentionTest::leaf).toList();
    }

    Inputs copy() {
      return new Inputs(this);
    }

    Detr3dCrossAttention.Images images() {
      return new Detr3dCrossAttention.Images(features, lidarToImage, 1600, 928);
    }
  }

  /** Upstream's forward with LibTorch's operators. */
  private static Tensor steps(Detr3dCrossAttention attention, Inputs in) {
    Tensor weights =
        linear(attention, "attention_weights", in.query.add(in.position))
            .sigmoid()
            .view(2, 20, 6, 1, 2, 1);
    Tensor sampled =
        ComposedMultiView.sample(
            SHAPE, in.features, in.lidarToImage, in.reference.unsqueeze(2), weights);
    Tensor clipped = torch.logit(in.reference, new DoubleOptional(1e-5));
    Tensor position = clipped;
    for (String layer : new String[] {"0", "3"}) {
      position = linear(attention, "position_encoder." + layer, position);
      String norm = "position_encoder." + (Integer.parseInt(layer) + 1);
      position =
          torch
              .layer_norm(
                  position,
                  new long[] {16},
                  new TensorOptional(attention.tensor(norm + ".weight")),
                  new TensorOptional(attention.tensor(norm + ".bias")),
                  1e-5,
                  false)
              .clamp_min(new Scalar(0.0));
    }
    return linear(attention, "output_proj", sampled).add(in.query).add(position);
  }

  private static Tensor linear(Detr3dCrossAttention attention, String name, Tensor x) {
    return torch
        .matmul(x, attention.tensor(name + ".weight").t())
        .add(attention.tensor(name + ".bias"));
  }

  private static List<double[]> gradients(Detr3dCrossAttention attention, Inputs in) {
    List<Tensor> all = new ArrayList<>(List.of(in.query, in.position, in.reference));
    all.addAll(in.features);
    all.addAll(attention.namedParameters().values());
    return all.stream().map(t -> Tensors.toDoubles(t.grad())).toList();
  }

  private static Tensor leaf(Tensor tensor) {
    return tensor.detach().clone().requires_grad_(true);
  }

  private static Tensor random(long... shape) {
    return Tensors.of(RANDOM.doubles(MultiViewShape.count(shape), -1, 1).toArray(), shape);
  }

  private static void assertClose(Tensor actual, Tensor expected, double tolerance) {
    assertThat(Tensors.toDoubles(actual.detach()))
        .containsExactly(Tensors.toDoubles(expected.detach()), Offset.offset(tolerance));
  }
}
