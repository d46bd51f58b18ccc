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
import org.bytedeco.pytorch.Tensor;

/**
 * ResNet (He et al., CVPR 2016) with the stride in the 3×3 convolution, as torchvision and
 * mmdetection build it. Names: {@code conv1, bn1, layer{s}.{i}.conv{j}, layer{s}.{i}.bn{j},
 * layer{s}.{i}.downsample.{0,1}}.
 */
public final class ResNet extends Module {
  /** Blocks of a stage. */
  private interface BlockMaker {
    ResidualBlock make(long in, long width, long stride, Initializer init);
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
   */
  public record Settings(
      boolean bottleneck,
      List<Integer> blocks,
      List<Integer> strides,
      long in,
      long base,
      boolean stemPool) {
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
        case 18 -> new Settings(false, List.of(2, 2, 2, 2), strides, 3, base, true);
        case 50 -> new Settings(true, List.of(3, 4, 6, 3), strides, 3, base, true);
        default ->
            throw new IllegalArgumentException(
                "ResNet: depth must be 18 or 50, got " + backbone.depth());
      };
    }

    /** The trunk of BEVDepth's head: three stages of two basic blocks, no max-pool. */
    public static Settings bevTrunk(long in, long base) {
      return new Settings(false, List.of(2, 2, 2), List.of(1, 2, 2), in, base, false);
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
    BlockMaker maker = settings.bottleneck ? ResidualBlock::bottleneck : ResidualBlock::basic;
    long in = settings.base;
    for (int s = 0; s < settings.blocks.size(); s++) {
      ModuleList<ResidualBlock> stage = child("layer" + (s + 1), new ModuleList<>());
      for (int i = 0; i < settings.blocks.get(s); i++) {
        stage.add(maker.make(in, settings.base << s, i == 0 ? settings.strides.get(s) : 1, init));
        in = settings.stageChannels().get(s);
      }
      stages.add(stage);
    }
  }

  /** Settings this network was made with. */
  public Settings settings() {
    return settings;
  }

  /** The outputs of all stages, first stage first. Input [N, in, H, W]. */
  public List<Tensor> forward(Tensor input) {
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
