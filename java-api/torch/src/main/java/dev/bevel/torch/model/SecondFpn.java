package dev.bevel.torch.model;

import dev.bevel.torch.nn.BatchNorm;
import dev.bevel.torch.nn.Conv2d;
import dev.bevel.torch.nn.ConvNorm;
import dev.bevel.torch.nn.ConvTranspose2d;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Initializer.Weights;
import dev.bevel.torch.nn.Layer;
import dev.bevel.torch.nn.Module;
import dev.bevel.torch.nn.ModuleList;
import dev.bevel.torch.nn.NamedModules;
import dev.bevel.torch.nn.Ops;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * The neck of SECOND (Yan et al., Sensors 2018; mmdetection3d's {@code SECONDFPN}): every level is
 * brought to one resolution by a strided or transposed convolution, batch norm and ReLU, and all
 * are concatenated. Names {@code deblocks.{i}.{0,1}}.
 */
public final class SecondFpn extends Module {
  private final List<Layer> levels = new ArrayList<>();

  /**
   * A neck.
   *
   * @param in channels of each level
   * @param out output channels of each level
   * @param scales factor by which each level is enlarged: 1, 2, 4, ... by a transposed convolution,
   *     1/2, 1/4, ... by a strided one; kernel equals stride
   */
  public SecondFpn(List<Long> in, long out, List<Double> scales, Initializer init) {
    ModuleList<NamedModules> deblocks = child("deblocks", new ModuleList<>());
    for (int i = 0; i < scales.size(); i++) {
      levels.add(level(deblocks.add(new NamedModules()), in.get(i), out, scales.get(i), init));
    }
  }

  private static Layer level(
      NamedModules block, long in, long out, double scale, Initializer init) {
    BatchNorm norm;
    if (scale >= 1) {
      ConvTranspose2d conv =
          block.add(
              "0", new ConvTranspose2d(in, out, Math.round(scale), init, Weights.KAIMING_FAN_OUT));
      norm = block.add("1", new BatchNorm(out, BatchNorm.SECOND));
      return x -> ConvNorm.applyRelu(conv, norm, x);
    }
    long stride = Math.round(1 / scale);
    Conv2d.Shape shape = Conv2d.Shape.same(in, out, stride).withStride(stride).withPadding(0);
    Conv2d conv = block.add("0", new Conv2d(shape, init, Weights.KAIMING_FAN_OUT));
    norm = block.add("1", new BatchNorm(out, BatchNorm.SECOND));
    return x -> ConvNorm.applyRelu(conv, norm, x);
  }

  /** All levels at one size, concatenated: [N, out·levels, H, W]. */
  public Tensor forward(List<Tensor> inputs) {
    givenAll("inputs", inputs);
    return tidy(
        () -> {
          Tensor[] parts = new Tensor[levels.size()];
          for (int i = 0; i < parts.length; i++) {
            parts[i] = levels.get(i).forward(inputs.get(i));
          }
          return Ops.concatChannels(parts);
        });
  }
}
