package dev.bevel.torch.bevformer;

import static dev.bevel.testing.TensorAssert.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.bevel.bench.deformattn.ComposedDeformAttn;
import dev.bevel.kernels.Determinism;
import dev.bevel.kernels.ReferenceKind;
import dev.bevel.kernels.ValueLevels;
import dev.bevel.testing.GradientCheck;
import dev.bevel.testing.ModuleFixture;
import dev.bevel.testing.Seed;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.autograd.Autograd;
import dev.bevel.torch.autograd.DeformAttnOptions;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Module;
import dev.bevel.torch.nn.Scopes;
import dev.bevel.torch.nn.Tensors;
import java.io.IOException;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * BEVFormer's attention modules against what the upstream project gave and, where there is no such
 * file, against plain compositions that follow its steps one camera and one batch element at a
 * time.
 */
class BevFormerAttentionTest {
  private static final Random RANDOM = Seed.random(BevFormerAttentionTest.class);
  private static final ValueLevels LEVELS = ValueLevels.of(6, 8, 3, 4);
  private static final long ROWS = 60;
  private static final AttentionSizes SMALL = new AttentionSizes(16, 4, 2, 8, 0.1);

  private final Initializer init = Initializer.seeded(3);
  private TensorScope scope;

  @BeforeEach
  void openScope() {
    scope = TensorScope.open();
  }

  @AfterEach
  void closeScope() {
    scope.close();
    init.close();
  }

  @Test
  void temporalSelfAttentionFixture() throws IOException {
    ModuleFixture fixture = ModuleFixture.read("bevformer_tsa");
    ValueLevels bev = ValueLevels.of(5, 6);
    try (TemporalSelfAttention attention =
        new TemporalSelfAttention(new AttentionSizes(16, 4, 1, 3, 0.1), init)) {
      attention.loadStateDict(fixture.tensors("state"), true);
      attention.eval();
      Tensor query = fixture.tensor("query");
      Tensor position = fixture.tensor("pos");
      Tensor grid = fixture.tensor("ref2d");
      assertClose(new BevShift(5, 6, 1, 1).cellCentres(), grid, 1e-6);
      Tensor maps = torch.stack(new TensorVector(fixture.tensor("prev"), query), 1);
      Tensor moved = TemporalSelfAttention.references(grid, fixture.tensor("shift"));
      assertClose(
          attention.forward(query, position, maps, moved, bev),
          fixture.tensor("out_with_prev"),
          1e-5);
      Tensor still = TemporalSelfAttention.references(grid, null);
      assertClose(
          attention.forward(query, position, null, still, bev),
          fixture.tensor("out_without_prev"),
          1e-5);
    }
  }

  @Test
  void shiftFixture() throws IOException {
    BevShift base = new BevShift(200, 200, 0.512, 0.512);
    JsonNode rows = ModuleFixture.read("bevformer_shift").root().required("rows");
    assertThat(rows).isNotEmpty();
    for (JsonNode row : rows) {
      BevShift.Shift shift =
          base.of(
              row.required("dx").asDouble(),
              row.required("dy").asDouble(),
              row.required("yaw_rad").asDouble());
      assertThat(shift.x()).isCloseTo(row.required("shift_x").asDouble(), within(1e-12));
      assertThat(shift.y()).isCloseTo(row.required("shift_y").asDouble(), within(1e-12));
    }
  }

  /** Batch elements are independent of each other, unless upstream's rows are asked for. */
  @Test
  void temporalSelfAttentionTakesEachElementsOwnHistory() {
    ValueLevels bev = ValueLevels.of(5, 6);
    AttentionSizes sizes = new AttentionSizes(16, 4, 1, 3, 0.1);
    try (TemporalSelfAttention attention = randomized(new TemporalSelfAttention(sizes, init));
        TemporalSelfAttention upstream =
            new TemporalSelfAttention(sizes, DeformAttnOptions.DEFAULT, true, init)) {
      upstream.loadStateDict(attention.stateDict(), true);
      Tensor query = random(2, 30, 16);
      Tensor position = random(2, 30, 16);
      Tensor maps = random(2, 2, 30, 16);
      Tensor references =
          TemporalSelfAttention.references(
              new BevShift(5, 6, 1, 1).cellCentres(),
              BevShift.tensor(new BevShift.Shift(0.1, -0.05), new BevShift.Shift(0, 0.2)));
      attention.eval();
      upstream.eval();
      Tensor together = attention.forward(query, position, maps, references, bev);
      for (int b = 0; b < 2; b++) {
        Tensor alone =
            attention.forward(
                query.narrow(0, b, 1),
                position.narrow(0, b, 1),
                maps.narrow(0, b, 1),
                references.narrow(0, b, 1),
                bev);
        assertClose(together.narrow(0, b, 1), alone, 1e-5);
        assertClose(
            upstream.forward(
                query.narrow(0, b, 1),
                position.narrow(0, b, 1),
                maps.narrow(0, b, 1),
                references.narrow(0, b, 1),
                bev),
            alone,
            1e-5);
      }
      Tensor rows = upstream.forward(query, position, maps, references, bev);
      assertClose(rows.narrow(0, 0, 1), together.narrow(0, 0, 1), 1e-5);
      assertThat(largest(rows.narrow(0, 1, 1).sub(together.narrow(0, 1, 1)))).isGreaterThan(1e-3);
    }
  }

