package dev.bevel.torch.model;

import dev.bevel.torch.nn.BatchNorm;
import dev.bevel.torch.nn.Conv2d;
import dev.bevel.torch.nn.ConvNorm;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Initializer.Weights;
import dev.bevel.torch.nn.Layer;
import dev.bevel.torch.nn.Module;
import dev.bevel.torch.nn.ModuleList;
import dev.bevel.torch.nn.Ops;
import dev.bevel.torch.nn.Scopes;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;

/**
 * ResNet (He et al., CVPR 2016) as torchvision and mmdetection build it. Names: {@code conv1, bn1,
 * layer{s}.{i}.conv{j}, layer{s}.{i}.bn{j}, layer{s}.{i}.downsample.{0,1}}; where the 3×3
 * convolution is deformable also {@code layer{s}.{i}.conv2.conv_offset}.
 */
public final class ResNet extends Module {
  /**
   * What backbones of bottleneck blocks have beyond their sizes.
   *
   * @param strideFirst whether a block's stride stands in its first 1×1 convolution, mmdetection's
   *     {@code style='caffe'}, or in the 3×3 one, {@code 'pytorch'}
   * @param deformableStages stages, counted from 1, whose 3×3 convolutions are modulated deformable
   *     ones: {@code stage_with_dcn}
   * @param frozenStages how many stages, the stem before them, are not trained; −1 for none, 0 for
   *     the stem alone
   * @param frozenNorms whether no batch norm is trained or updates its statistics
   */
  public record Variant(
      boolean strideFirst, Set<Integer> deformableStages, int frozenStages, boolean frozenNorms) {
    /** Stride in the 3×3 convolution, nothing deformable, nothing frozen. */
    public static final Variant PLAIN = new Variant(false, Set.of(), -1, false);

    /** Copies the set. */
    public Variant {
      deformableStages = Set.copyOf(deformableStages);
    }
  }

