package dev.bevel.torch.model;

import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Module;
import dev.bevel.torch.nn.ModuleList;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * The BEV encoder's backbone of BEVDet ({@code ResNetForBEVDet}, later {@code CustomResNet}):
 * stages of two basic blocks, each with stride 2, the first block of a stage with a plain 3×3
 * convolution as shortcut. Names {@code layers.{s}.{b}.*}.
 */
public final class BevResNet extends Module {
  private final ModuleList<ModuleList<ResidualBlock>> layers = child("layers", new ModuleList<>());

  /**
   * A BEV backbone.
   *
   * @param in channels of the BEV map
   * @param channels output channels of each stage
   */
  public BevResNet(long in, List<Integer> channels, Initializer init) {
    long current = in;
    for (int width : channels) {
      ModuleList<ResidualBlock> stage = layers.add(new ModuleList<>());
      stage.add(ResidualBlock.bev(current, width, 2, true, init));
      stage.add(ResidualBlock.bev(width, width, 1, false, init));
      current = width;
    }
  }

  /** Outputs of all stages, largest map first. Input [N, in, Y, X]. */
  public List<Tensor> forward(Tensor input) {
    given("input", input);
    return call(
        () -> {
          List<Tensor> outputs = new ArrayList<>();
          Tensor x = input;
          for (ModuleList<ResidualBlock> stage : layers.items()) {
            x = ResNet.runAll(stage.items(), x);
            outputs.add(x);
          }
          return outputs;
        });
  }
}