  @ParameterizedTest
  @CsvSource({"1,false", "3,false", "3,true"})
  void spatialCrossAttentionIsALoopOverCameras(int batch, boolean ofFirst) {
    try (SpatialCrossAttention attention =
        randomized(new SpatialCrossAttention(SMALL, Determinism.STRICT, ofFirst, init))) {
      attention.eval();
      int queries = 20;
      Tensor query = random(batch, queries, 16).requires_grad_(true);
      Tensor features = random(6, ROWS, batch, 16).requires_grad_(true);
      Tensor references = random(6, batch, queries, 4, 2).mul(new Scalar(0.8)).add(new Scalar(0.5));
      Tensor mask = random(6, batch, queries, 4).gt(new Scalar(0.3));
      for (Tensor position : new @Nullable Tensor[] {null, random(batch, queries, 16)}) {
        Tensor out = attention.forward(query, position, features, references, mask, LEVELS);
        Tensor expected =
            loopOverCameras(attention, ofFirst, query, position, features, references, mask);
        assertClose(out, expected, 1e-5);
        Tensor weights = torch.randn_like(out);
        Tensor[] gradients = gradients(attention, out, weights, query, features);
        Tensor[] wanted = gradients(attention, expected, weights, query, features);
        for (int i = 0; i < gradients.length; i++) {
          assertClose(gradients[i], wanted[i], 1e-4);
        }
      }
    }
  }