  /**
   * What distinguishes one ResNet from another.
   *
   * @param bottleneck bottleneck blocks (output four times the width) in place of basic ones
   * @param blocks number of blocks of each stage
   * @param strides stride of the first block of each stage
   * @param in input channels
   * @param base channels of the stem and width of the first stage; each later stage doubles it
   * @param stemPool whether a 3×3 max-pool with stride 2 follows the stem
   * @param variant what else
   */
  public record Settings(
      boolean bottleneck,
      List<Integer> blocks,
      List<Integer> strides,
      long in,
      long base,
      boolean stemPool,
      Variant variant) {
    /** Copies the lists. */
    public Settings {
      blocks = List.copyOf(blocks);
      strides = List.copyOf(strides);
      if (blocks.size() != strides.size()) {
        throw new IllegalArgumentException(
            "ResNet: blocks and strides must have one entry a stage, got "
                + blocks
                + " and "
                + strides);
      }
      if (!bottleneck && (variant.strideFirst || !variant.deformableStages.isEmpty())) {
        throw new IllegalArgumentException(
            "ResNet: basic blocks have no first 1×1 and no deformable convolution, got " + variant);
      }
      for (int stage : variant.deformableStages) {
        if (stage < 1 || stage > blocks.size()) {
          throw new IllegalArgumentException(
              String.format(
                  Locale.ROOT,
                  "ResNet: deformable stages must be 1 to %d, got %d",
                  blocks.size(),
                  stage));
        }
      }
      if (variant.frozenStages < -1 || variant.frozenStages > blocks.size()) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "ResNet: frozen stages must be -1 to %d, got %d",
                blocks.size(),
                variant.frozenStages));
      }
    }

    /**
     * The image backbones.
     *
     * @throws IllegalArgumentException if the depth is neither 18 nor 50
     */
    public static Settings image(DetectorConfig.Backbone backbone) {
      long base = backbone.width();
      List<Integer> strides = List.of(1, 2, 2, 2);
      return switch (backbone.depth()) {
        case 18 -> new Settings(false, List.of(2, 2, 2, 2), strides, 3, base, true, Variant.PLAIN);
        case 50 -> new Settings(true, List.of(3, 4, 6, 3), strides, 3, base, true, Variant.PLAIN);
        default ->
            throw new IllegalArgumentException(
                "ResNet: depth must be 18 or 50, got " + backbone.depth());
      };
    }

    /** The trunk of BEVDepth's head: three stages of two basic blocks, no max-pool. */
    public static Settings bevTrunk(long in, long base) {
      return new Settings(
          false, List.of(2, 2, 2), List.of(1, 2, 2), in, base, false, Variant.PLAIN);
    }

    /**
     * The backbone of BEVFormer (base, small) and DETR3D: ResNet-101 as Caffe has it, modulated
     * deformable convolutions in stages 3 and 4, stem and first stage and all batch norms frozen.
     */
    public static Settings deformable101() {
      return new Settings(
          true,
          List.of(3, 4, 23, 3),
          List.of(1, 2, 2, 2),
          3,
          64,
          true,
          new Variant(true, Set.of(3, 4), 1, true));
    }

    /** Output channels of each stage. */
    public List<Long> stageChannels() {
      List<Long> channels = new ArrayList<>();
      for (int s = 0; s < blocks.size(); s++) {
        channels.add((base << s) * (bottleneck ? 4 : 1));
      }
      return channels;
    }
  }

  private final Settings settings;
  private final Conv2d stem;
  private final BatchNorm stemNorm;
  private final List<ModuleList<ResidualBlock>> stages = new ArrayList<>();

  /** A ResNet; weights of convolutions normal with variance 2/fan_out. */
  public ResNet(Settings settings, Initializer init) {
    this.settings = settings;
    stem =
        child(
            "conv1",
            new Conv2d(
                Conv2d.Shape.same(settings.in, settings.base, 7).withStride(2),
                init,
                Weights.KAIMING_FAN_OUT));
    stemNorm = child("bn1", new BatchNorm(settings.base));
    long in = settings.base;
    for (int s = 0; s < settings.blocks.size(); s++) {
      ModuleList<ResidualBlock> stage = child("layer" + (s + 1), new ModuleList<>());
      for (int i = 0; i < settings.blocks.get(s); i++) {
        stage.add(block(s, in, i == 0 ? settings.strides.get(s) : 1, init));
        in = settings.stageChannels().get(s);
      }
      stages.add(stage);
    }
    freezeParts(settings.variant);
  }

  private ResidualBlock block(int stage, long in, long stride, Initializer init) {
    long width = settings.base << stage;
    Variant variant = settings.variant;
    return settings.bottleneck
        ? ResidualBlock.bottleneck(
            in,
            width,
            stride,
            variant.strideFirst,
            variant.deformableStages.contains(stage + 1),
            init)
        : ResidualBlock.basic(in, width, stride, init);
  }

  private void freezeParts(Variant variant) {
    if (variant.frozenStages >= 0) {
      stem.freeze();
      stemNorm.freeze();
      stages.subList(0, variant.frozenStages).forEach(Module::freeze);
    }
    if (variant.frozenNorms) {
      forEachModule(
          (path, module) -> {
            if (module instanceof BatchNorm) {
              module.freeze();
            }
          });
    }
  }

  /** Settings this network was made with. */
  public Settings settings() {
    return settings;
  }

  /** The outputs of all stages, first stage first. Input [N, in, H, W]. */
  public List<Tensor> forward(Tensor input) {
    given("input", input);
    return call(() -> stages(input));
  }

  private List<Tensor> stages(Tensor input) {
    Tensor x =
        Scopes.tidy(
            () -> {
              Tensor stemmed = ConvNorm.applyRelu(stem, stemNorm, input);
              return settings.stemPool ? Ops.stemMaxPool(stemmed) : stemmed;
            });
    List<Tensor> outputs = new ArrayList<>();
    for (ModuleList<ResidualBlock> stage : stages) {
      x = runAll(stage.items(), x);
      outputs.add(x);
    }
    return outputs;
  }

  /** Runs layers one after the other, freeing what lies between. */
  static Tensor runAll(List<? extends Layer> layers, Tensor input) {
    return Scopes.tidy(
        () -> {
          Tensor x = input;
          for (Layer layer : layers) {
            x = layer.forward(x);
          }
          return x;
        });
  }
}
