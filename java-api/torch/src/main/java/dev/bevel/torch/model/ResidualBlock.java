package dev.bevel.torch.model;

import dev.bevel.torch.nn.BatchNorm;
import dev.bevel.torch.nn.Conv2d;
import dev.bevel.torch.nn.ConvNorm;
import dev.bevel.torch.nn.Convolution;
import dev.bevel.torch.nn.DeformConv2d;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Initializer.Weights;
import dev.bevel.torch.nn.Layer;
import dev.bevel.torch.nn.Module;
import dev.bevel.torch.nn.NamedModules;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * A residual block: a chain of convolution and batch norm ({@code conv1, bn1, conv2, ...}) with
 * ReLUs in between, plus a shortcut, then a ReLU. [N, in, H, W] → [N, out, H/stride, W/stride].
 */
final class ResidualBlock extends Module implements Layer {
  private record Link(Convolution conv, BatchNorm norm) {}

  private final List<Link> chain = new ArrayList<>();
  private Layer shortcut = x -> x;

  private ResidualBlock() {}

  /**
   * Two 3×3 convolutions; the shortcut is the identity, or a 1×1 convolution with norm where the
   * shape changes.
   */
  static ResidualBlock basic(long in, long width, long stride, Initializer init) {
    ResidualBlock block = twoConvolutions(in, width, stride, init, Weights.KAIMING_FAN_OUT);
    if (stride != 1 || in != width) {
      block.projectionShortcut(in, width, stride, init);
    }
    return block;
  }

  /**
   * 1×1, 3×3, 1×1 to four times the width.
   *
   * @param strideFirst whether the first convolution has the stride, as Caffe's ResNets have it, or
   *     the second
   * @param deformable whether the second is a modulated deformable one
   */
  static ResidualBlock bottleneck(
      long in, long width, long stride, boolean strideFirst, boolean deformable, Initializer init) {
    ResidualBlock block = new ResidualBlock();
    Weights weights = Weights.KAIMING_FAN_OUT;
    block.link(Conv2d.Shape.same(in, width, 1).withStride(strideFirst ? stride : 1), init, weights);
    Conv2d.Shape middle = Conv2d.Shape.same(width, width, 3).withStride(strideFirst ? 1 : stride);
    if (deformable) {
      block.link(DeformConv2d.modulated(middle, 1, init), width);
    } else {
      block.link(middle, init, weights);
    }
    block.link(Conv2d.Shape.same(width, 4 * width, 1), init, weights);
    if (stride != 1 || in != 4 * width) {
      block.projectionShortcut(in, 4 * width, stride, init);
    }
    return block;
  }

  /**
   * The block of BEVDet's BEV encoder: where {@code convShortcut} is set, the shortcut is one 3×3
   * convolution with bias and without norm ({@code downsample.weight, downsample.bias}), else the
   * identity.
   */
  static ResidualBlock bev(
      long in, long width, long stride, boolean convShortcut, Initializer init) {
    ResidualBlock block = twoConvolutions(in, width, stride, init, Weights.PYTORCH_DEFAULT);
    if (convShortcut) {
      block.shortcut =
          block.child(
              "downsample",
              new Conv2d(Conv2d.Shape.same(in, width, 3).withStride(stride).withBias(), init));
    }
    return block;
  }

  private static ResidualBlock twoConvolutions(
      long in, long width, long stride, Initializer init, Weights weights) {
    ResidualBlock block = new ResidualBlock();
    block.link(Conv2d.Shape.same(in, width, 3).withStride(stride), init, weights);
    block.link(Conv2d.Shape.same(width, width, 3), init, weights);
    return block;
  }

  private void link(Conv2d.Shape shape, Initializer init, Weights weights) {
    link(new Conv2d(shape, init, weights), shape.out());
  }

  private <C extends Module & Convolution> void link(C conv, long out) {
    int number = chain.size() + 1;
    child("conv" + number, conv);
    chain.add(new Link(conv, child("bn" + number, new BatchNorm(out))));
  }

  private void projectionShortcut(long in, long out, long stride, Initializer init) {
    NamedModules downsample = child("downsample", new NamedModules());
    Conv2d conv =
        downsample.add(
            "0",
            new Conv2d(
                Conv2d.Shape.same(in, out, 1).withStride(stride), init, Weights.KAIMING_FAN_OUT));
    BatchNorm norm = downsample.add("1", new BatchNorm(out));
    shortcut = x -> ConvNorm.apply(conv, norm, x);
  }

  @Override
  public Tensor forward(Tensor input) {
    given("input", input);
    return tidy(
        () -> {
          Tensor x = input;
          for (Link link : chain.subList(0, chain.size() - 1)) {
            x = ConvNorm.applyRelu(link.conv, link.norm, x);
          }
          Link last = chain.get(chain.size() - 1);
          Tensor out = ConvNorm.apply(last.conv, last.norm, x);
          out.add_(shortcut.forward(input));
          return out.relu_();
        });
  }
}
