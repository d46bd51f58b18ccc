package dev.bevel.torch.autograd;

import static dev.bevel.torch.TensorHold.requireAll;

import dev.bevel.kernels.CallSettings;
import dev.bevel.kernels.Layout;
import dev.bevel.kernels.MultiViewSample;
import dev.bevel.kernels.MultiViewSampleGradients;
import dev.bevel.kernels.MultiViewSampleInputs;
import dev.bevel.kernels.TensorView;
import dev.bevel.torch.TensorViews;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * Feature sampling in several cameras: {@link MultiViewSample}, differentiable with respect to
 * features, points (or locations) and weights.
 *
 * <p>Shapes, with B batch elements of N cameras, Q queries of P points, L levels of C channels, G
 * groups: features L times [B, N, C, H, W]; lidarToImage [B, N, 4, 4]; points [B, Q, P, 3] or
 * locations [B, Q, P, N, 2]; weights [B, Q, N, P, L] or [B, Q, N, P, L, G]. The result is [B, Q,
 * C].
 *
 * <p>Features whose memory is channels-last on all levels are sampled so, which is several times
 * faster, and their gradients are laid out likewise; others are taken as they are where planes are
 * compact, else copied.
 *
 * <p>dtypes: features Float, BFloat16 or Half, and the result like them; the others are cast to
 * Float. If any is Double all are (CPU only). On CUDA the work joins LibTorch's current stream.
 */
public final class MultiViewSampleFunction {
  private static final Argument POINTS = Argument.real("points");
  private static final Argument LOCATIONS = Argument.real("locations");
  private static final Argument MATRICES = Argument.real("lidarToImage").withoutGradient();
  private static final Argument SIZES = Argument.real("imageSizes").withoutGradient();

  private final MultiViewSampleOptions options;

  /**
   * A function that works so.
   *
   * @param options how to work
   */
  public MultiViewSampleFunction(MultiViewSampleOptions options) {
    this.options = Objects.requireNonNull(options, "options");
  }

  /**
   * Samples where the cameras see points; all images have one size.
   *
   * @param features a level each, [B, N, C, H, W]
   * @param lidarToImage [B, N, 4, 4], from the points' frame to pixels times depth; gets no
   *     gradient
   * @param imageWidth pixels, of the image that lidarToImage refers to, padding included
   * @param imageHeight pixels
   * @param points [B, Q, P, 3], metres, or in [0, 1] of the options' range
   * @param weights [B, Q, N, P, L] or [B, Q, N, P, L, G]
   */
  public Tensor sample(
      List<Tensor> features,
      Tensor lidarToImage,
      double imageWidth,
      double imageHeight,
      Tensor points,
      Tensor weights) {
    requireAll(Sampling.NAME, "features", features);
    return new Sampling(options, features.size(), imageWidth, imageHeight, POINTS, MATRICES)
        .sample(features, weights, points, lidarToImage);
  }

  /**
   * Samples where the cameras see points; each image has a size of its own.
   *
   * @param features a level each, [B, N, C, H, W]
   * @param lidarToImage [B, N, 4, 4]; gets no gradient
   * @param imageSizes [B, N, 2] (width, height) in pixels, expanded ones too; gets no gradient
   * @param points [B, Q, P, 3], metres, or in [0, 1] of the options' range
   * @param weights [B, Q, N, P, L] or [B, Q, N, P, L, G]
   */
  public Tensor sample(
      List<Tensor> features,
      Tensor lidarToImage,
      Tensor imageSizes,
      Tensor points,
      Tensor weights) {
    requireAll(Sampling.NAME, "features", features);
    return new Sampling(options, features.size(), 0, 0, POINTS, MATRICES, SIZES)
        .sample(features, weights, points, lidarToImage, imageSizes);
  }

  /**
   * Samples at known places.
   *
   * @param features a level each, [B, N, C, H, W]
   * @param locations [B, Q, P, N, 2], (u, v) in [0, 1] of the image
   * @param weights [B, Q, N, P, L] or [B, Q, N, P, L, G]
   */
  public Tensor sampleAt(List<Tensor> features, Tensor locations, Tensor weights) {
    requireAll(Sampling.NAME, "features", features);
    return new Sampling(options, features.size(), 0, 0, LOCATIONS)
        .sample(features, weights, locations);
  }

