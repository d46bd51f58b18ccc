package dev.bevel.torch.model;

import dev.bevel.torch.nn.Conv2d;
import dev.bevel.torch.nn.Initializer;
import dev.bevel.torch.nn.Initializer.Weights;
import dev.bevel.torch.nn.Module;
import dev.bevel.torch.nn.ModuleList;
import dev.bevel.torch.nn.NamedModules;
import dev.bevel.torch.nn.Ops;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/**
 * The image neck of BEVDet ({@code FPNForBEVDet}, later {@code CustomFPN}): a feature pyramid (Lin
 * et al., CVPR 2017) of which only the finest level is computed. 1×1 lateral convolutions, coarser
 * levels added after nearest upsampling, one 3×3 convolution. Names {@code lateral_convs.{i}.conv,
 * fpn_convs.0.conv}.
 */
public final class FpnForBevDet extends Module {
  private final List<Conv2d> laterals = new ArrayList<>();
  private final Conv2d output;

  /**
   * A neck.
   *
   * @param in channels of the input levels, finest first
   * @param out output channels
   */
  public FpnForBevDet(List<Long> in, long out, Initializer init) {
    ModuleList<NamedModules> lateralConvs = child("lateral_convs", new ModuleList<>());
    for (long channels : in) {
      laterals.add(
          convolution(
              lateralConvs.add(new NamedModules()), Conv2d.Shape.same(channels, out, 1), init));
    }
    ModuleList<NamedModules> fpnConvs = child("fpn_convs", new ModuleList<>());
    output = convolution(fpnConvs.add(new NamedModules()), Conv2d.Shape.same(out, out, 3), init);
  }

  private static Conv2d convolution(NamedModules holder, Conv2d.Shape shape, Initializer init) {
    return holder.add("conv", new Conv2d(shape.withBias(), init, Weights.XAVIER_UNIFORM));
  }

  /** The finest level, [N, out, H, W] from levels [N, in[i], H/2^i, W/2^i]. */
  public Tensor forward(List<Tensor> levels) {
    givenAll("levels", levels);
    return tidy(
        () -> {
          int last = laterals.size() - 1;
          Tensor sum = laterals.get(last).forward(levels.get(last));
          for (int i = last - 1; i >= 0; i--) {
            Tensor finer = laterals.get(i).forward(levels.get(i));
            finer.add_(Ops.nearest(sum, finer.size(2), finer.size(3)));
            sum = finer;
          }
          return output.forward(sum);
        });
  }
}