  /**
   * Upstream's steps: for each camera and batch element the queries that see it are gathered,
   * attend, and are added to their places; then the division by the number of cameras.
   */
  private static Tensor loopOverCameras(
      SpatialCrossAttention attention,
      boolean ofFirst,
      Tensor query,
      @Nullable Tensor position,
      Tensor features,
      Tensor references,
      Tensor mask) {
    Tensor positioned = position == null ? query : query.add(position);
    long queries = query.size(1);
    Tensor seen = mask.any(-1);
    TensorVector elements = new TensorVector();
    for (long b = 0; b < query.size(0); b++) {
      Tensor slots = torch.zeros(queries, 16);
      for (long camera = 0; camera < 6; camera++) {
        Tensor index = seen.select(0, camera).select(0, ofFirst ? 0 : b).nonzero().squeeze(-1);
        if (index.numel() == 0) {
          continue;
        }
        Tensor gathered = positioned.select(0, b).index_select(0, index).unsqueeze(0);
        Tensor anchors =
            references.select(0, camera).select(0, b).index_select(0, index).unsqueeze(0);
        Tensor value = features.select(0, camera).select(1, b).unsqueeze(0);
        Tensor sampled =
            composed(
                attention,
                "deformable_attention.",
                gathered,
                value,
                anchors,
                ReferenceKind.OF_POINT,
                SMALL,
                LEVELS);
        slots = slots.index_add(0, index, sampled.squeeze(0));
      }
      Tensor count =
          seen.select(1, b)
              .sum(new long[] {0}, false, new ScalarTypeOptional())
              .clamp_min(new Scalar(1));
      elements.push_back(slots.div(count.unsqueeze(-1)));
    }
    return linear(attention, "output_proj", torch.stack(elements, 0)).add(query);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void decoderAttentionIsItsComposition(boolean batchFirst) {
    try (CustomMultiScaleDeformableAttention attention =
        randomized(
            new CustomMultiScaleDeformableAttention(
                SMALL, DeformAttnOptions.DEFAULT, batchFirst, init))) {
      attention.eval();
      Tensor query = random(2, 9, 16);
      Tensor position = random(2, 9, 16);
      Tensor value = random(2, ROWS, 16);
      Tensor identity = random(2, 9, 16);
      Tensor padding = random(2, ROWS).gt(new Scalar(0.5));
      for (int size : new int[] {2, 4}) {
        Tensor references = random(2, 9, 2, size).mul(new Scalar(0.5)).add(new Scalar(0.5));
        Tensor out =
            order(
                attention.forward(
                    order(query, batchFirst),
                    order(position, batchFirst),
                    order(value, batchFirst),
                    order(identity, batchFirst),
                    padding,
                    references,
                    LEVELS),
                batchFirst);
        Tensor masked =
            linear(attention, "value_proj", value)
                .masked_fill(padding.unsqueeze(-1), new Scalar(0.0));
        Tensor sampled =
            sample(
                attention,
                "",
                query.add(position),
                masked,
                references,
                ReferenceKind.OF_LEVEL,
                SMALL,
                LEVELS);
        assertClose(out, linear(attention, "output_proj", sampled).add(identity), 1e-5);
      }
      Tensor points = random(2, 9, 2, 2);
      Tensor plain =
          attention.forward(
              order(query, batchFirst), null, order(value, batchFirst), null, null, points, LEVELS);
      Tensor sampled =
          composed(attention, "", query, value, points, ReferenceKind.OF_LEVEL, SMALL, LEVELS);
      assertClose(
          order(plain, batchFirst), linear(attention, "output_proj", sampled).add(query), 1e-5);
    }
  }

  private static Tensor order(Tensor tensor, boolean batchFirst) {
    return batchFirst ? tensor : tensor.transpose(0, 1);
  }

  /** Names and shapes of the base configuration's checkpoints. */
  @Test
  void namesAndShapesAreUpstreams() {
    try (TemporalSelfAttention temporal = new TemporalSelfAttention(AttentionSizes.TEMPORAL, init);
        SpatialCrossAttention spatial = new SpatialCrossAttention(AttentionSizes.spatial(4), init);
        CustomMultiScaleDeformableAttention decoder =
            new CustomMultiScaleDeformableAttention(
                AttentionSizes.DECODER, DeformAttnOptions.DEFAULT, false, init)) {
      assertThat(shapes(temporal))
          .containsExactly(
              "sampling_offsets.weight [128, 512]",
              "sampling_offsets.bias [128]",
              "attention_weights.weight [64, 512]",
              "attention_weights.bias [64]",
              "value_proj.weight [256, 256]",
              "value_proj.bias [256]",
              "output_proj.weight [256, 256]",
              "output_proj.bias [256]");
      assertThat(shapes(spatial))
          .containsExactly(
              "deformable_attention.sampling_offsets.weight [512, 256]",
              "deformable_attention.sampling_offsets.bias [512]",
              "deformable_attention.attention_weights.weight [256, 256]",
              "deformable_attention.attention_weights.bias [256]",
              "deformable_attention.value_proj.weight [256, 256]",
              "deformable_attention.value_proj.bias [256]",
              "output_proj.weight [256, 256]",
              "output_proj.bias [256]");
      assertThat(shapes(decoder))
          .contains("sampling_offsets.weight [64, 256]", "attention_weights.bias [32]");
    }
  }

  private static String[] shapes(Module module) {
    return module.stateDict().entrySet().stream()
        .map(each -> each.getKey() + " " + Arrays.toString(each.getValue().shape()))
        .toArray(String[]::new);
  }

  @Test
  void offsetsBeginAsRays() {
    try (SpatialCrossAttention spatial = new SpatialCrossAttention(SMALL, init)) {
      double[] bias =
          GradientCheck.doubles(spatial.tensor("deformable_attention.sampling_offsets.bias"));
      double[][] directions = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
      for (int i = 0; i < bias.length; i++) {
        int head = i / (2 * 8 * 2);
        int point = i / 2 % 8;
        assertThat(bias[i]).isCloseTo(directions[head][i % 2] * (point + 1), within(1e-6));
      }
      for (String zero :
          new String[] {
            "deformable_attention.sampling_offsets.weight",
            "deformable_attention.attention_weights.weight",
            "deformable_attention.attention_weights.bias",
            "deformable_attention.value_proj.bias",
            "output_proj.bias"
          }) {
        assertThat(GradientCheck.doubles(spatial.tensor(zero))).containsOnly(0);
      }
      double bound = Math.sqrt(6.0 / 32);
      assertThat(largest(spatial.tensor("output_proj.weight"))).isBetween(bound / 2, bound);
    }
  }

  @Test
  void dropoutIsForTrainingOnly() {
    try (SpatialCrossAttention attention =
        randomized(new SpatialCrossAttention(new AttentionSizes(16, 4, 2, 8, 0.5), init))) {
      Tensor query = random(1, 50, 16);
      Tensor features = random(2, ROWS, 1, 16);
      Tensor references = random(2, 1, 50, 4, 2);
      Tensor mask = torch.ones(2, 1, 50, 4).gt(new Scalar(0.0));
      Tensor trained = attention.forward(query, null, features, references, mask, LEVELS);
      attention.eval();
      Tensor out = attention.forward(query, null, features, references, mask, LEVELS);
      assertClose(out, attention.forward(query, null, features, references, mask, LEVELS), 0);
      double[] added = GradientCheck.doubles(trained.sub(query));
      long dropped = Arrays.stream(added).filter(each -> each == 0).count();
      assertThat(dropped).isBetween(added.length / 3L, added.length * 2L / 3);
      assertThat(GradientCheck.doubles(out.sub(query))).doesNotContain(0);
    }
  }

  @Test
  void errorsNameTheArgument() {
    assertThatThrownBy(() -> new AttentionSizes(10, 4, 1, 1, 0))
        .hasMessageContaining("channels must be a multiple of heads");
    assertThatThrownBy(() -> new AttentionSizes(8, 4, 1, 1, 1))
        .hasMessageContaining("dropout must be from 0");
    try (SpatialCrossAttention attention = new SpatialCrossAttention(SMALL, init)) {
      assertThatThrownBy(
              () ->
                  attention.forward(
                      random(1, 5, 16),
                      null,
                      random(2, ROWS, 1, 16),
                      random(2, 1, 6, 4, 2),
                      random(2, 1, 5, 4),
                      LEVELS))
          .hasMessage(
              "SpatialCrossAttention: referencePointsCam must be [2, 1, 5, any, 2], got [2, 1, 6, 4, 2]");
      assertThatThrownBy(
              () ->
                  attention.forward(
                      random(1, 5, 16),
                      null,
                      random(2, ROWS, 1, 16),
                      random(2, 1, 5, 3, 2),
                      random(2, 1, 5, 3),
                      LEVELS))
          .hasMessageContaining("the 8 points must be a multiple of the anchors, got 3");
    }
    assertThatThrownBy(() -> new BevShift(0, 1, 1, 1)).hasMessageContaining("must be positive");
  }

  /** A module with weights that make the queries matter. */
  private static <M extends Module> M randomized(M module) {
    Scopes.withoutGradient(
        () ->
            module
                .stateDict()
                .forEach(
                    (name, tensor) -> tensor.copy_(random(tensor.shape()).mul(new Scalar(0.4)))));
    return module;
  }

  private static Tensor composed(
      Module module,
      String prefix,
      Tensor query,
      Tensor value,
      Tensor references,
      ReferenceKind kind,
      AttentionSizes sizes,
      ValueLevels levels) {
    return sample(
        module,
        prefix,
        query,
        linear(module, prefix + "value_proj", value),
        references,
        kind,
        sizes,
        levels);
  }

  private static Tensor sample(
      Module module,
      String prefix,
      Tensor query,
      Tensor projected,
      Tensor references,
      ReferenceKind kind,
      AttentionSizes sizes,
      ValueLevels levels) {
    long batch = query.size(0);
    long queries = query.size(1);
    Tensor offsets =
        linear(module, prefix + "sampling_offsets", query)
            .view(batch, queries, sizes.heads(), sizes.levels(), sizes.points(), 2);
    Tensor weights =
        linear(module, prefix + "attention_weights", query)
            .view(batch, queries, sizes.heads(), -1)
            .softmax(-1, new ScalarTypeOptional())
            .view(batch, queries, sizes.heads(), sizes.levels(), sizes.points());
    Tensor locations =
        ComposedDeformAttn.locations(levels, references.unsqueeze(1), offsets.unsqueeze(1), kind)
            .squeeze(1);
    return ComposedDeformAttn.msda(
        projected.view(batch, -1, sizes.heads(), sizes.headChannels()), levels, locations, weights);
  }

  private static Tensor linear(Module module, String name, Tensor input) {
    return input.matmul(module.tensor(name + ".weight").t()).add(module.tensor(name + ".bias"));
  }

  /** Gradients of the module's parameters and of the tensors. */
  private static Tensor[] gradients(Module module, Tensor out, Tensor weights, Tensor... tensors) {
    module.zeroGrad();
    for (Tensor tensor : tensors) {
      tensor.mutable_grad().reset();
    }
    Autograd.backward(out, weights, true);
    return Stream.concat(module.namedParameters().values().stream(), Arrays.stream(tensors))
        .map(each -> each.grad().clone())
        .toArray(Tensor[]::new);
  }

  private static double largest(Tensor tensor) {
    return GradientCheck.doubles(tensor.abs().max())[0];
  }

  private static Tensor random(long... shape) {
    long count = 1;
    for (long size : shape) {
      count *= size;
    }
    return Tensors.of(RANDOM.doubles(count, -1, 1).toArray(), shape).to(ScalarType.Float);
  }
}