  /**
   * One application. Its inputs: features, weights, points or locations, and for points
   * lidarToImage and perhaps image sizes.
   */
  private static final class Sampling
      extends OperatorFunction<MultiViewSampleInputs, MultiViewSampleGradients> {
    static final String NAME = "MultiViewSampleFunction";

    private final MultiViewSampleOptions options;
    private final double imageWidth;
    private final double imageHeight;

    /** Features there are; the places of the other inputs follow. */
    private final int levels;

    private final int weights;
    private final int places;
    private final int matrices;
    private final int sizes;
    private final boolean located;
    private final boolean sized;

    Sampling(
        MultiViewSampleOptions options,
        int levels,
        double imageWidth,
        double imageHeight,
        Argument... afterWeights) {
      super(options.determinism(), arguments(levels, afterWeights));
      this.options = options;
      this.imageWidth = imageWidth;
      this.imageHeight = imageHeight;
      this.levels = levels;
      weights = levels;
      places = levels + 1;
      matrices = levels + 2;
      sizes = levels + 3;
      located = afterWeights[0].equals(LOCATIONS);
      sized = afterWeights.length > 2;
    }

    private static Argument[] arguments(int levels, Argument... afterWeights) {
      List<Argument> all = new ArrayList<>();
      for (int level = 0; level < levels; level++) {
        all.add(Argument.stored("features[" + level + "]"));
      }
      all.add(Argument.real("weights"));
      all.addAll(List.of(afterWeights));
      return all.toArray(new Argument[0]);
    }

    Tensor sample(List<Tensor> features, @Nullable Tensor... others) {
      List<@Nullable Tensor> all = new ArrayList<>(features);
      Collections.addAll(all, others);
      return run(all.toArray(new @Nullable Tensor[0]))[0];
    }

    @Override
    protected String name() {
      return NAME;
    }

    @Override
    @Nullable Tensor[] fitted(@Nullable Tensor[] inputs) {
      @Nullable Tensor[] ready = new @Nullable Tensor[inputs.length];
      boolean channelsLast = channelsLast(inputs);
      for (int i = 0; i < ready.length; i++) {
        Tensor input = Objects.requireNonNull(inputs[i]);
        boolean fits;
        if (i < levels) {
          fits = channelsLast || isChannelsFirst(input);
        } else if (i == weights) {
          fits = areWeightsReady(input);
        } else {
          fits = i == sizes && isCompactLast(input);
        }
        ready[i] = fits ? input : input.contiguous();
      }
      return ready;
    }

    @Override
    MultiViewSampleInputs inputs(@Nullable Tensor[] ready) {
      boolean channelsLast = channelsLast(ready);
      Layout layout = channelsLast ? Layout.CHANNELS_LAST : Layout.CHANNELS_FIRST;
      List<TensorView> features = new ArrayList<>();
      for (int level = 0; level < levels; level++) {
        features.add(view(Objects.requireNonNull(ready[level]), channelsLast));
      }
      TensorView scores = TensorViews.of(ready[weights]);
      TensorView where = TensorViews.of(ready[places]);
      if (located) {
        return MultiViewSampleInputs.located(features, layout, where, scores);
      }
      MultiViewSampleInputs inputs =
          MultiViewSampleInputs.projected(
              features, layout, TensorViews.of(ready[matrices]), where, scores);
      inputs =
          sized
              ? inputs.withImageSizes(TensorViews.of(ready[sizes]))
              : inputs.withImageSize(imageWidth, imageHeight);
      return options.pointRange() == null ? inputs : inputs.withPointRange(options.pointRange());
    }

    @Override
    long[] outShape(MultiViewSampleInputs inputs) {
      return MultiViewSample.outShape(inputs);
    }

    @Override
    void callForward(MultiViewSampleInputs inputs, TensorView out, CallSettings settings) {
      MultiViewSample.forward(inputs, out, settings);
    }

    @Override
    Tensor emptyGradient(int argument, Tensor like, @Nullable Tensor[] saved) {
      if (argument >= levels || !channelsLast(saved)) {
        return KernelTensors.emptyLike(like);
      }
      return KernelTensors.emptyLike(like.permute(0, 1, 3, 4, 2)).permute(0, 1, 4, 2, 3);
    }

    @Override
    MultiViewSampleGradients gradients(@Nullable Tensor[] written, @Nullable Tensor[] saved) {
      boolean channelsLast = channelsLast(saved);
      MultiViewSampleGradients gradients = MultiViewSampleGradients.none();
      for (int level = 0; level < levels; level++) {
        Tensor map = written[level];
        if (map != null) {
          gradients = gradients.withFeatures(level, view(map, channelsLast));
        }
      }
      gradients = gradients.withWeights(KernelTensors.view(written[weights]));
      TensorView ofPlaces = KernelTensors.view(written[places]);
      return located ? gradients.withLocations(ofPlaces) : gradients.withPoints(ofPlaces);
    }

    @Override
    void callBackward(
        MultiViewSampleInputs inputs,
        TensorView gradOut,
        MultiViewSampleGradients gradients,
        CallSettings settings) {
      MultiViewSample.backward(inputs, gradOut, gradients, settings);
    }

    private static TensorView view(Tensor map, boolean channelsLast) {
      return TensorViews.of(channelsLast ? map.permute(0, 1, 3, 4, 2) : map);
    }

    /** Whether all levels lie so in memory. */
    private boolean channelsLast(@Nullable Tensor[] inputs) {
      for (int level = 0; level < levels; level++) {
        Tensor map = Objects.requireNonNull(inputs[level]);
        if (map.dim() != 5 || !KernelTensors.isCompact(map, 3, 4, 2)) {
          return false;
        }
      }
      return true;
    }

    private static boolean isChannelsFirst(Tensor map) {
      return map.dim() == 5 && KernelTensors.isCompact(map, 2, 3, 4);
    }

    private static boolean isCompactLast(Tensor sizes) {
      return sizes.dim() == 3 && KernelTensors.isCompact(sizes, 2);
    }

    private static boolean areWeightsReady(Tensor weights) {
      return switch ((int) weights.dim()) {
        case 5 -> KernelTensors.isCompact(weights, 4);
        case 6 -> KernelTensors.isCompact(weights, 4, 5);
        default -> false; // the kernel names the wrong rank
      };
    }
  }
}
