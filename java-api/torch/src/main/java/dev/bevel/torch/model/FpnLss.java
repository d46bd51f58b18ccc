package dev.bevel.torch.model;

import dev.bevel.torch.nn.BatchNorm;
import dev.bevel.torch.nn.Conv2d;
import dev.bevel.torch.nn.ConvNorm;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Module;
import dev.bevel.torch.nn.NamedModules;
import dev.bevel.torch.nn.Ops;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * The BEV neck of BEVDet ({@code FPN_LSS}): the coarsest map enlarged four times beside the finest
 * one, two 3×3 convolutions, then enlarged twice, a 3×3 and a 1×1 convolution. All enlargements are
 * bilinear with corners aligned. Names {@code conv.{0,1,3,4}, up2.{1,2,4}}.
 */
public final class FpnLss extends Module {
  private static final long COARSE_SCALE = 4;

  private final Conv2d conv0;
  private final BatchNorm norm1;
  private final Conv2d conv3;
  private final BatchNorm norm4;
  private final Conv2d up1;
  private final BatchNorm upNorm2;
  private final Conv2d up4;

  /**
   * A neck.
   *
   * @param fine channels of the finest map
   * @param coarse channels of the coarsest map
   * @param out output channels; the layers before the last enlargement have twice as many
   */
  public FpnLss(long fine, long coarse, long out, Initializer init) {
    long wide = 2 * out;
    NamedModules conv = child("conv", new NamedModules());
    conv0 = conv.add("0", new Conv2d(Conv2d.Shape.same(fine + coarse, wide, 3), init));
    norm1 = conv.add("1", new BatchNorm(wide));
    conv3 = conv.add("3", new Conv2d(Conv2d.Shape.same(wide, wide, 3), init));
    norm4 = conv.add("4", new BatchNorm(wide));
    NamedModules up = child("up2", new NamedModules());
    up1 = up.add("1", new Conv2d(Conv2d.Shape.same(wide, out, 3), init));
    upNorm2 = up.add("2", new BatchNorm(out));
    up4 = up.add("4", new Conv2d(Conv2d.Shape.same(out, out, 1).withBias(), init));
  }

  /**
   * [N, out, 2H, 2W] from the stages' maps, of which the first ([N, fine, H, W]) and the last ([N,
   * coarse, H/4, W/4]) count.
   */
  public Tensor forward(List<Tensor> stages) {
    givenAll("stages", stages);
    return tidy(
        () -> {
          Tensor fine = stages.get(0);
          Tensor coarse = stages.get(stages.size() - 1);
          Tensor x = Ops.concatChannels(fine, enlarge(coarse, COARSE_SCALE));
          x = ConvNorm.applyRelu(conv0, norm1, x);
          x = ConvNorm.applyRelu(conv3, norm4, x);
          x = ConvNorm.applyRelu(up1, upNorm2, enlarge(x, 2));
          return up4.forward(x);
        });
  }

  private static Tensor enlarge(Tensor x, long scale) {
    return Ops.bilinear(x, scale * x.size(2), scale * x.size(3));
  }
}
