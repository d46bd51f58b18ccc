package dev.bevel.torch.model;

import dev.bevel.kernels.PointRange;
import dev.bevel.torch.autograd.MultiViewSampleFunction;
import dev.bevel.torch.autograd.MultiViewSampleOptions;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.LayerNorm;
import dev.bevel.torch.nn.Linear;
import dev.bevel.torch.nn.Module;
import dev.bevel.torch.nn.NamedModules;
import dev.bevel.torch.nn.Ops;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * Cross-attention of DETR3D (Wang et al., CoRL 2021): each query looks where its reference point is
 * seen, in all cameras and levels at once.
 *
 * <pre>
 *   w = sigmoid(attention_weights(query + queryPosition)), a weight for each camera and level
 *   sampled = Σ over cameras that see the point, and levels, of w · features at the point
 *   result = dropout(output_proj(sampled)) + query + position_encoder(σ⁻¹(reference))
 * </pre>
 *
 * <p>Batch first, where upstream has the queries first. Parameters as upstream's {@code
 * Detr3DCrossAtten}: {@code attention_weights} [N·L, C], {@code output_proj} [C, C], {@code
 * position_encoder} with linear layers 0 and 3 and layer norms 1 and 4.
 */
public final class Detr3dCrossAttention extends Module {
  private static final double INVERSE_SIGMOID_EPSILON = 1e-5;

  private final Settings settings;
  private final MultiViewSampleFunction sampling;
  private final Linear attentionWeights;
  private final Linear outputProjection;
  private final List<Linear> positionLinear;
  private final List<LayerNorm> positionNorm;

  /**
   * What the attention is built for.
   *
   * @param channels C of queries and features
   * @param cameras N
   * @param levels L
   * @param dropout share of the output's elements that training zeroes
   * @param range that reference points are normalised to
   */
  public record Settings(int channels, int cameras, int levels, double dropout, PointRange range) {
    /** Checks the sizes. */
    public Settings {
      Objects.requireNonNull(range, "range");
      if (channels < 1 || cameras < 1 || levels < 1 || !(dropout >= 0 && dropout < 1)) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "Detr3dCrossAttention: channels, cameras and levels must be 1 or more and dropout"
                    + " in [0, 1), got %d, %d, %d, %s",
                channels,
                cameras,
                levels,
                dropout));
      }
    }

    /** 256 channels, six cameras, four levels, dropout 0.1, ±51.2 m and −5 to 3 m. */
    public static final Settings NUSCENES =
        new Settings(256, 6, 4, 0.1, new PointRange(-51.2, -51.2, -5, 51.2, 51.2, 3));
  }

  /**
   * An attention with upstream's initial values: weights of samples 0.5, the output's projection
   * Xavier-uniform.
   *
   * @param settings the sizes
   * @param init makes the values
   */
  public Detr3dCrossAttention(Settings settings, Initializer init) {
    this.settings = settings;
    sampling =
        new MultiViewSampleFunction(MultiViewSampleOptions.DEFAULT.withPointRange(settings.range));
    int channels = settings.channels;
    attentionWeights =
        child(
            "attention_weights",
            new Linear(
                channels,
                (long) settings.cameras * settings.levels,
                Initializer.Weights.ZEROS,
                init));
    outputProjection =
        child(
            "output_proj",
            new Linear(channels, channels, Initializer.Weights.XAVIER_UNIFORM, init));
    NamedModules encoder = child("position_encoder", new NamedModules());
    Linear first = encoder.add("0", new Linear(3, channels, init));
    LayerNorm firstNorm = encoder.add("1", new LayerNorm(channels));
    Linear second = encoder.add("3", new Linear(channels, channels, init));
    LayerNorm secondNorm = encoder.add("4", new LayerNorm(channels));
    positionLinear = List.of(first, second);
    positionNorm = List.of(firstNorm, secondNorm);
  }

  /**
   * What the cameras of a batch see.
   *
   * @param features a level each, [B, N, C, H, W]; channels-last memory is sampled fastest
   * @param lidarToImage [B, N, 4, 4], from metres in the reference points' frame to pixels times
   *     depth
   * @param imageWidth pixels, of the image that lidarToImage refers to, padding included
   * @param imageHeight pixels. (Upstream takes the first batch element's size for all: a batch has
   *     one size here, too.)
   */
  public record Images(
      List<Tensor> features, Tensor lidarToImage, double imageWidth, double imageHeight) {
    /** Copies the list. */
    public Images {
      features = List.copyOf(features);
    }
  }

  /**
   * Attends.
   *
   * @param query [B, Q, C]
   * @param queryPosition [B, Q, C], added to query for the weights; null for none
   * @param reference [B, Q, 3], in [0, 1] of the settings' range; gradients flow to it
   * @param images what is looked at
   * @return [B, Q, C]
   */
  public Tensor forward(
      Tensor query, @Nullable Tensor queryPosition, Tensor reference, Images images) {
    given("query", query);
    given("reference", reference);
    givenAll("images.features", images.features);
    given("images.lidarToImage", images.lidarToImage);
    if (queryPosition != null) {
      given("queryPosition", queryPosition);
    }
    if (images.features.size() != settings.levels) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "Detr3dCrossAttention: built for %d levels, got %d",
              settings.levels,
              images.features.size()));
    }
    return tidy(
        () -> {
          Tensor positioned = queryPosition == null ? query : query.add(queryPosition);
          Tensor weights =
              attentionWeights
                  .forward(positioned)
                  .sigmoid()
                  .view(query.size(0), query.size(1), settings.cameras, 1, settings.levels);
          Tensor sampled =
              sampling.sample(
                  images.features,
                  images.lidarToImage,
                  images.imageWidth,
                  images.imageHeight,
                  reference.unsqueeze(2),
                  weights);
          Tensor output = outputProjection.forward(finite(sampled.to(query.scalar_type())));
          return torch
              .dropout(output, settings.dropout, isTraining())
              .add(query)
              .add(encodePosition(reference));
        });
  }

  /** Upstream's nan_to_num. */
  private static Tensor finite(Tensor values) {
    return torch.nan_to_num(
        values, new DoubleOptional(), new DoubleOptional(), new DoubleOptional());
  }

  private Tensor encodePosition(Tensor reference) {
    Tensor x = inverseSigmoid(reference);
    for (int i = 0; i < positionLinear.size(); i++) {
      x = Ops.relu(positionNorm.get(i).forward(positionLinear.get(i).forward(x)));
    }
    return x;
  }

  /** log(x / (1 − x)) with both at least 1e-5. */
  private static Tensor inverseSigmoid(Tensor x) {
    ScalarOptional least = new ScalarOptional(new Scalar(INVERSE_SIGMOID_EPSILON));
    Tensor inside = x.clamp(new ScalarOptional(new Scalar(0)), new ScalarOptional(new Scalar(1)));
    Tensor complement = inside.neg().add(new Scalar(1)).clamp(least, new ScalarOptional());
    return torch.log(inside.clamp(least, new ScalarOptional()).div(complement));
  }
}
