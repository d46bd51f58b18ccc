package dev.bevel.torch.autograd;

import static dev.bevel.torch.TensorHold.require;
import static dev.bevel.torch.TensorHold.requireAll;

import dev.bevel.kernels.CallSettings;
import dev.bevel.kernels.Layout;
import dev.bevel.kernels.MultiViewSample;
import dev.bevel.kernels.MultiViewSampleGradients;
import dev.bevel.kernels.MultiViewSampleInputs;
import dev.bevel.kernels.TensorView;
import dev.bevel.torch.TensorScope;
import dev.bevel.torch.TensorViews;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
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
    require(Sampling.NAME, "lidarToImage", lidarToImage);
    require(Sampling.NAME, "points", points);
    require(Sampling.NAME, "weights", weights);
    withoutGradient("lidarToImage", lidarToImage);
    return run(
        new Sampling(options, features.size(), false, imageWidth, imageHeight),
        features,
        weights,
        points,
        lidarToImage);
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
    require(Sampling.NAME, "lidarToImage", lidarToImage);
    require(Sampling.NAME, "imageSizes", imageSizes);
    require(Sampling.NAME, "points", points);
    require(Sampling.NAME, "weights", weights);
    withoutGradient("lidarToImage", lidarToImage);
    withoutGradient("imageSizes", imageSizes);
    return run(
        new Sampling(options, features.size(), false, 0, 0),
        features,
        weights,
        points,
        lidarToImage,
        imageSizes);
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
    require(Sampling.NAME, "locations", locations);
    require(Sampling.NAME, "weights", weights);
    return run(new Sampling(options, features.size(), true, 0, 0), features, weights, locations);
  }

  private static void withoutGradient(String argument, Tensor tensor) {
    KernelTensors.withoutGradient(Sampling.NAME, argument, tensor);
  }

  private static Tensor run(Sampling function, List<Tensor> features, Tensor... others) {
    TensorScope.require(Sampling.NAME);
    try (TensorScope inner = TensorScope.open()) {
      List<Tensor> all = new ArrayList<>(features);
      all.addAll(List.of(others));
      ScalarType real = KernelTensors.realOf(all.toArray(new Tensor[0]));
      for (int i = 0; i < all.size(); i++) {
        if (i >= features.size() || real == ScalarType.Double) {
          all.set(i, all.get(i).to(real));
        }
      }
      return inner.keep(function.apply(all.toArray(new Tensor[0]))[0]);
    }
  }

  /**
   * One application. Its inputs: features, weights, points or locations, and for points
   * lidarToImage and perhaps image sizes.
   */
  private static final class Sampling extends Function {
    static final String NAME = "MultiViewSampleFunction";

    private final MultiViewSampleOptions options;
    private final int levels;
    private final boolean located;
    private final double imageWidth;
    private final double imageHeight;

    Sampling(
        MultiViewSampleOptions options,
        int levels,
        boolean located,
        double imageWidth,
        double imageHeight) {
      this.options = options;
      this.levels = levels;
      this.located = located;
      this.imageWidth = imageWidth;
      this.imageHeight = imageHeight;
    }

    @Override
    protected String name() {
      return NAME;
    }

    @Override
    protected Tensor[] forward(Context context, @Nullable Tensor... inputs) {
      Tensor[] ready = inputs.clone();
      boolean channelsLast = true;
      for (int level = 0; level < levels; level++) {
        channelsLast &= isChannelsLast(inputs[level]);
      }
      for (int level = 0; level < levels && !channelsLast; level++) {
        Tensor map = inputs[level];
        ready[level] =
            map.dim() == 5 && KernelTensors.isCompact(map, 2, 3, 4) ? map : map.contiguous();
      }
      for (int i = levels + 1; i < ready.length; i++) {
        boolean sizes = i == levels + 3;
        ready[i] = sizes && isCompactLast(ready[i]) ? ready[i] : ready[i].contiguous();
      }
      if (!areWeightsReady(ready[levels])) {
        ready[levels] = ready[levels].contiguous();
      }
      Tensor features = ready[0];
      MultiViewSampleInputs views = inputs(ready, channelsLast);
      Tensor out =
          KernelTensors.empty(MultiViewSample.outShape(views), features, features.scalar_type());
      MultiViewSample.forward(
          views, TensorViews.of(out), KernelTensors.settings(features, options.determinism()));
      context.saveForBackward(ready);
      return new Tensor[] {out};
    }

    @Override
    protected @Nullable Tensor[] backward(Context context, @Nullable Tensor... gradOutputs) {
      Tensor[] saved =
          Arrays.stream(context.savedTensors()).map(Objects::requireNonNull).toArray(Tensor[]::new);
      Tensor gradOut = Objects.requireNonNull(gradOutputs[0]).contiguous();
      boolean channelsLast = true;
      for (int level = 0; level < levels; level++) {
        channelsLast &= isChannelsLast(saved[level]);
      }
      MultiViewSampleGradients asked = MultiViewSampleGradients.none();
      @Nullable Tensor[] written = new @Nullable Tensor[saved.length];
      for (int level = 0; level < levels; level++) {
        if (context.needsInputGrad(level)) {
          Tensor map = KernelTensors.emptyLike(inLayout(saved[level], channelsLast));
          asked = asked.withFeatures(level, TensorViews.of(map));
          written[level] = channelsLast ? map.permute(0, 1, 4, 2, 3) : map;
        }
      }
      for (int input = levels; input <= levels + 1; input++) {
        Tensor like = saved[input];
        written[input] =
            KernelTensors.gradient(context, input, () -> KernelTensors.emptyLike(like));
      }
      asked = asked.withWeights(KernelTensors.view(written[levels]));
      TensorView gradPlaces = KernelTensors.view(written[levels + 1]);
      MultiViewSampleGradients gradients =
          located ? asked.withLocations(gradPlaces) : asked.withPoints(gradPlaces);
      MultiViewSampleInputs views = inputs(saved, channelsLast);
      TensorView gradient = TensorViews.of(gradOut);
      CallSettings settings = KernelTensors.settings(gradOut, options.determinism());
      MultiViewSample.backward(
          views,
          gradient,
          gradients,
          KernelTensors.withWorkspace(
              settings,
              gradOut,
              () -> MultiViewSample.workspaceBytes(views, gradient, gradients, settings)));
      return written;
    }

    private MultiViewSampleInputs inputs(Tensor[] ready, boolean channelsLast) {
      List<TensorView> features = new ArrayList<>();
      for (int level = 0; level < levels; level++) {
        features.add(TensorViews.of(inLayout(ready[level], channelsLast)));
      }
      Layout layout = channelsLast ? Layout.CHANNELS_LAST : Layout.CHANNELS_FIRST;
      TensorView weights = TensorViews.of(ready[levels]);
      TensorView places = TensorViews.of(ready[levels + 1]);
      if (located) {
        return MultiViewSampleInputs.located(features, layout, places, weights);
      }
      MultiViewSampleInputs inputs =
          MultiViewSampleInputs.projected(
              features, layout, TensorViews.of(ready[levels + 2]), places, weights);
      inputs =
          ready.length > levels + 3
              ? inputs.withImageSizes(TensorViews.of(ready[levels + 3]))
              : inputs.withImageSize(imageWidth, imageHeight);
      return options.pointRange() == null ? inputs : inputs.withPointRange(options.pointRange());
    }

    private static Tensor inLayout(Tensor map, boolean channelsLast) {
      return channelsLast ? map.permute(0, 1, 3, 4, 2) : map;
    }

    private static boolean isChannelsLast(Tensor map) {
      return map.dim() == 5 && KernelTensors.isCompact(map, 3, 4, 2);
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
